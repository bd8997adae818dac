/** Offsets and flags of IPv4 and TCP headers, for code that works on packets in the arena. */

export const Ip4 = {
  tos: 1,
  totalLength: 2,
  id: 4,
  flags: 6,
  ttl: 8,
  protocol: 9,
  checksum: 10,
  source: 12,
  destination: 16,
  headerLength: 20,
} as const;

/** In the byte at Ip4.flags. */
export const DONT_FRAGMENT = 0x40;
/** In the 16 bits at Ip4.flags. */
export const MORE_FRAGMENTS = 0x2000;
export const FRAGMENT_OFFSET = 0x1fff;

export const PROTOCOL_ICMP = 1;
export const PROTOCOL_TCP = 6;

export const Tcp = {
  sequence: 4,
  acknowledgment: 8,
  dataOffset: 12,
  flags: 13,
  checksum: 16,
  headerLength: 20,
} as const;

export const TCP_FIN = 1;
export const TCP_SYN = 2;
export const TCP_PSH = 8;
export const TCP_ACK = 16;
export const TCP_CWR = 128;

export function u16(u8: Uint8Array, at: number): number {
  return (u8[at]! << 8) | u8[at + 1]!;
}

export function setU16(u8: Uint8Array, at: number, value: number): void {
  u8[at] = value >>> 8;
  u8[at + 1] = value;
}

/** Length of the IPv4 header at `at`, bytes. */
export function headerLengthOf(u8: Uint8Array, at: number): number {
  return (u8[at]! & 15) << 2;
}

/**
 * The total length of the IPv4 packet at `at`; 0 when it isn't one that lies whole in the `available` bytes.
 * Bytes behind it are padding.
 */
export function wholeIp4(u8: Uint8Array, at: number, available: number): number {
  if (available < Ip4.headerLength || u8[at]! >>> 4 !== 4) return 0;
  const header = headerLengthOf(u8, at);
  const total = u16(u8, at + Ip4.totalLength);
  return header >= Ip4.headerLength && total >= header && total <= available ? total : 0;
}
