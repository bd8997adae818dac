/** What is wrong with a client's profile, or what it says in short. */
import { extname } from 'node:path';
import { readFromDisk } from '../config/files.ts';
import { formatProblemIn } from '../config/problem.ts';
import { checkProfileFile } from '../config/profile/load.ts';
import type { Profile } from '../config/profile/profile.ts';
import { formatPrefix } from '../core/net/address.ts';
import { nodeCrypto } from '../host/crypto/node-crypto.ts';
import { escapeControls } from '../host/escape.ts';

/** Whether `file` is meant as a profile: a gateway's configuration names no gateway to dial. */
export function isProfile(file: string): boolean {
  if (['.pcf', '.conf'].includes(extname(file).toLowerCase())) return true;
  try {
    return /^(?:gateway:|[ \t]*\[main\]|IPSec gateway )/im.test(readFromDisk(file).bytes.toString('latin1'));
  } catch {
    // Whoever reads it next says why it can't be read.
    return false;
  }
}

export function checkProfile(file: string): number {
  const { profile, problems } = checkProfileFile(file, nodeCrypto);
  for (const problem of problems) console.error(formatProblemIn(file, problem));
  if (!profile) return 1;
  console.log(`${file}: ok`);
  console.log(summary(profile).join('\n'));
  return 0;
}

function methodsOf({ pppMethods }: Profile): string {
  return pppMethods?.join(', ') ?? 'what the gateway asks for';
}

/** Names and networks; no secret. */
function summary(profile: Profile): string[] {
  const { gateways, identity, user, password, routes, authentication, exchange, carrier, onLoss, legacy } = profile;
  const who = `${user === undefined ? 'asked for' : escapeControls(user)}, password ${password === undefined ? 'asked for' : 'saved'}`;
  return [
    `  profile   ${profile.name}`,
    `  gateway   ${gateways.join(', ')}`,
    ...(identity === undefined ? [] : [`  group     ${escapeControls(identity)}`]),
    `  proof     ${authentication}, ${exchange} mode`,
    ...(profile.xauth || profile.l2tp ? [`  user      ${who}`] : []),
    ...(profile.l2tp ? [`  l2tp      in transport mode, the user logs in by ${methodsOf(profile)}`] : []),
    `  carrier   ${carrier}`,
    `  networks  ${routes?.map(formatPrefix).join(', ') ?? 'as the gateway says'}`,
    `  on loss   ${onLoss}`,
    ...(legacy ? ['  legacy    modp1024, modp1536, 3DES and MD5 may be offered'] : []),
  ];
}
