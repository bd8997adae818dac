/** The embedded default's first group and user: made once, kept in the state folder, and shown once. */
import { randomInt } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { networkInterfaces } from 'node:os';
import { join } from 'node:path';
import { type GatewayConfig, namesNobody, withGroup } from '../config/config.ts';
import { utf8 } from '../core/bytes/text.ts';
import { hashPassword } from '../host/argon2.ts';
import { HostError, systemReason } from '../host/errors.ts';
import type { Logger } from '../host/log.ts';
import { writePrivateFile } from '../host/private-folder.ts';
import type { Store } from '../host/store/store.ts';

export const FIRST_GROUP = 'sallyport';
export const FIRST_USER = 'sally';

/** Where it is shown: a terminal, or undefined when nobody watches. */
export type Terminal = { write(text: string): unknown } | undefined;

/** `config` as it is if it names somebody. What was made is shown before anything can fail: the password is known at no other time. */
export async function withFirstLogin(
  config: GatewayConfig,
  store: Store,
  terminal: Terminal,
  log: Logger,
): Promise<GatewayConfig> {
  if (!namesNobody(config)) return config;
  const { config: complete, instructions } = await prepareFirstLogin(config, store);
  if (instructions && terminal) terminal.write(`${instructions}\n`);
  else if (instructions) {
    const file = join(store.folder, 'first-login.txt');
    writePrivateFile(file, instructions.trimStart());
    log.info({ file }, 'made a group and a first user; what to type into a client is in this file');
  }
  return complete;
}

interface FirstLogin {
  readonly config: GatewayConfig;
  /** What to type into a client; undefined: it was shown at an earlier start. */
  readonly instructions: string | undefined;
}

/** Adds the first group to `config`, and the first user to a store without users. */
async function prepareFirstLogin(config: GatewayConfig, store: Store): Promise<FirstLogin> {
  const { secret, isNew } = keptSecret(join(store.folder, 'group-secret'));
  const password = store.users.list().length === 0 ? generateSecret(16) : undefined;
  if (password) store.users.add(FIRST_USER, await hashPassword(password));
  const complete = withGroup(config, FIRST_GROUP, utf8(secret));
  const instructions = isNew || password ? describe(addressesOf(config), secret, password) : undefined;
  return { config: complete, instructions };
}

/** Small letters and digits that can't be taken for one another: 32, so 5 bits each. */
const LETTERS = 'abcdefghijkmnpqrstuvwxyz23456789';

/** 28 letters are 140 bits. Clients with one line for it take no spaces, so there are none. */
const SECRET_LETTERS = 28;

function generateSecret(letters: number): string {
  return Array.from({ length: letters }, () => LETTERS[randomInt(LETTERS.length)]).join('');
}

function keptSecret(path: string): { secret: string; isNew: boolean } {
  try {
    return { secret: readFileSync(path, 'utf8').trim(), isNew: false };
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') {
      throw new HostError('GROUP_SECRET', `can't read ${path}: ${systemReason(error)}`);
    }
  }
  const secret = generateSecret(SECRET_LETTERS);
  writeFileSync(path, `${secret}\n`, { mode: 0o600, flag: 'wx' });
  return { secret, isNew: true };
}

/** Where clients may reach us, as far as this machine can know: a router before it has another address. */
function addressesOf(config: GatewayConfig): string[] {
  if (config.listen) return config.listen.map((address) => address.text);
  return Object.entries(networkInterfaces())
    .filter(([name]) => name !== config.tun)
    .flatMap(([, addresses]) => addresses ?? [])
    .filter(({ internal, address }) => !internal && !address.startsWith('fe80:'))
    .map(({ address }) => address);
}

function describe(addresses: readonly string[], secret: string, password: string | undefined): string {
  const server = addresses[0] ?? 'ADDRESS-OF-THIS-MACHINE';
  const others = addresses.length > 1 ? `  (or ${addresses.slice(1).join(', ')})` : '';
  const shown = password ?? "(as it was; 'sallyport user passwd' sets another)";
  return `
Sallyport made a group and a first user. This is shown once.

  Cisco-style clients; macOS and iOS "Cisco IPsec":
    Server        ${server}${others}
    Account       ${FIRST_USER}
    Password      ${shown}
    Group name    ${FIRST_GROUP}
    Shared secret ${secret}

  vpnc, for example in /etc/vpnc/sallyport.conf:
    IPSec gateway ${server}
    IPSec ID ${FIRST_GROUP}
    IPSec secret ${secret}
    IKE DH Group dh14
    Xauth username ${FIRST_USER}
    Xauth password ${password ?? 'THE-PASSWORD'}

  More users: sallyport user add NAME
`;
}
