/** Memory of the whole gateway process with sessions of users who logged in and have a tunnel each. */
import { setTimeout as sleep } from 'node:timers/promises';
import { gatewayAddress, Topology } from '../test/lab/topology.ts';
import { startOurs, users } from './load/gateways.ts';
import { Load, routeSources } from './load/load.ts';
import { kilobytesEach, residentMegabytes } from './load/observe.ts';
import type { Figures } from './outcome.ts';
import { tellProgress } from './progress.ts';

const COUNTS = [1000, 10_000];
/** Of logins at once, and seconds that they may take in all. */
const AT_ONCE = 24;
const PATIENCE = 180;
/** Prime, so that those who share a door are different users. */
const USERS = 1009;
/** Sessions that come and go before memory is looked at for the first time. */
const WARM_UP = 300;
/** Milliseconds: what answers repeats is kept for a minute, and the garbage of the logins has to go. */
const REST = 70_000;

export interface SessionsRow {
  readonly sessions: number;
  /** Resident memory of the process. */
  readonly megabytes: number;
}

export async function measureSessions(): Promise<SessionsRow[]> {
  const net = await Topology.create();
  try {
    await routeSources(net);
    const accounts = users(USERS);
    const ours = await startOurs(net, accounts);
    const lifetimes = { phase1Lifetime: 86_400, phase2Lifetime: 86_400 };
    const load = await Load.start(net, {
      gateway: gatewayAddress,
      ...lifetimes,
      dhGroup: 19,
      exits: { doors: 2000 },
      accounts,
    });
    const hold = (count: number, stay: boolean) =>
      load.obey({ does: 'logins', count, seconds: PATIENCE, atOnce: AT_ONCE, stay });
    await hold(WARM_UP, false);
    const rows: SessionsRow[] = [{ sessions: 0, megabytes: residentMegabytes(ours.pid) }];
    let held = 0;
    for (const count of COUNTS) {
      held = (await hold(count - held, true)).up;
      tellProgress(`${held} sessions`);
      rows.push({ sessions: held, megabytes: await restingMegabytes(ours.pid) });
    }
    await load.obey({ does: 'leave' });
    await load.stop();
    await ours.stop();
    return rows;
  } finally {
    net.remove();
  }
}

async function restingMegabytes(pid: number): Promise<number> {
  await sleep(REST);
  return residentMegabytes(pid);
}

export function sessionFigures([empty, ...rows]: readonly SessionsRow[]): Figures {
  if (!empty) return {};
  const figures = rows.flatMap((row) => [
    [`kB each of ${row.sessions}`, kilobytesEach(row.sessions, row.megabytes, empty.megabytes)] as const,
    [`MB with ${row.sessions}`, row.megabytes] as const,
  ]);
  return Object.fromEntries(figures);
}

export function formatSessions([empty, ...rows]: readonly SessionsRow[]): string {
  if (!empty) return '';
  const lines = rows.map(({ sessions, megabytes }) => {
    const each = kilobytesEach(sessions, megabytes, empty.megabytes);
    return `${String(sessions).padStart(6)} sessions: ${megabytes.toFixed(0).padStart(4)} MB resident, ${each.toFixed(1)} kB a session`;
  });
  return [`       no session: ${empty.megabytes.toFixed(0).padStart(4)} MB resident`, ...lines].join('\n');
}
