/** The profile that the command line names. */

import { formatProblemIn } from '../config/problem.ts';
import { findProfile, profileSearch } from '../config/profile/find.ts';
import { loadProfile } from '../config/profile/load.ts';
import { CARRIER_CHOICES, ON_LOSS, type Profile } from '../config/profile/profile.ts';
import { nodeCrypto } from '../host/crypto/node-crypto.ts';
import { oneOf, UsageError } from './usage.ts';

/** What the command line says otherwise. */
export interface ProfileOptions {
  readonly carrier?: string | undefined;
  readonly user?: string | undefined;
  readonly 'on-loss'?: string | undefined;
}

/** Prints warnings. Throws {@link ConfigError} with all that is wrong. */
export function readProfile(argument: string, options: ProfileOptions): Profile {
  const file = findProfile(argument, profileSearch(process.env));
  const { profile, warnings } = loadProfile(file, nodeCrypto);
  for (const warning of warnings) console.error(formatProblemIn(file, warning));
  return withOptions(profile, options);
}

/** A name that isn't the saved one has another password. */
export function withOptions(profile: Profile, { carrier, user, 'on-loss': onLoss }: ProfileOptions): Profile {
  if (user === '') throw new UsageError('--user needs a name');
  const isOther = user !== undefined && user !== profile.user;
  return {
    ...profile,
    carrier: carrier === undefined ? profile.carrier : oneOf('--carrier', carrier, CARRIER_CHOICES),
    onLoss: onLoss === undefined ? profile.onLoss : oneOf('--on-loss', onLoss, ON_LOSS),
    user: user ?? profile.user,
    password: isOther ? undefined : profile.password,
  };
}
