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

export interface FirstLogin {
  /** What to go by: as it was if it names somebody, else with the first group. */
  readonly config: GatewayConfig;
  /**
   * Shows what to type into a client, then keeps it; nothing if that was done at an earlier start. Call it when nothing can fail any more:
   * the password is known at no other time, and of what can't be used nothing should be told or kept.
   */
  make(): void;
}

/** Changes nothing yet. */
export async function prepareFirstLogin(
  config: GatewayConfig,
  store: Store,
  terminal: Terminal,
  log: Logger,
): Promise<FirstLogin> {
  if (!namesNobody(config)) return { config, make: () => undefined };
  const secretFile = join(store.folder, 'group-secret');
  const kept = keptSecret(secretFile);
  const secret = kept ?? generateSecret(SECRET_LETTERS);
  const password = store.users.list().length === 0 ? generateSecret(16) : undefined;
  const passwordHash = password === undefined ? undefined : await hashPassword(password);
  return {
    config: withGroup(config, FIRST_GROUP, utf8(secret)),
    make() {
      if (kept !== undefined && passwordHash === undefined) return;
      show(describe(addressesOf(config), secret, password), store.folder, terminal, log);
      if (kept === undefined) writeFileSync(secretFile, `${secret}\n`, { mode: 0o600, flag: 'wx' });
      if (passwordHash !== undefined) store.users.add(FIRST_USER, passwordHash);
    },
  };
}

function show(instructions: string, folder: string, terminal: Terminal, log: Logger): void {
  if (terminal) {
    terminal.write(`${instructions}\n`);
    return;
  }
  const file = join(folder, 'first-login.txt');
  writePrivateFile(file, instructions.trimStart());
  log.info({ file }, 'made a group and a first user; what to type into a client is in this file');
}

/** Small letters and digits that can't be taken for one another: 32, so 5 bits each. */
const LETTERS = 'abcdefghijkmnpqrstuvwxyz23456789';

/** 28 letters are 140 bits. Clients with one line for it take no spaces, so there are none. */
const SECRET_LETTERS = 28;

function generateSecret(letters: number): string {
  return Array.from({ length: letters }, () => LETTERS[randomInt(LETTERS.length)]).join('');
}

/** Undefined: there is none yet. */
function keptSecret(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8').trim();
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw new HostError('GROUP_SECRET', `can't read ${path}: ${systemReason(error)}`);
  }
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
