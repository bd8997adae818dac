/** sallyport connect: dials a gateway, and stays until it ends or is ended. */
import { connectAttended } from '../client/attended.ts';
import type { Ending } from '../client/report.ts';
import { clientFolder } from '../host/network/folder.ts';
import { answersFor } from './asker.ts';
import { type ClientView, JsonView, LiveView, PlainView } from './client-view.ts';
import { beginDialling } from './dialling.ts';
import { readTyped, TypingError } from './typing.ts';
import { expectArguments, parseCommand } from './usage.ts';

const OPTIONS = {
  json: { type: 'boolean' },
  carrier: { type: 'string' },
  user: { type: 'string' },
  'on-loss': { type: 'string' },
  'password-fd': { type: 'string' },
  'password-stdin': { type: 'boolean' },
} as const;

/** Exit status by how it ended; 2 is for a wrong command line. */
const STATUS: Readonly<Record<Ending, number>> = { user: 0, failed: 1, refused: 3, blocked: 4, gateway: 5 };

export async function run(args: string[]): Promise<number> {
  const { connect } = await import('../client/program.ts');
  const { values, positionals } = parseCommand(args, OPTIONS);
  const [argument = ''] = expectArguments(positionals, 'the profile');
  const { profile, lines, ended } = beginDialling(argument, values);
  endWithOutput(ended);
  const view = viewFor(values.json);
  const type = process.stdin.isTTY && !values['password-stdin'] ? typeIn(view, ended) : undefined;
  const answers = answersFor(profile, { lines, type });
  let isTold = false;
  try {
    const result = await connectAttended(
      {
        ...answers,
        report: (event) => {
          isTold ||= event.type === 'down';
          view.report(event);
        },
        stateFolder: clientFolder(),
        signal: ended.signal,
      },
      connect,
    );
    return STATUS[result.ending];
  } catch (error) {
    // people have read it as the last line already; a mistake of ours comes with its stack besides
    if (isTold && !values.json && (error as { code?: unknown }).code !== undefined) return STATUS.failed;
    throw error;
  } finally {
    view.close();
    lines?.close();
  }
}

/** Nobody reads any more, as after `| head` or when the terminal is gone: then the host's network is put back first. */
function endWithOutput(ended: AbortController): void {
  for (const stream of [process.stdout, process.stderr]) {
    stream.removeAllListeners('error').on('error', () => ended.abort());
  }
}

function viewFor(json: boolean | undefined): ClientView {
  const now = () => new Date();
  if (json) return new JsonView(process.stdout, now);
  return process.stdout.isTTY ? new LiveView(process.stdout, now) : new PlainView(process.stdout);
}

/** Who doesn't want to answer doesn't want to connect. */
function typeIn(view: ClientView, ended: AbortController): typeof readTyped {
  return (question, typing) =>
    view.whileAsking(async () => {
      try {
        return await readTyped(question, { ...typing, signal: ended.signal });
      } catch (error) {
        if (error instanceof TypingError) ended.abort();
        throw error;
      }
    });
}
