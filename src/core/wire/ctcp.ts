/**
 * Cisco IPsec over TCP (cTCP): what a segment carries. No document describes it; see each constant for its source.
 *
 *     | ESP packet, or a UDP header and an IKE message | trailer |
 *
 *     | 00 00 00 00 | number | direction | 21 45 6c 69 10 | protocol | 01 00 |
 *       0             4        6           8                13         14       16
 */
import type { Bytes } from '../bytes/bytes.ts';

export const CTCP_TRAILER = 16;
/** IKE travels as a whole UDP datagram. */
export const CTCP_UDP_HEADER = 8;

/** What the trailer's protocol byte says (Wireshark's dissector, packet-ipsec-tcp). */
export const CtcpProtocol = { IKE: 0x11, ESP: 0x32 } as const;

/** IKE from client to server; from server to client, and with ESP, it is zero. The low twelve bits always are (Wireshark). */
export const TO_SERVER = 0x4000;

/** At offset 8. Known from one source only. */
export const CTCP_MAGIC: readonly number[] = [0x21, 0x45, 0x6c, 0x69, 0x10];
/** At offset 14. Known from one source only. */
const MAGIC_END: readonly number[] = [0x01, 0x00];
const MAGIC_AT = 8;
const PROTOCOL_AT = 13;

/** The ports in the UDP header, whatever port the flow has (Wireshark tells IKE by them). */
const IKE_PORT = 500;

/** @param number counts packets; a receiver ignores it */
export function writeTrailer(bytes: Uint8Array, at: number, protocol: number, number: number, direction: number): void {
  bytes[at] = 0;
  bytes[at + 1] = 0;
  bytes[at + 2] = 0;
  bytes[at + 3] = 0;
  bytes[at + 4] = number >>> 8;
  bytes[at + 5] = number;
  bytes[at + 6] = direction >>> 8;
  bytes[at + 7] = direction;
  bytes[at + 8] = CTCP_MAGIC[0]!;
  bytes[at + 9] = CTCP_MAGIC[1]!;
  bytes[at + 10] = CTCP_MAGIC[2]!;
  bytes[at + 11] = CTCP_MAGIC[3]!;
  bytes[at + 12] = CTCP_MAGIC[4]!;
  bytes[at + 13] = protocol;
  bytes[at + 14] = MAGIC_END[0]!;
  bytes[at + 15] = MAGIC_END[1]!;
}

/** The protocol that the trailer at `at` names, all of whose bytes must be there; 0: it is none. */
export function readTrailer(bytes: Bytes, at: number): number {
  for (let i = 0; i < CTCP_MAGIC.length; i++) if (bytes[at + MAGIC_AT + i] !== CTCP_MAGIC[i]) return 0;
  for (let i = 0; i < MAGIC_END.length; i++) if (bytes[at + PROTOCOL_AT + 1 + i] !== MAGIC_END[i]) return 0;
  for (let i = 0; i < 4; i++) if (bytes[at + i] !== 0) return 0;
  if ((bytes[at + 6]! & 0x0f) !== 0 || bytes[at + 7] !== 0) return 0;
  const protocol = bytes[at + PROTOCOL_AT]!;
  return protocol === CtcpProtocol.IKE || protocol === CtcpProtocol.ESP ? protocol : 0;
}

/** Finds {@link CTCP_MAGIC} in `bytes` from `from` on; -1: it isn't there. */
export type MagicSearch = (bytes: Bytes, from: number) => number;

/** Where the first trailer between `from` and `end` begins; -1: there is none. Ciphertext holds one by chance in 2^-100. */
export function findTrailer(bytes: Bytes, from: number, end: number, search: MagicSearch): number {
  const last = end - CTCP_TRAILER + MAGIC_AT;
  for (let i = search(bytes, from + MAGIC_AT); i >= 0 && i <= last; i = search(bytes, i + 1))
    if (readTrailer(bytes, i - MAGIC_AT) !== 0) return i - MAGIC_AT;
  return -1;
}

/** For where there is nothing faster. */
export const plainSearch: MagicSearch = (bytes, from) => {
  for (let i = bytes.indexOf(CTCP_MAGIC[0]!, from); i >= 0; i = bytes.indexOf(CTCP_MAGIC[0]!, i + 1))
    if (CTCP_MAGIC.every((byte, k) => bytes[i + k] === byte)) return i;
  return -1;
};

/** The header before an IKE message of `length` bytes: port 500 to port 500, no checksum. */
export function writeUdpHeader(bytes: Uint8Array, at: number, length: number): void {
  const total = CTCP_UDP_HEADER + length;
  bytes[at] = IKE_PORT >>> 8;
  bytes[at + 1] = IKE_PORT & 255;
  bytes[at + 2] = IKE_PORT >>> 8;
  bytes[at + 3] = IKE_PORT & 255;
  bytes[at + 4] = total >>> 8;
  bytes[at + 5] = total;
  bytes[at + 6] = 0;
  bytes[at + 7] = 0;
}

/** The length of the IKE message in the UDP datagram of `length` bytes at `at`; 0: it is none, or not whole. */
export function ikeLength(bytes: Bytes, at: number, length: number): number {
  if (length <= CTCP_UDP_HEADER) return 0;
  const claimed = (bytes[at + 4]! << 8) | bytes[at + 5]!;
  return claimed > CTCP_UDP_HEADER && claimed <= length ? claimed - CTCP_UDP_HEADER : 0;
}
