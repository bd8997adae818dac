/**
 * The crowd: ten thousand Windows clients behind one NAT address, with one private address and one first message ID for all,
 * who connect all at once, pass traffic, and go on while others come and go.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import type { DhGroup } from '../src/core/crypto/algorithms.ts';
import { clientAddress, gatewayAddress, Topology } from '../test/lab/topology.ts';
import { callers, startOurs } from './load/gateways.ts';
import { Load } from './load/load.ts';
import { residentMegabytes } from './load/observe.ts';
import { cpuSeconds } from './measure.ts';

export const CROWD = 10_000;
/** Who connect at the same time, and seconds that all may take. */
const AT_ONCE = 128;
const PATIENCE = 600;
/** Clients that come and go before anything is measured, and then beside those who stay. */
const WARM_UP = 3000;
const OTHERS = 1000;
/** Milliseconds: what answers repeats is kept for a minute, and the garbage of the logins has to go. */
const REST = 70_000;

const GROUPS: readonly { readonly name: string; readonly number: DhGroup }[] = [
  { name: 'modp2048', number: 14 },
  { name: 'P-256', number: 19 },
];

export interface CrowdRow {
  readonly responder: string;
  readonly group: string;
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

export async function measureCrowd(): Promise<CrowdRow[]> {
  const rows: CrowdRow[] = [];
  for (const group of GROUPS) rows.push(await measureOurs(group.name, group.number));
  return rows;
}

async function measureOurs(name: string, dhGroup: DhGroup): Promise<CrowdRow> {
  const net = await Topology.create();
  try {
    const accounts = callers(CROWD + OTHERS);
    const ours = await startOurs(net, accounts);
    const lifetimes = { phase1Lifetime: 28_800, phase2Lifetime: 3600 };
    const load = await Load.start(net, {
      gateway: gatewayAddress,
      ...lifetimes,
      dhGroup,
      exits: { nat: clientAddress },
      accounts,
    });
    const row = await measureLoad(load, ours.pid);
    await load.obey({ does: 'leave' });
    await load.stop();
    await ours.stop();
    return { responder: 'Sallyport', group: name, ...row };
  } finally {
    net.remove();
  }
}

async function measureLoad(load: Load, pid: number): Promise<Omit<CrowdRow, 'responder' | 'group'>> {
  const come = (count: number, stay: boolean) =>
    load.obey({ does: 'logins', count, seconds: PATIENCE, atOnce: AT_ONCE, stay });
  await come(WARM_UP, false);
  const emptyMegabytes = residentMegabytes(pid);
  const before = cpuSeconds([pid]);
  const { up, seconds } = await come(CROWD, true);
  const cpuMilliseconds = (1000 * (cpuSeconds([pid]) - before)) / up;
  const { answered: passed } = await load.obey({ does: 'traffic' });
  const others = come(OTHERS, false);
  const { answered: kept } = await load.obey({ does: 'traffic' });
  await others;
  await sleep(REST);
  return { connected: up, seconds, cpuMilliseconds, passed, kept, emptyMegabytes, megabytes: residentMegabytes(pid) };
}

export function formatCrowd(rows: readonly CrowdRow[]): string {
  return rows.flatMap(formatRow).join('\n');
}

function formatRow(row: CrowdRow): string[] {
  const { responder, group, connected, seconds, cpuMilliseconds, passed, kept, emptyMegabytes, megabytes } = row;
  const who = `${responder}, ${group}`;
  const each = ((megabytes - emptyMegabytes) * 1024) / connected;
  return [
    `${who}: ${connected} connected in ${seconds.toFixed(1)} s, ${(connected / seconds).toFixed(0)} a second`,
    `${who}: ${cpuMilliseconds.toFixed(2)} ms CPU a connect, ${(1000 / cpuMilliseconds).toFixed(0)} connects a CPU second`,
    `${who}: ${passed} passed traffic, ${kept} kept it while ${OTHERS} others came and went`,
    `${who}: ${megabytes.toFixed(0)} MB resident with all of them, ${each.toFixed(1)} kB a session`,
  ];
}
