/** The command line: finds the command, runs it, and turns what it throws into a line and an exit status. */
import { escapeLines } from '../host/escape.ts';
import { UsageError } from './usage.ts';

/** Runs with the arguments behind the command's name; the exit status comes back. */
export type Command = (args: string[]) => Promise<number>;

const COMMANDS: Readonly<Record<string, () => Promise<{ run: Command }>>> = {
  serve: () => import('./serve.ts'),
  user: () => import('./user.ts'),
  sessions: () => import('./sessions.ts'),
  reload: () => import('./reload.ts'),
  metrics: () => import('./metrics.ts'),
  kick: () => import('./kick.ts'),
  check: () => import('./check.ts'),
  connect: () => import('./connect.ts'),
  status: () => import('./status.ts'),
  disconnect: () => import('./disconnect.ts'),
  doctor: () => import('./doctor.ts'),
  ca: () => import('./ca.ts'),
  openings: () => import('./openings.ts'),
  cleanup: () => import('./cleanup.ts'),
  help: () => import('./help.ts'),
  '--help': () => import('./help.ts'),
  '-h': () => import('./help.ts'),
  '--version': () => import('./version.ts'),
};

/** 0: done. 1: it failed. 2: the command line is wrong. */
async function main([name, ...args]: string[]): Promise<number> {
  try {
    if (name === undefined) throw new UsageError("which command? 'sallyport help' shows them");
    const load = Object.hasOwn(COMMANDS, name) ? COMMANDS[name] : undefined;
    if (!load)
      throw new UsageError(`there is no command ${JSON.stringify(name)}; 'sallyport help' shows those there are`);
    if (args.includes('--help') || args.includes('-h')) return await (await import('./help.ts')).run([name]);
    return await (await load()).run(args);
  } catch (error) {
    console.error(describe(error));
    return error instanceof UsageError ? 2 : 1;
  }
}

/** Errors with a code are meant for people; any other is a mistake of ours, and its stack helps to find it. */
function describe(error: unknown): string {
  const { code, name, message, stack } = error as { code?: unknown; name?: string; message?: string; stack?: string };
  const lines =
    typeof code === 'string' && name !== 'TypeError' ? message : `unexpected error: ${stack ?? String(error)}`;
  return escapeLines(`sallyport: ${lines}`);
}

// `sallyport sessions | head` is no failure.
process.stdout.on('error', (error: NodeJS.ErrnoException) => process.exit(error.code === 'EPIPE' ? 0 : 1));

process.exitCode = await main(process.argv.slice(2));
// All is said and done. Left to itself Node would forget who takes its signals some time before it is gone, and one that comes
// then would end it without its status.
process.once('beforeExit', () => process.exit());
