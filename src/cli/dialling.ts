/** What the commands that dial a profile begin with. */
import type { Profile } from '../config/profile/profile.ts';
import { expectClientRights } from '../host/network/rights.ts';
import { type PasswordOptions, passwordLines } from './asker.ts';
import type { LineInput } from './line-input.ts';
import { type ProfileOptions, readProfile } from './profile-argument.ts';
import { onEndSignal } from './signals.ts';

export interface Dialling {
  readonly profile: Profile;
  /** What was given to answer with. */
  readonly lines: LineInput | undefined;
  /** Aborted by the first signal that ends the program, or by whoever else ends it. */
  readonly ended: AbortController;
}

/** Throws what a wrong profile or missing rights throw, before anything is changed. */
export function beginDialling(argument: string, options: ProfileOptions & PasswordOptions): Dialling {
  const lines = passwordLines(options);
  const profile = readProfile(argument, options);
  expectClientRights();
  // Whatever is written from here on is ours alone.
  process.umask(0o077);
  const ended = new AbortController();
  onEndSignal(['SIGINT', 'SIGTERM', 'SIGHUP'], () => ended.abort());
  return { profile, lines, ended };
}
