/** Options and arguments of a command. */
import { type ParseArgsConfig, parseArgs } from 'node:util';

/** The command line is wrong: exit status 2. */
export class UsageError extends Error {
  override readonly name = 'UsageError';
  readonly code = 'USAGE';
}

export const WHERE = { config: { type: 'string' }, state: { type: 'string' } } as const;

/** Parses strictly; what is wrong becomes a {@link UsageError}. */
export function parseCommand<const O extends NonNullable<ParseArgsConfig['options']>>(args: string[], options: O) {
  try {
    return parseArgs({ args, options, allowPositionals: true, strict: true });
  } catch (error) {
    // Node goes on to say how to write an argument that begins with a dash, which none of ours does
    const [what] = (error as Error).message.split('. ');
    throw new UsageError(`${what}; 'sallyport help' shows how`);
  }
}

/** The value of `option` as one of those that it takes. */
export function oneOf<const T extends string>(option: string, value: string, choices: readonly T[]): T {
  const found = choices.find((choice) => choice === value);
  if (found !== undefined) return found;
  throw new UsageError(`${option} is one of ${choices.join(', ')}, not ${JSON.stringify(value)}`);
}

/** As many arguments as `names`, each not empty. */
export function expectArguments(positionals: readonly string[], ...names: readonly string[]): string[] {
  const missing = names.find((_, i) => !positionals[i]);
  if (missing) throw new UsageError(`${missing} is missing; 'sallyport help' shows how`);
  const extra = positionals[names.length];
  if (extra !== undefined) throw new UsageError(`what is ${JSON.stringify(extra)} for? 'sallyport help' shows how`);
  return [...positionals];
}
