/** strongSwan's configuration for both sides of each kind of connection, with a place for what a scenario spoils. */
import * as lab from '../../lab/gateway.ts';
import type { Section } from '../../lab/swanctl.ts';
import { gatewayAddress, gatewayAddress6, gatewayPublicAddress, lanPrefix } from '../../lab/topology.ts';

export type SwanKind =
  | 'v2-psk'
  | 'v2-eap'
  | 'v2-certificates'
  | 'v1-main'
  | 'v1-main-xauth'
  | 'v1-xauth'
  | 'v1-certificates'
  | 'v1-aggressive-certificates';

export interface SwanOptions {
  readonly local?: string;
  readonly remote?: string;
  readonly psk?: string;
  readonly user?: string;
  readonly password?: string;
  readonly ike?: string;
  readonly esp?: string;
  /** More keys of the connection, of its child, of how this side and the other prove themselves. */
  readonly connection?: Section;
  readonly child?: Section;
  readonly own?: Section;
  readonly peer?: Section;
  /** The gateway's addresses for its clients; null: none. */
  readonly pool?: string | null;
}

export const SECRET = 'correct horse battery';
export const GATEWAY_NAME = 'vpn.example.org';
export const CLIENT_NAME = 'laptop.example.org';

const IKE = 'aes256-sha256-modp2048';
const ESP = 'aes256-sha256';

/** A client: connection `home` with a child `home`, that asks for an address unless it is a plain `v1-main`. */
export function initiator(kind: SwanKind, options: SwanOptions & { local: string; remote: string }): Section {
  const { user = lab.user, password = lab.password, psk = secretOf(kind) } = options;
  const home = {
    version: version(kind),
    aggressive: isAggressive(kind) ? 'yes' : 'no',
    local_addrs: options.local,
    remote_addrs: options.remote,
    encap: 'yes',
    proposals: options.ike ?? IKE,
    vips: kind === 'v1-main' ? undefined : '0.0.0.0',
    ...options.connection,
    local: { ...clientProof(kind, user), ...options.own },
    ...((kind === 'v1-xauth' || kind === 'v1-main-xauth') && { 'local-xauth': { auth: 'xauth', xauth_id: user } }),
    remote: { ...gatewayProof(kind), ...options.peer },
    children: { home: { remote_ts: lanPrefix, esp_proposals: options.esp ?? ESP, ...options.child } },
  };
  return { connections: { home }, secrets: secrets(psk, { [user]: password }) };
}

/** A gateway with a pool; `v1-main` serves a network instead: 10.88.0.0/24. */
export function responder(kind: SwanKind, options: SwanOptions): Section {
  const pool = options.pool === undefined ? lab.pool : options.pool;
  const users = {
    version: version(kind),
    aggressive: isAggressive(kind) ? 'yes' : 'no',
    local_addrs: options.local ?? [gatewayAddress, gatewayPublicAddress, gatewayAddress6],
    unique: 'never',
    pools: kind === 'v1-main' || pool === null ? undefined : 'pool',
    proposals: options.ike ?? [IKE, 'aes128-sha256-ecp256', 'default'],
    send_certreq: 'yes',
    ...options.connection,
    local: { ...gatewayShows(kind), ...options.own },
    remote: { ...remoteProof(kind), ...options.peer },
    ...((kind === 'v1-xauth' || kind === 'v1-main-xauth') && { 'remote-xauth': { auth: 'xauth' } }),
    children: {
      lan: {
        local_ts: lanPrefix,
        remote_ts: kind === 'v1-main' ? '10.88.0.0/24' : undefined,
        esp_proposals: options.esp ?? [ESP, 'aes128gcm16', 'default'],
        ...options.child,
      },
    },
  };
  return {
    connections: { users },
    pools: pool === null ? undefined : { pool: { addrs: pool, dns: lab.dns } },
    secrets: secrets(options.psk ?? secretOf(kind), {
      [options.user ?? lab.user]: options.password ?? lab.password,
    }),
  };
}

function version(kind: SwanKind): string {
  return kind.startsWith('v2') ? '2' : '1';
}

function isAggressive(kind: SwanKind): boolean {
  return kind === 'v1-xauth' || kind === 'v1-aggressive-certificates';
}

/** Cisco-like groups have the lab's, as vpnc does. */
function secretOf(kind: SwanKind): string {
  return kind === 'v1-xauth' ? lab.groupSecret : SECRET;
}

function clientProof(kind: SwanKind, user: string): Section {
  switch (kind) {
    case 'v2-psk':
      return { auth: 'psk', id: CLIENT_NAME };
    case 'v2-eap':
      return { auth: 'eap', id: CLIENT_NAME, eap_id: user };
    case 'v1-xauth':
      return { auth: 'psk', id: `keyid:${lab.group}` };
    case 'v1-main':
    case 'v1-main-xauth':
      return { auth: 'psk' };
    default:
      return { auth: 'pubkey', certs: 'client.pem', id: CLIENT_NAME };
  }
}

function remoteProof(kind: SwanKind): Section {
  switch (kind) {
    case 'v2-eap':
      return { auth: 'eap-mschapv2', eap_id: '%any' };
    case 'v1-xauth':
      return { auth: 'psk', id: `keyid:${lab.group}` };
    case 'v2-certificates':
    case 'v1-certificates':
    case 'v1-aggressive-certificates':
      return { auth: 'pubkey' };
    default:
      return { auth: 'psk' };
  }
}

/** What the gateway shows, without a name where the address is enough. */
function gatewayShows(kind: SwanKind): Section {
  const proof = gatewayProof(kind);
  if (proof.auth === 'pubkey') return { ...proof, certs: 'gateway.pem' };
  return { ...proof, id: proof.id === '%any' ? undefined : proof.id };
}

/** What the client awaits. */
function gatewayProof(kind: SwanKind): Section {
  switch (kind) {
    case 'v2-psk':
      return { auth: 'psk', id: GATEWAY_NAME };
    case 'v2-eap':
    case 'v2-certificates':
    case 'v1-certificates':
    case 'v1-aggressive-certificates':
      return { auth: 'pubkey', id: GATEWAY_NAME };
    default:
      return { auth: 'psk', id: '%any' };
  }
}

function secrets(psk: string, users: Readonly<Record<string, string>>): Section {
  return {
    'ike-any': { secret: `"${psk}"` },
    ...Object.fromEntries(Object.entries(users).map(([id, secret]) => [`eap-${id}`, { id, secret: `"${secret}"` }])),
    ...Object.fromEntries(Object.entries(users).map(([id, secret]) => [`xauth-${id}`, { id, secret: `"${secret}"` }])),
  };
}
