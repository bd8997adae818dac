/**
 * What a login costs the responder: main mode and quick mode of a peer; aggressive mode, XAUTH, Mode-Config and quick mode of
 * a user. The same initiator dials our gateway and charon. Each login ends with the client's deletes, which are counted too.
 */
import type { DhGroup } from '../src/core/crypto/algorithms.ts';
import { hashPassword } from '../src/host/argon2.ts';
import { lacking } from '../test/lab/requirements.ts';
import { gatewayAddress, Topology } from '../test/lab/topology.ts';
import type { Account } from './load/clients.ts';
import { peers, type Responder, startCharon, startOurs, users } from './load/gateways.ts';
import { Load, routeSources } from './load/load.ts';
import type { Order } from './load/orders.ts';
import { cpuSeconds } from './measure.ts';
import type { Figures } from './outcome.ts';
import { tellProgress } from './progress.ts';
import { median } from './row.ts';

/** Logins that warm the responder up, those of a round, and the rounds. */
const WARM_UP = 3000;
const ROUND = 200;
const ROUNDS = 5;
/** Seconds that logins are kept up for, and how many are under way then. */
const SUSTAINED = 5;
const AT_ONCE = 8;
const HASHES = 20;

const KINDS = [
  { name: 'main, quick', accounts: peers(8) },
  { name: 'aggressive, XAUTH, Mode-Config, quick', accounts: users(200) },
] as const;

const GROUPS: readonly { readonly name: string; readonly number: DhGroup }[] = [
  { name: 'modp2048', number: 14 },
  { name: 'P-256', number: 19 },
];

interface Candidate {
  readonly name: string;
  readonly start: (net: Topology, accounts: readonly Account[]) => Promise<Responder>;
}

const OURS: Candidate = { name: 'Sallyport', start: (net, accounts) => startOurs(net, accounts) };
const CHARON: readonly Candidate[] = [
  { name: 'charon, long exponents', start: (net, accounts) => startCharon(net, accounts, { shortExponents: false }) },
  { name: 'charon, short exponents', start: (net, accounts) => startCharon(net, accounts, { shortExponents: true }) },
];
const HASHING: Candidate = {
  name: 'Sallyport, with password hashing',
  start: (net, accounts) => startOurs(net, accounts, { hashing: true }),
};

export interface LoginRow {
  readonly responder: string;
  readonly kind: string;
  readonly group: string;
  /** Of the responder, median of the rounds. */
  readonly cpuMilliseconds: number;
  readonly perSecond: number;
  readonly failed: number;
}

export async function measureLogins(tell: (line: string) => void): Promise<LoginRow[]> {
  const reason = lacking('charon-systemd', 'swanctl');
  if (reason !== undefined) tell(`charon is left out; ${reason}`);
  const rows: LoginRow[] = [];
  for (const kind of KINDS) {
    const hashing = 'user' in kind.accounts[0]!.who ? [HASHING] : [];
    for (const candidate of [OURS, ...hashing, ...(reason === undefined ? CHARON : [])]) {
      rows.push(...(await measureOne(candidate, kind)));
    }
  }
  return rows;
}

async function measureOne({ name, start }: Candidate, kind: (typeof KINDS)[number]): Promise<LoginRow[]> {
  const net = await Topology.create();
  try {
    await routeSources(net);
    const responder = await start(net, kind.accounts);
    const rows: LoginRow[] = [];
    for (const group of GROUPS) {
      const measured = await measureGroup(net, responder, kind.accounts, group.number);
      rows.push({ responder: name, kind: kind.name, group: group.name, ...measured });
      tellProgress(`${name}, ${kind.name}, ${group.name}: ${measured.cpuMilliseconds.toFixed(2)} ms`);
    }
    await responder.stop();
    return rows;
  } finally {
    net.remove();
  }
}

async function measureGroup(net: Topology, { pid }: Responder, accounts: readonly Account[], dhGroup: DhGroup) {
  const lifetimes = { phase1Lifetime: 3600, phase2Lifetime: 3600 };
  const load = await Load.start(net, {
    gateway: gatewayAddress,
    ...lifetimes,
    dhGroup,
    exits: { doors: 2000 },
    accounts,
  });
  const logins = (count: number, seconds: number, atOnce: number): Order => {
    return { does: 'logins', count, seconds, atOnce, stay: false };
  };
  try {
    let { logins: before } = await load.obey(logins(WARM_UP, 20, 4));
    const costs: number[] = [];
    for (let round = 0; round < ROUNDS; round++) {
      const cpu = cpuSeconds([pid]);
      const { logins: after } = await load.obey(logins(ROUND, 20, 4));
      costs.push((1000 * (cpuSeconds([pid]) - cpu)) / (after - before));
      before = after;
    }
    const { logins: after, seconds, failed } = await load.obey(logins(Number.MAX_SAFE_INTEGER, SUSTAINED, AT_ONCE));
    const failures = Object.values(failed).reduce((sum, count) => sum + count, 0);
    return { cpuMilliseconds: median(costs), perSecond: (after - before) / seconds, failed: failures };
  } finally {
    await load.stop();
  }
}

/** CPU milliseconds of one password hash. */
export async function measureHash(): Promise<number> {
  await hashPassword('warm up');
  const { user, system } = process.cpuUsage();
  for (let i = 0; i < HASHES; i++) await hashPassword('a password');
  const after = process.cpuUsage();
  return (after.user + after.system - user - system) / 1000 / HASHES;
}

/** CPU milliseconds. */
export function loginFigures(rows: readonly LoginRow[]): Figures {
  const named = ({ kind, group, responder, cpuMilliseconds }: LoginRow) =>
    [`${kind}, ${group}, ${responder}`, cpuMilliseconds] as const;
  return Object.fromEntries(rows.map(named));
}

export function formatLogins(rows: readonly LoginRow[], hash: number): string {
  const lines = rows.map(({ responder, kind, group, cpuMilliseconds, perSecond, failed }) => {
    const figures = `${cpuMilliseconds.toFixed(2).padStart(6)} ms CPU a login  ${perSecond.toFixed(0).padStart(4)} logins/s`;
    return `${kind.padEnd(38)} ${group.padEnd(9)} ${responder.padEnd(33)} ${figures}${failed > 0 ? `  ${failed} failed` : ''}`;
  });
  return [...lines, `password hashing by itself: ${hash.toFixed(1)} ms CPU`].join('\n');
}
