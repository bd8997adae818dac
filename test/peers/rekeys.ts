/** What a rekey must not cost, whoever begins it: one packet. */
import assert from 'node:assert/strict';
import type { Netns } from '../lab/netns.ts';
import { ping } from '../lab/traffic.ts';

/** Lifetimes of a day, for strongSwan: it begins no rekey by itself. */
export const LAZY = { connection: { rekey_time: '24h' }, child: { rekey_time: '23h', life_time: '24h' } } as const;

/** How many of seventy pings a second for so long were lost. */
export async function pingsLost(from: Netns, seconds: number, source?: string): Promise<number> {
  const options = { count: seconds * 70, interval: 0.014, ...(source !== undefined && { source }) };
  const { sent, received } = await ping(from, options);
  assert.equal(sent, options.count);
  return sent - received;
}

/** @param ends of the tunnel @param scenario gives how many packets were lost */
export function losesNone(ends: readonly Netns[], scenario: () => Promise<number>): Promise<void> {
  return losesAtMost(0, ends, scenario);
}

/** What a busy machine drops at its full queues doesn't count. There may be others than those: the rekey is at fault if it loses more each time. */
export async function losesAtMost(
  limit: number,
  ends: readonly Netns[],
  scenario: () => Promise<number>,
): Promise<void> {
  const lost = async () => {
    const before = await overflowed(ends);
    return (await scenario()) + before - (await overflowed(ends));
  };
  const first = await lost();
  if (first <= limit) return;
  const second = await lost();
  assert.ok(second <= limit, `${second} packets lost, and ${first} the time before`);
}

/** Packets dropped so far because who reads from a socket or a tunnel's device came too late. */
async function overflowed(ends: readonly Netns[]): Promise<number> {
  const counts = await Promise.all(ends.flatMap((netns) => [atSockets(netns), atDevices(netns)]));
  return counts.reduce((sum, count) => sum + count);
}

async function atSockets(netns: Netns): Promise<number> {
  const lines = (await netns.must(['cat', '/proc/net/snmp'])).split('\n').filter((line) => line.startsWith('Udp:'));
  const [names, values] = lines.map((line) => line.split(' '));
  return Number(values![names!.indexOf('RcvbufErrors')]);
}

interface Link {
  readonly stats64: { readonly tx: { readonly dropped: number } };
}

async function atDevices(netns: Netns): Promise<number> {
  const links = JSON.parse(await netns.ip('-s', '-j', 'link')) as Link[];
  return links.reduce((sum, { stats64 }) => sum + stats64.tx.dropped, 0);
}
