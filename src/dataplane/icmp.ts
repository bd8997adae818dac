/**
 * The ICMP error that makes a sender use smaller packets: type 3, code 4, with the next hop's MTU (RFC 1191 section 4).
 *
 *     to
 *     | IPv4 20 | type, code, checksum, 0, MTU: 8 | header of the packet in question, up to 60 | 8 of its payload |
 */
import type { Arena } from './arena.ts';
import { type Sum, storeChecksum, storeHeaderChecksum } from './checksum.ts';
import { FRAGMENT_OFFSET, headerLengthOf, Ip4, PROTOCOL_ICMP, setU16, u16 } from './ip4.ts';

const ICMP_HEADER = 8;
/** Of the packet in question: its header and eight bytes, RFC 792. */
const QUOTED_PAYLOAD = 8;
const DESTINATION_UNREACHABLE = 3;
const FRAGMENTATION_NEEDED = 4;
/** Echo reply and request are no errors; about errors none is sent (RFC 1122 section 3.2.2). */
const ECHO_REPLY = 0;
const ECHO_REQUEST = 8;

export const MAX_ICMP_ERROR = 20 + ICMP_HEADER + 60 + QUOTED_PAYLOAD;

/**
 * Writes the error about the packet at `at` to `to`. It comes from the packet's own destination: with our inner address as
 * its source the host's kernel would take it for a forgery and drop it.
 *
 * @returns its length; 0 when no error may be sent about this packet
 */
export function writeTooBig(arena: Arena, sum: Sum, at: number, mtu: number, to: number): number {
  const { u8 } = arena;
  const header = headerLengthOf(u8, at);
  const type = u8[at + header];
  if ((u16(u8, at + Ip4.flags) & FRAGMENT_OFFSET) !== 0) return 0;
  if (u8[at + Ip4.protocol] === PROTOCOL_ICMP && type !== ECHO_REPLY && type !== ECHO_REQUEST) return 0;
  const quoted = header + QUOTED_PAYLOAD;
  const length = Ip4.headerLength + ICMP_HEADER + quoted;
  u8.fill(0, to, to + Ip4.headerLength + ICMP_HEADER);
  u8[to] = 0x45;
  setU16(u8, to + Ip4.totalLength, length);
  u8[to + Ip4.ttl] = 64;
  u8[to + Ip4.protocol] = PROTOCOL_ICMP;
  u8.copyWithin(to + Ip4.source, at + Ip4.destination, at + Ip4.destination + 4);
  u8.copyWithin(to + Ip4.destination, at + Ip4.source, at + Ip4.source + 4);
  storeHeaderChecksum(u8, sum, to, Ip4.headerLength);
  const icmp = to + Ip4.headerLength;
  u8[icmp] = DESTINATION_UNREACHABLE;
  u8[icmp + 1] = FRAGMENTATION_NEEDED;
  setU16(u8, icmp + 6, mtu);
  u8.copyWithin(icmp + ICMP_HEADER, at, at + quoted);
  storeChecksum(u8, icmp + 2, sum(icmp, ICMP_HEADER + quoted, 0));
  return length;
}
