/** strongSwan's configuration as data: what its clients, and the gateway that stands in for ours, are told. */
import * as lab from './gateway.ts';
import { lanPrefix } from './topology.ts';

/** A section of a strongSwan file; several values are joined by commas. */
export interface Section {
  readonly [key: string]: string | readonly string[] | Section | undefined;
}

export function formatSection(section: Section, indent = ''): string {
  return Object.entries(section)
    .map(([key, value]) => {
      if (value === undefined) return '';
      if (typeof value === 'string') return `${indent}${key} = ${value}\n`;
      if (isList(value)) return `${indent}${key} = ${value.join(',')}\n`;
      return `${indent}${key} {\n${formatSection(value, `${indent}  `)}${indent}}\n`;
    })
    .join('');
}

function isList(value: readonly string[] | Section): value is readonly string[] {
  return Array.isArray(value);
}

export interface ClientOptions {
  readonly local: string;
  readonly remote: string;
  /** Default aggressive. */
  readonly mode?: 'aggressive' | 'main';
  /** Our identity; default the group's name in aggressive mode, else the address. */
  readonly id?: string;
  readonly psk?: string;
  /** Null: no XAUTH, and no address is asked for. */
  readonly login?: { readonly user: string; readonly password: string } | null;
  readonly ike?: string;
  readonly esp?: string;
  /** Without a login: the network that is ours. */
  readonly inner?: string;
  readonly remoteTs?: string;
  /** User-space ESP can't do without UDP encapsulation; a client with kernel ESP can. */
  readonly encap?: boolean;
  /** More keys of the connection: `fragmentation`, `rekey_time`, `dpd_delay` ... */
  readonly connection?: Section;
  /** More keys of the child: `rekey_time`, `mode` ... */
  readonly child?: Section;
}

/** A client's file: one connection `home` with one child `home`. */
export function clientConfiguration(options: ClientOptions): Section {
  const aggressive = (options.mode ?? 'aggressive') === 'aggressive';
  const login = options.login === undefined ? { user: lab.user, password: lab.password } : options.login;
  const id = options.id ?? (aggressive ? `keyid:${lab.group}` : undefined);
  return {
    connections: {
      home: {
        version: '1',
        aggressive: aggressive ? 'yes' : 'no',
        local_addrs: options.local,
        remote_addrs: options.remote,
        encap: (options.encap ?? true) ? 'yes' : 'no',
        proposals: options.ike ?? 'aes128-sha256-ecp256',
        vips: login === null ? undefined : '0.0.0.0',
        ...options.connection,
        local: { auth: 'psk', id },
        ...(login !== null && { 'local-xauth': { auth: 'xauth', xauth_id: login.user } }),
        remote: { auth: 'psk', id: '%any' },
        children: {
          home: {
            local_ts: options.inner,
            remote_ts: options.remoteTs ?? lanPrefix,
            esp_proposals: options.esp ?? 'aes128gcm16',
            ...options.child,
          },
        },
      },
    },
    secrets: {
      'ike-any': { secret: `"${options.psk ?? (aggressive ? lab.groupSecret : lab.mainSecret)}"` },
      ...(login !== null && { 'xauth-user': { id: login.user, secret: `"${login.password}"` } }),
    },
  };
}

/** A gateway as ours should be: it proves the lab, so that what fails with ours is ours. */
export function standInConfiguration(addresses: readonly string[], users: Readonly<Record<string, string>>): Section {
  const ike = [
    'aes128-sha256-ecp256',
    'aes128-sha1-modp2048',
    'aes128-sha1-modp1024',
    'aes256-sha1-modp1024',
    'default',
  ];
  const esp = ['aes128gcm16', 'aes128-sha1', 'aes256-sha1', 'aes128-sha256', 'default'];
  return {
    connections: {
      users: {
        version: '1',
        aggressive: 'yes',
        local_addrs: addresses,
        encap: 'yes',
        unique: 'never',
        pools: 'pool',
        proposals: ike,
        local: { auth: 'psk' },
        remote: { auth: 'psk', id: `keyid:${lab.group}` },
        'remote-xauth': { auth: 'xauth' },
        children: { lan: { local_ts: '0.0.0.0/0', esp_proposals: esp } },
      },
    },
    pools: { pool: { addrs: lab.pool, dns: lab.dns } },
    secrets: {
      'ike-any': { secret: `"${lab.groupSecret}"` },
      ...Object.fromEntries(
        Object.entries(users).map(([name, secret]) => [`xauth-${name}`, { id: name, secret: `"${secret}"` }]),
      ),
    },
  };
}

/** How a gateway wants its clients to prove themselves. */
export type GatewayKind = 'aggressive' | 'main' | 'secret' | 'hybrid' | 'certificates' | 'plain certificates';

export interface ResponderOptions {
  /** What the gateway's certificate says. */
  readonly name: string;
  readonly ike?: string | readonly string[];
  readonly esp?: string | readonly string[];
  /** More keys of the connection, and of the child. */
  readonly connection?: Section;
  readonly child?: Section;
  /** More keys of the daemon. */
  readonly daemon?: Section;
  /** Files of certificates among the daemon's. */
  readonly certificate?: string;
}

/** strongSwan as the gateway of a client of ours. */
export function responderConfiguration(
  kind: GatewayKind,
  addresses: readonly string[],
  options: ResponderOptions,
): Section {
  const { name, ike = 'default', esp = 'default', connection = {}, child = {}, certificate = 'gate.pem' } = options;
  const login = kind !== 'secret' && kind !== 'plain certificates';
  const secret = kind === 'aggressive' || kind === 'main' || kind === 'secret';
  const remotes: Readonly<Record<GatewayKind, Section>> = {
    aggressive: { auth: 'psk', id: `keyid:${lab.group}` },
    main: { auth: 'psk' },
    secret: { auth: 'psk' },
    hybrid: { auth: 'xauth' },
    certificates: { auth: 'pubkey', cacerts: 'authority.pem' },
    'plain certificates': { auth: 'pubkey', cacerts: 'authority.pem' },
  };
  return {
    connections: {
      users: {
        version: '1',
        aggressive: kind === 'aggressive' ? 'yes' : 'no',
        local_addrs: addresses,
        unique: 'never',
        pools: login ? 'pool' : undefined,
        proposals: ike,
        ...connection,
        local: secret ? { auth: 'psk' } : { auth: 'pubkey', certs: certificate, id: name },
        remote: remotes[kind],
        ...(login && kind !== 'hybrid' && { 'remote-xauth': { auth: 'xauth' } }),
        children: { lan: { local_ts: '0.0.0.0/0', esp_proposals: esp, ...child } },
      },
    },
    pools: { pool: { addrs: lab.pool, dns: lab.dns } },
    secrets: {
      'ike-any': { secret: `"${lab.groupSecret}"` },
      [`xauth-${lab.user}`]: { id: lab.user, secret: `"${lab.password}"` },
    },
  };
}
