/**
 * SYN cookies: what a server must remember of a SYN it puts into its own initial number, most of which only it can make. So
 * it keeps nothing until a third segment proves that the other side is where it says (RFC 4987 section 3.6).
 *
 *     | keyed hash of endpoints, period and the low bits: 29 bits | scaled: 1 | class of MSS: 2 |
 */
import type { Instant } from '../net/time.ts';
import type { SynOptions } from '../wire/tcp.ts';
import { CTCP_WINDOW_SHIFT } from './ctcp-flow.ts';

/** Milliseconds; a cookie is good for what is left of its period and the next one. */
const PERIOD = 60_000;
/** What others' MSS is rounded down to: the least that IPv4 allows, IPv6's, PPPoE with some air, Ethernet. */
const MSS_CLASSES: readonly number[] = [536, 1220, 1380, 1440];
const MSS_BITS = 3;
const SCALED = 4;
const CONTENT = MSS_BITS | SCALED;

/** A keyed 32-bit hash of the flow's endpoints and these two numbers. */
export type FlowHash = (period: number, content: number) => number;

export function makeCookie({ mss, windowShift }: SynOptions, hash: FlowHash, now: Instant): number {
  const size = Math.max(
    0,
    MSS_CLASSES.findLastIndex((one) => one <= mss),
  );
  const content = size | (windowShift === CTCP_WINDOW_SHIFT ? SCALED : 0);
  return cookie(Math.floor(now / PERIOD), content, hash);
}

/** What the SYN said whose cookie this is; undefined: it is none of ours, or too old. */
export function openCookie(value: number, hash: FlowHash, now: Instant): SynOptions | undefined {
  const content = value & CONTENT;
  const period = Math.floor(now / PERIOD);
  for (const one of [period, period - 1]) {
    if (cookie(one, content, hash) !== value >>> 0) continue;
    return {
      mss: MSS_CLASSES[content & MSS_BITS]!,
      windowShift: (content & SCALED) !== 0 ? CTCP_WINDOW_SHIFT : undefined,
    };
  }
  return undefined;
}

function cookie(period: number, content: number, hash: FlowHash): number {
  return ((hash(period, content) & ~CONTENT) | content) >>> 0;
}
