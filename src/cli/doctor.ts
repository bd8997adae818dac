/** sallyport doctor: why a connection fails. What its argument is decides who answers. */
import { existsSync } from 'node:fs';
import { expectArguments, parseCommand, UsageError } from './usage.ts';

const OPTIONS = { json: { type: 'boolean' } } as const;

/** The name of standard input. */
const DASH = '-';

export async function run(args: string[]): Promise<number> {
  const { values, positionals } = parseCommand(args, OPTIONS);
  const [what = ''] = expectArguments(positionals, 'the capture');
  if (what === DASH || existsSync(what)) {
    const { diagnoseCapture } = await import('../doctor/program.ts');
    return diagnoseCapture(what, values);
  }
  throw new UsageError(`there is no file ${JSON.stringify(what)}`);
}
