/**
 * Clients that come, roam, renew and die for a long time, and what the gateway holds meanwhile; at the end all have gone, and
 * nothing may be left of them.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { gatewayAddress, Topology } from '../test/lab/topology.ts';
import { startOurs, users } from './load/gateways.ts';
import { Load, routeSources } from './load/load.ts';
import { type Observation, observe } from './load/observe.ts';
import type { Answer } from './load/orders.ts';

const CLIENTS = 200;
const MINUTE = 60_000;
/** Seconds; short, so that both phases are renewed often. */
const LIFETIMES = { phase1: 240, phase2: 90 };
/** Seconds after which who died is noticed. */
const DPD = { idle: 10, timeout: 30 };
/** How long the last dead may take to be noticed. */
const AFTERMATH = 90_000;

export async function soak(minutes: number, tell: (line: string) => void): Promise<string> {
  const net = await Topology.create();
  try {
    await routeSources(net);
    const accounts = users(CLIENTS);
    const config = { lifetimes: { phase1: 3600, phase2: 3600 }, dpd: DPD };
    const ours = await startOurs(net, accounts, { hashing: true, config });
    const lifetimes = { phase1Lifetime: LIFETIMES.phase1, phase2Lifetime: LIFETIMES.phase2 };
    const settings = { gateway: gatewayAddress, ...lifetimes, dhGroup: 14, exits: { doors: 1000 }, accounts } as const;
    const load = await Load.start(net, settings);
    const before = await observe(ours);
    tell(line('before', before));
    const over = load.obey({ does: 'soak', seconds: minutes * 60, clients: CLIENTS });
    const course: Observation[] = [];
    for (let minute = 1; minute <= minutes; minute++) {
      await sleep(MINUTE);
      course.push(await observe(ours));
      const { logins, rekeys, roamed, died } = await load.obey({ does: 'count' });
      tell(
        `${line(`${minute} min`, course.at(-1)!)}  ${logins} logins, ${rekeys} rekeys, ${roamed} moves, ${died} deaths`,
      );
    }
    const answer = await over;
    const after = await quiet(() => observe(ours));
    tell(line('after', after));
    await load.stop();
    const unclean = await ours.gateway.stop();
    await ours.stop();
    return verdict(before, course, after, answer, unclean);
  } finally {
    net.remove();
  }
}

async function quiet(look: () => Promise<Observation>): Promise<Observation> {
  for (const end = performance.now() + AFTERMATH; ; await sleep(2000)) {
    const seen = await look();
    if ((seen.sessions === 0 && seen.halfOpen === 0) || performance.now() > end) return seen;
  }
}

function line(when: string, { megabytes, sessions, halfOpen, addresses, fds, threads }: Observation): string {
  const held = `${sessions} sessions, ${addresses} addresses, ${halfOpen} half-open`;
  return `${when.padStart(7)}  ${megabytes.toFixed(0).padStart(4)} MB  ${held}, ${fds} fds, ${threads} threads`;
}

function verdict(
  before: Observation,
  course: readonly Observation[],
  after: Observation,
  { logins, rekeys, roamed, died, echoes, failed }: Answer,
  unclean: readonly string[],
): string {
  const warm = course.slice(Math.ceil(course.length / 3)).map(({ megabytes }) => megabytes);
  const row = (what: string, value: string) => `${what.padEnd(34)} ${value}`;
  const failures = Object.entries(failed).map(([reason, count]) => `${count} x ${reason}`);
  return [
    row('clients', `${logins} logins, ${rekeys} rekeys, ${roamed} moves, ${died} silent deaths, ${echoes} echoes`),
    row('what failed for them', failures.length === 0 ? 'nothing' : failures.join('; ')),
    row(
      'memory after the first third',
      `${slope(warm).toFixed(2)} MB a minute, ${Math.max(...warm).toFixed(0)} MB at most`,
    ),
    row('sessions left', String(after.sessions)),
    row('addresses left', String(after.addresses)),
    row('half-open left', String(after.halfOpen)),
    row('file descriptors, before and after', `${before.fds}, ${after.fds}`),
    row('threads, before and after', `${before.threads}, ${after.threads}`),
    row('its end', unclean.length === 0 ? 'clean' : unclean.join('; ')),
  ].join('\n');
}

/** Of the line that fits best, for values a step apart. */
function slope(values: readonly number[]): number {
  const mean = (list: readonly number[]) => list.reduce((sum, value) => sum + value, 0) / list.length;
  const [x, y] = [(values.length - 1) / 2, mean(values)];
  const upper = values.reduce((sum, value, i) => sum + (i - x) * (value - y), 0);
  const lower = values.reduce((sum, _, i) => sum + (i - x) ** 2, 0);
  return lower === 0 ? 0 : upper / lower;
}
