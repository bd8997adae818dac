/**
 * The crowd: ten thousand Windows clients behind one NAT address, with one private address and one first message ID for all,
 * who connect all at once, pass traffic, and go on while others come and go.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import type { DhGroup } from '../src/core/crypto/algorithms.ts';
import { password, user } from '../test/lab/gateway.ts';
import { lacking } from '../test/lab/requirements.ts';
import { SoftEther, softEtherSecret } from '../test/lab/softether.ts';
import { clientAddress, gatewayAddress, Topology } from '../test/lab/topology.ts';
import type { Account } from './load/clients.ts';
import { callers, startOurs } from './load/gateways.ts';
import { Load } from './load/load.ts';
import { kilobytesEach, residentMegabytes } from './load/observe.ts';
import { cpuSeconds } from './measure.ts';
import type { Figures as Named } from './outcome.ts';
import { tellProgress } from './progress.ts';

export const CROWD = 10_000;
/** Who connect at the same time, and seconds after which nobody begins any more. */
const AT_ONCE = 128;
const PATIENCE = 600;
const SOFTETHER_PATIENCE = 60;
/** Clients that come and go before anything is measured, and then beside those who stay. */
const WARM_UP = 3000;
const OTHERS = 1000;
/** Milliseconds: what answers repeats is kept for a minute, and the garbage of the logins has to go. */
const REST = 70_000;

const CLIENTS = {
  gateway: gatewayAddress,
  phase1Lifetime: 28_800,
  phase2Lifetime: 3600,
  exits: { nat: clientAddress },
};

const GROUPS: readonly { readonly name: string; readonly number: DhGroup }[] = [
  { name: 'modp2048', number: 14 },
  { name: 'P-256', number: 19 },
];

export interface CrowdRow extends Figures {
  readonly responder: string;
  readonly group: string;
}

interface Figures {
  /** Who got in, and seconds until then. */
  readonly connected: number;
  readonly seconds: number;
  /** Of the responder, for each. */
  readonly cpuMilliseconds: number;
  /** Whose traffic passed at once, and again while others came and went. */
  readonly passed: number;
  readonly kept: number;
  /** Resident memory of the responder before anybody came, and with all of them at rest. */
  readonly emptyMegabytes: number;
  readonly megabytes: number;
}

export async function measureCrowd(tell: (line: string) => void): Promise<CrowdRow[]> {
  const rows: CrowdRow[] = [];
  for (const group of GROUPS) rows.push(await measureOurs(group.name, group.number));
  const reason = lacking('vpnserver', 'vpncmd');
  if (reason !== undefined) tell(`SoftEther is left out; ${reason}`);
  // elliptic curves it has none
  else rows.push(await measureSoftEther(GROUPS[0]!.name, GROUPS[0]!.number));
  return rows;
}

async function measureOurs(group: string, dhGroup: DhGroup): Promise<CrowdRow> {
  const net = await Topology.create();
  try {
    const accounts = callers(CROWD + OTHERS);
    const ours = await startOurs(net, accounts);
    const load = await Load.start(net, { ...CLIENTS, dhGroup, accounts });
    const row = await measureLoad(load, ours.pid, { most: CROWD, patience: PATIENCE, warmUp: WARM_UP });
    await load.obey({ does: 'leave' });
    await load.stop();
    await ours.stop();
    return { responder: 'Sallyport', group, ...row };
  } finally {
    net.remove();
  }
}

/** One user for all, with as many addresses as ours has. */
async function measureSoftEther(group: string, dhGroup: DhGroup): Promise<CrowdRow> {
  const net = await Topology.create();
  try {
    const server = await SoftEther.start(net.gw);
    await server.configure([
      'Hub LAB',
      'SecureNatHostSet /MAC:none /IP:10.64.0.1 /MASK:255.254.0.0',
      'DhcpSet /START:10.64.0.10 /END:10.65.255.250 /MASK:255.254.0.0 /EXPIRE:7200 /GW:10.64.0.1 /DNS:none /DNS2:none /DOMAIN:none /LOG:no',
    ]);
    const account: Account = { psk: softEtherSecret, who: { caller: user, password } };
    const load = await Load.start(net, { ...CLIENTS, dhGroup, accounts: [account] });
    const row = await measureLoad(load, server.pid, { most: CROWD, patience: SOFTETHER_PATIENCE, warmUp: 100 });
    await load.stop();
    await server.crash();
    return { responder: 'SoftEther', group, ...row };
  } finally {
    net.remove();
  }
}

interface Course {
  /** Who come, if all get in. */
  readonly most: number;
  /** Seconds after which nobody else begins. */
  readonly patience: number;
  readonly warmUp: number;
}

async function measureLoad(load: Load, pid: number, { most, patience, warmUp }: Course): Promise<Figures> {
  const come = (count: number, stay: boolean) =>
    load.obey({ does: 'logins', count, seconds: patience, atOnce: AT_ONCE, stay });
  await come(warmUp, false);
  const emptyMegabytes = residentMegabytes(pid);
  const before = cpuSeconds([pid]);
  const { up, seconds } = await come(most, true);
  const cpuMilliseconds = (1000 * (cpuSeconds([pid]) - before)) / up;
  const { answered: passed } = await load.obey({ does: 'traffic' });
  tellProgress(`${up} connected in ${seconds.toFixed(1)} s`);
  const [, { answered: kept }] = await Promise.all([come(OTHERS, false), load.obey({ does: 'traffic' })]);
  await sleep(REST);
  return { connected: up, seconds, cpuMilliseconds, passed, kept, emptyMegabytes, megabytes: residentMegabytes(pid) };
}

export function crowdFigures(rows: readonly CrowdRow[]): Named {
  const figures = rows.flatMap(({ responder, group, connected, cpuMilliseconds, megabytes }) => [
    [`${responder}, ${group}, connects a CPU second`, 1000 / cpuMilliseconds] as const,
    [`${responder}, ${group}, MB with ${connected}`, megabytes] as const,
  ]);
  return Object.fromEntries(figures);
}

export function formatCrowd(rows: readonly CrowdRow[]): string {
  return rows.flatMap(formatRow).join('\n');
}

function formatRow(row: CrowdRow): string[] {
  const { responder, group, connected, seconds, cpuMilliseconds, passed, kept, emptyMegabytes, megabytes } = row;
  const who = `${responder}, ${group}`;
  const each = kilobytesEach(connected, megabytes, emptyMegabytes);
  return [
    `${who}: ${connected} connected in ${seconds.toFixed(1)} s, ${(connected / seconds).toFixed(0)} a second`,
    `${who}: ${cpuMilliseconds.toFixed(2)} ms CPU a connect, ${(1000 / cpuMilliseconds).toFixed(0)} connects a CPU second`,
    `${who}: ${passed} passed traffic, ${kept} kept it while ${OTHERS} others came and went`,
    `${who}: ${megabytes.toFixed(0)} MB resident with all of them, ${each.toFixed(1)} kB a session`,
  ];
}
