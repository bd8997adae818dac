/** The MSS clamp: TCP connections that begin through the tunnel agree on segments that fit it, whatever becomes of ICMP. */
import type { Arena } from './arena.ts';
import { adjustChecksum } from './checksum.ts';
import { FRAGMENT_OFFSET, headerLengthOf, Ip4, PROTOCOL_TCP, setU16, TCP_SYN, Tcp, u16 } from './ip4.ts';

const OPTION_END = 0;
const OPTION_NOP = 1;
const OPTION_MSS = 2;

/** True when the IPv4 packet at `at` is a TCP SYN with its header whole. */
export function isSyn(u8: Uint8Array, at: number, length: number): boolean {
  if (u8[at + Ip4.protocol] !== PROTOCOL_TCP) return false;
  const tcp = at + headerLengthOf(u8, at);
  return (
    (u8[tcp + Tcp.flags]! & TCP_SYN) !== 0 &&
    (u16(u8, at + Ip4.flags) & FRAGMENT_OFFSET) === 0 &&
    length >= tcp - at + Tcp.headerLength
  );
}

/**
 * Lowers the MSS option of the SYN at `at` to what fits an inner MTU of `mtu`.
 *
 * @param checksummed false: the checksum is still to be completed over the whole packet
 */
export function clampMss(arena: Arena, at: number, length: number, mtu: number, checksummed: boolean): void {
  const { u8 } = arena;
  const tcp = at + headerLengthOf(u8, at);
  const most = mtu - Ip4.headerLength - Tcp.headerLength;
  const end = Math.min(at + length, tcp + ((u8[tcp + Tcp.dataOffset]! >>> 4) << 2));
  for (let option = tcp + Tcp.headerLength; option < end; ) {
    const kind = u8[option]!;
    if (kind === OPTION_END) return;
    if (kind === OPTION_NOP) {
      option++;
      continue;
    }
    const size = option + 1 < end ? u8[option + 1]! : 0;
    if (size < 2 || option + size > end) return;
    if (kind === OPTION_MSS && size === 4) {
      const before = u16(u8, option + 2);
      if (before > most) lowerMss(u8, tcp, option + 2, before, most, checksummed);
      return;
    }
    option += size;
  }
}

function lowerMss(u8: Uint8Array, tcp: number, at: number, before: number, after: number, checksummed: boolean): void {
  setU16(u8, at, after);
  if (!checksummed) return;
  // An option may begin at an odd place; its bytes then stand in the other halves of the checksum's words.
  const odd = ((at - tcp) & 1) === 1;
  adjustChecksum(u8, tcp + Tcp.checksum, odd ? swap(before) : before, odd ? swap(after) : after);
}

function swap(value: number): number {
  return ((value & 255) << 8) | (value >>> 8);
}
