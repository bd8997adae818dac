/** What a rekey must not cost, whoever begins it: one ping of seventy a second. */
import assert from 'node:assert/strict';
import type { Netns } from '../lab/netns.ts';
import { ping } from '../lab/traffic.ts';

/** Lifetimes of a day, for strongSwan: it begins no rekey by itself. */
export const LAZY = { connection: { rekey_time: '24h' }, child: { rekey_time: '23h', life_time: '24h' } } as const;

/** Seconds in which an answer comes, however busy the machine: late isn't lost. */
const PATIENCE = 10;

/** How many of seventy pings a second for so long were lost. */
export async function pingsLost(from: Netns, seconds: number, source?: string): Promise<number> {
  const options = { count: seconds * 70, interval: 0.014, wait: PATIENCE, ...(source !== undefined && { source }) };
  const { sent, received } = await ping(from, options);
  assert.equal(sent, options.count);
  return sent - received;
}

export function losesNone(scenario: () => Promise<number>): Promise<void> {
  return losesAtMost(0, scenario);
}

/** A machine that is busy with other things drops packets by itself: the rekey is at fault if it loses more each time. */
export async function losesAtMost(limit: number, scenario: () => Promise<number>): Promise<void> {
  const first = await scenario();
  if (first <= limit) return;
  const second = await scenario();
  assert.ok(second <= limit, `${second} pings lost, and ${first} the time before`);
}
