/** sallyport doctor */
import { doctorProfile } from './doctor-profile.ts';
import { expectArguments, parseCommand } from './usage.ts';

const OPTIONS = {
  json: { type: 'boolean' },
  carrier: { type: 'string' },
  user: { type: 'string' },
  'password-fd': { type: 'string' },
  'password-stdin': { type: 'boolean' },
} as const;

export async function run(args: string[]): Promise<number> {
  const { values, positionals } = parseCommand(args, OPTIONS);
  const [argument = ''] = expectArguments(positionals, 'the profile');
  return doctorProfile(argument, values);
}
