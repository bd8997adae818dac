/** What may be done to users, by the control API and by the command line alike. */
import type { GatewayConfig } from '../config/config.ts';
import { isUserName } from '../config/values.ts';
import type { UserRow } from '../control/gateway-types.ts';
import { formatPrefix, type IpAddress, type Prefix, parseIp, prefixContains, prefixMask } from '../core/net/address.ts';
import { hashPassword } from '../host/argon2.ts';
import { HostError } from '../host/errors.ts';
import { LoginSecrets } from '../host/login-secrets.ts';
import { Passcodes } from '../host/passcodes.ts';
import { openStore, type Store, storeExists } from '../host/store/store.ts';
import type { LoginSecret } from '../host/store/users.ts';
import { poolsOf } from './networks.ts';

/** What is kept beside the password's hash. */
export interface KeptSecrets {
  /** The NT hash that MS-CHAPv2 needs. */
  readonly l2tp: boolean;
  /** The password itself, that CHAP with MD5 needs. */
  readonly chapMd5: boolean;
}

/** Null: whoever has one of the old password keeps one, of the new. */
export type ChangedSecrets = { readonly [Secret in keyof KeptSecrets]: KeptSecrets[Secret] | null };

export interface UserAdministration {
  /** Whether `add` would do, or `changePassword` if it isn't a new user: asked before anybody is asked for the password. */
  check(name: string, isNew: boolean, address: string | null): void;
  add(name: string, password: string, address: string | null, kept: KeptSecrets): Promise<void>;
  changePassword(name: string, password: string, kept: ChangedSecrets): Promise<void>;
  /** Turns the second factor on, anew if it was, or off. The URI for an authenticator app comes back, this once. */
  setTotp(name: string, on: boolean): string | null;
  remove(name: string): void;
  list(): UserRow[];
}

/** Each throws a {@link HostError} that says what to do. */
export function administerUsers(store: Store, config: () => GatewayConfig): UserAdministration {
  const passcodes = new Passcodes(store);
  const secrets = new LoginSecrets(store);
  const expectNew = (name: string, address: string | null) => {
    if (!isUserName(name)) {
      throw new HostError('BAD_NAME', 'a user name has 1 to 64 visible characters and no spaces');
    }
    const inner = address === null ? undefined : staticAddress(address, poolsOf(config()));
    store.users.expectFree(name, inner);
    return inner;
  };
  return {
    check(name, isNew, address) {
      if (isNew) expectNew(name, address);
      else store.users.expectKnown(name);
    },
    async add(name, password, address, { l2tp, chapMd5 }) {
      const inner = expectNew(name, address);
      store.users.add(name, await hashPassword(password), inner);
      if (l2tp) secrets.set(name, 'ntHash', password);
      if (chapMd5) secrets.set(name, 'chapPassword', password);
    },
    async changePassword(name, password, { l2tp, chapMd5 }) {
      store.users.setPassword(name, await hashPassword(password));
      const user = store.users.find(name);
      const keep = (secret: LoginSecret, wish: boolean | null) => {
        if (wish ?? user?.[secret] !== undefined) secrets.set(name, secret, password);
        else secrets.remove(name, secret);
      };
      keep('ntHash', l2tp);
      keep('chapPassword', chapMd5);
    },
    setTotp(name, on) {
      if (on) return passcodes.enroll(name);
      passcodes.remove(name);
      return null;
    },
    remove: (name) => store.users.remove(name),
    list: () =>
      store.users.list().map(({ name, address, created, totp, ntHash, chapPassword }) => ({
        name,
        address: address ?? null,
        totp: totp !== undefined,
        l2tp: ntHash !== undefined,
        chapMd5: chapPassword !== undefined,
        created: new Date(created).toISOString(),
      })),
  };
}

/** The address in canonical text, if a client can have it. */
function staticAddress(text: string, pools: readonly Prefix[]): string {
  const address = parseIp(text);
  if (!address) throw new HostError('BAD_ADDRESS', `${JSON.stringify(text.slice(0, 64))} is not an IP address`);
  const pool = pools.find((candidate) => prefixContains(candidate, address));
  if (!pool) {
    const shown = pools.map(formatPrefix).join(', ');
    throw new HostError(
      'ADDRESS_OUTSIDE',
      `${address.text} is outside the pool ${shown}; name your configuration with --config, if you have one`,
    );
  }
  if (isReserved(pool, address)) {
    throw new HostError(
      'ADDRESS_RESERVED',
      `${address.text} is kept by the network ${formatPrefix(pool)} or its gateway; take another`,
    );
  }
  return address.text;
}

/** The network's own address, the gateway's (the first) and the broadcast address. */
function isReserved(pool: Prefix, address: IpAddress): boolean {
  const mask = prefixMask(pool.length, address.bytes.length);
  const host = address.bytes.map((byte, i) => byte & ~mask[i]!);
  const isBroadcast = address.bytes.every((byte, i) => (byte | mask[i]!) === 0xff);
  const isNetworkOrFirst = host.subarray(0, -1).every((byte) => byte === 0) && host.at(-1)! <= 1;
  return isBroadcast || isNetworkOrFirst;
}

/** Administers the users in the state folder of `config`, for when no gateway runs there. */
export function openUsers(config: GatewayConfig, make: boolean): UserAdministration {
  if (!make && !storeExists(config.state)) {
    throw new HostError('NO_STATE', `there are no users in ${config.state} yet; 'user add' or 'serve' makes the first`);
  }
  return administerUsers(openStore(config.state), () => config);
}
