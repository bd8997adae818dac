/** sallyport doctor: why a connection fails. What its argument is decides who answers. */
import { existsSync } from 'node:fs';
import { isProfileName, lookUpProfile, profileSearch } from '../config/profile/find.ts';
import { expectArguments, parseCommand, UsageError } from './usage.ts';

const OPTIONS = {
  json: { type: 'boolean' },
  carrier: { type: 'string' },
  user: { type: 'string' },
  'password-fd': { type: 'string' },
  'password-stdin': { type: 'boolean' },
} as const;

/** The name of standard input. */
const DASH = '-';

export async function run(args: string[]): Promise<number> {
  const { values, positionals } = parseCommand(args, OPTIONS);
  const [what = ''] = expectArguments(positionals, 'a capture or a profile');
  if (what === DASH || (existsSync(what) && !isProfileName(what))) {
    const { diagnoseCapture } = await import('../doctor/program.ts');
    return diagnoseCapture(what, values);
  }
  if (isProfileName(what) || (!what.includes('/') && lookUpProfile(what, profileSearch(process.env)) !== undefined)) {
    const { doctorProfile } = await import('./doctor-profile.ts');
    return doctorProfile(what, values);
  }
  throw new UsageError(`there is no file and no profile ${JSON.stringify(what)}`);
}
