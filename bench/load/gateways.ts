/** The responders that the load is put on: our gateway as it is started, and charon with as little logging as ours has. */
import { argon2Sync, randomBytes } from 'node:crypto';
import { mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { LoginSecrets } from '../../src/host/login-secrets.ts';
import { openStore } from '../../src/host/store/store.ts';
import { type Config, Gateway, group, groupSecret, mainSecret } from '../../test/lab/gateway.ts';
import { until } from '../../test/lab/poll.ts';
import { must } from '../../test/lab/run.ts';
import { discard, scratch } from '../../test/lab/scratch.ts';
import { formatSection, type Section } from '../../test/lab/swanctl.ts';
import { gatewayAddress, type Topology } from '../../test/lab/topology.ts';
import type { Account } from './clients.ts';
import { builtProgram } from './package.ts';

export interface Responder {
  /** Of the process that answers. */
  readonly pid: number;
  stop(): Promise<void>;
}

const password = 'loadpass';
const peerSecret = 'loadpeersecret';
const L2TP = { authentication: ['ms-chap-v2'] };
/** No hash at all: who has only this logs in by MS-CHAPv2. */
const NO_PASSWORD = 'none';
/** argon2id of `loadpass` with 8 kB of memory: checking it costs next to nothing. */
const CHEAP_MEMORY_KIB = 8;

export function users(count: number): Account[] {
  return Array.from({ length: count }, (_, i) => ({ psk: groupSecret, who: { group, user: `user${i}`, password } }));
}

export function peers(count: number): Account[] {
  return Array.from({ length: count }, (_, i) => ({ psk: peerSecret, who: { peer: `10.88.0.${i + 1}` } }));
}

export function callers(count: number): Account[] {
  return Array.from({ length: count }, (_, i) => ({ psk: mainSecret, who: { caller: `user${i}`, password } }));
}

interface OursOptions {
  /** Users' passwords are hashed as they always are; else so that it costs nothing. */
  readonly hashing?: boolean;
  readonly config?: Config;
  /** `bin/sallyport` of another installation than the one that is built for it. */
  readonly program?: string;
}

/** Our gateway. */
export async function startOurs(
  net: Topology,
  accounts: readonly Account[],
  { hashing = false, config = {}, program = builtProgram() }: OursOptions = {},
): Promise<Responder & { readonly gateway: Gateway }> {
  const names = accounts.flatMap(({ who }) => ('user' in who ? [who.user] : []));
  const calling = accounts.flatMap(({ who }) => ('caller' in who ? [who.caller] : []));
  const ids = accounts.flatMap(({ who }) => ('peer' in who ? [who.peer] : []));
  const peerEntries = ids.map((id) => ({ id, psk: peerSecret, inner: `${id}/32` }));
  const gateway = await Gateway.start(net.gw, {
    users: {},
    program,
    config: { pool: '10.64.0.0/15', peers: peerEntries, ...(calling.length > 0 && { l2tp: L2TP }), ...config },
  });
  addUsers(gateway.state, names, hashing);
  await addCallers(gateway, calling);
  const pid = await until(() => servingPid(net), 5000, 'the pid of the gateway');
  return { pid, gateway, stop: () => gateway.remove() };
}

function addUsers(state: string, names: readonly string[], hashing: boolean): void {
  const [memory, passes] = hashing ? [19 * 1024, 2] : [CHEAP_MEMORY_KIB, 1];
  const nonce = randomBytes(16);
  const message = Buffer.from(password);
  const hash = argon2Sync('argon2id', { message, nonce, parallelism: 1, tagLength: 32, memory, passes });
  const text = (bytes: Buffer) => bytes.toString('base64').replaceAll('=', '');
  const phc = `$argon2id$v=19$m=${memory},t=${passes},p=1$${text(nonce)}$${text(hash)}`;
  const store = openStore(state);
  for (const name of names) store.users.add(name, phc);
  store.close();
}

/** The first by the gateway itself, so that the key of their secrets is its own. */
async function addCallers(gateway: Gateway, [first, ...others]: readonly string[]): Promise<void> {
  if (first === undefined) return;
  await gateway.addUser(first, password, '--l2tp');
  const store = openStore(gateway.state);
  const secrets = new LoginSecrets(store);
  for (const name of others) {
    store.users.add(name, NO_PASSWORD);
    secrets.set(name, 'ntHash', password);
  }
  store.close();
}

/** The process itself, not what started it. */
function servingPid({ gw }: Topology): number | undefined {
  const namespace = statSync(`/run/netns/${gw.name}`).ino;
  const serves = (pid: string) => {
    const words = readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0');
    const isOurs = words.includes('serve') && words.some((word) => /\/(dist|src)\/cli\/main\.[jt]s$/.test(word));
    return isOurs && statSync(`/proc/${pid}/ns/net`).ino === namespace;
  };
  for (const pid of readdirSync('/proc').filter((name) => /^\d+$/.test(name))) {
    try {
      if (serves(pid)) return Number(pid);
    } catch {
      // it has ended meanwhile
    }
  }
  return undefined;
}

const plugins = `random nonce aes aesni sha1 sha2 hmac gmp openssl kdf pem pkcs1 pkcs8 x509 pubkey constraints
  kernel-libipsec kernel-netlink socket-default attr unity xauth-generic vici`;

/** @param shortExponents false is charon's default: exponents of Diffie-Hellman as long as the prime */
export async function startCharon(
  net: Topology,
  accounts: readonly Account[],
  { shortExponents }: { readonly shortExponents: boolean },
): Promise<Responder> {
  const directory = scratch('charon');
  const swanctl = join(directory, 'swanctl');
  const folders = ['x509', 'x509ca', 'x509crl', 'x509aa', 'x509ac', 'x509ocsp', 'private', 'rsa', 'ecdsa', 'pkcs8'];
  for (const folder of [...folders, 'pkcs12', 'pubkey', 'bliss', 'conf.d'])
    mkdirSync(join(swanctl, folder), { recursive: true });
  const socket = join(directory, 'vici');
  writeFileSync(join(directory, 'strongswan.conf'), formatSection(daemonSettings(socket, shortExponents)));
  writeFileSync(join(swanctl, 'swanctl.conf'), formatSection(connections(accounts)), { mode: 0o600 });
  const env = { STRONGSWAN_CONF: join(directory, 'strongswan.conf'), SWANCTL_DIR: swanctl };
  const program = net.gw.start(['/usr/sbin/charon-systemd'], { env });
  const load = ['swanctl', '--load-all', '--noprompt', '--uri', `unix://${socket}`];
  await until(
    () =>
      must(load, { env }).then(
        () => true,
        () => undefined,
      ),
    30_000,
    () => `charon: ${program.output}`,
  );
  return {
    pid: program.pid,
    async stop() {
      await program.stop();
      discard(directory);
    },
  };
}

function daemonSettings(socket: string, shortExponents: boolean): Section {
  const vici = { socket: `unix://${socket}` };
  return {
    'charon-systemd': {
      load_modular: 'no',
      load: plugins.replace(/\s+/g, ' '),
      dos_protection: 'no',
      dh_exponent_ansi_x9_42: shortExponents ? 'no' : 'yes',
      install_routes: 'no',
      i_dont_care_about_security_and_use_aggressive_mode_psk: 'yes',
      journal: { default: '-1' },
      syslog: { daemon: { default: '-1' }, auth: { default: '-1' } },
      plugins: { vici, 'kernel-libipsec': { allow_peer_ts: 'yes' } },
    },
    swanctl: { plugins: { vici } },
  };
}

/** Accounts are all users, or all peers: charon tries but one secret in main mode, and it must be the peers'. */
function connections(accounts: readonly Account[]): Section {
  const base = {
    version: '1',
    local_addrs: gatewayAddress,
    encap: 'yes',
    unique: 'never',
    proposals: ['aes128-sha256-ecp256', 'aes128-sha256-modp2048'],
    local: { auth: 'psk', id: gatewayAddress },
  };
  const child = { local_ts: '0.0.0.0/0', esp_proposals: 'aes128-sha1' };
  if (accounts.some(({ who }) => 'peer' in who)) {
    const peer = { ...base, remote: { auth: 'psk' }, children: { lan: { ...child, remote_ts: '10.88.0.0/16' } } };
    return { connections: { peer }, secrets: { 'ike-any': { secret: `"${peerSecret}"` } } };
  }
  const logins = accounts.flatMap(({ who }, i) =>
    'user' in who ? [[`xauth-${i}`, { id: who.user, secret: `"${who.password}"` }] as const] : [],
  );
  return {
    connections: {
      users: {
        ...base,
        aggressive: 'yes',
        pools: 'pool',
        remote: { auth: 'psk', id: `keyid:${group}` },
        'remote-xauth': { auth: 'xauth' },
        children: { lan: child },
      },
    },
    pools: { pool: { addrs: '10.64.0.0/15' } },
    secrets: { 'ike-group': { secret: `"${groupSecret}"` }, ...Object.fromEntries(logins) },
  };
}
