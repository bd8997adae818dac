/**
 * TCP headers, RFC 9293 section 3.1, as far as a carrier that only looks like TCP needs them: the fixed header, and of the
 * options the maximum segment size and the window scale (RFC 7323). Read and written in place, so that a fast path can use
 * them on packets where they lie.
 */
import { type Bytes, readU32 } from '../bytes/bytes.ts';
import { IpProtocol } from './ip.ts';

export const TCP_HEADER_LENGTH = 20;

export const TcpFlag = { FIN: 1, SYN: 2, RST: 4, PSH: 8, ACK: 16 } as const;

/** MSS and window scale, padded with a NOP: what {@link writeSynOptions} writes. */
export const SYN_OPTIONS_LENGTH = 8;
/** What a peer takes that names no MSS: RFC 9293 section 3.7.1, for IPv4; all of IPv6 takes more. */
export const DEFAULT_MSS = 536;
/** RFC 7323 section 2.3: a larger shift counts as this one. */
const MAX_WINDOW_SHIFT = 14;

const MSS_OPTION = 2;
const WINDOW_SCALE_OPTION = 3;

/** What a header says; one object may serve for all. */
export interface TcpSegment {
  sourcePort: number;
  destinationPort: number;
  sequence: number;
  acknowledgment: number;
  flags: number;
  /** As it stands there, not scaled. */
  window: number;
  headerLength: number;
  payloadLength: number;
}

export function emptySegment(): TcpSegment {
  return {
    sourcePort: 0,
    destinationPort: 0,
    sequence: 0,
    acknowledgment: 0,
    flags: 0,
    window: 0,
    headerLength: 0,
    payloadLength: 0,
  };
}

/**
 * Reads the header of the segment of `length` bytes at `at`; false when it isn't one. The checksum isn't looked at: where
 * sender and receiver share a host it is never filled in, and what the segment carries proves itself.
 */
export function readSegment(bytes: Bytes, at: number, length: number, into: TcpSegment): boolean {
  if (length < TCP_HEADER_LENGTH) return false;
  const header = (bytes[at + 12]! >>> 4) << 2;
  if (header < TCP_HEADER_LENGTH || header > length) return false;
  into.sourcePort = (bytes[at]! << 8) | bytes[at + 1]!;
  into.destinationPort = (bytes[at + 2]! << 8) | bytes[at + 3]!;
  into.sequence = readU32(bytes, at + 4);
  into.acknowledgment = readU32(bytes, at + 8);
  into.flags = bytes[at + 13]!;
  into.window = (bytes[at + 14]! << 8) | bytes[at + 15]!;
  into.headerLength = header;
  into.payloadLength = length - header;
  return true;
}

/** Writes a header of `headerLength` bytes without its options, its checksum zero. */
export function writeHeader(bytes: Uint8Array, at: number, segment: TcpSegment): void {
  const { sourcePort, destinationPort, window } = segment;
  bytes[at] = sourcePort >>> 8;
  bytes[at + 1] = sourcePort;
  bytes[at + 2] = destinationPort >>> 8;
  bytes[at + 3] = destinationPort;
  setU32(bytes, at + 4, segment.sequence);
  setU32(bytes, at + 8, segment.acknowledgment);
  bytes[at + 12] = (segment.headerLength >>> 2) << 4;
  bytes[at + 13] = segment.flags;
  bytes[at + 14] = window >>> 8;
  bytes[at + 15] = window;
  bytes[at + 16] = 0;
  bytes[at + 17] = 0;
  bytes[at + 18] = 0;
  bytes[at + 19] = 0;
}

/** What the options of a SYN say. */
export interface SynOptions {
  readonly mss: number;
  /** Undefined: windows are not scaled. */
  readonly windowShift: number | undefined;
}

/** Options that lie about their length end the list. */
export function readSynOptions(bytes: Bytes, at: number, headerLength: number): SynOptions {
  let mss = DEFAULT_MSS;
  let windowShift: number | undefined;
  const end = at + headerLength;
  for (let i = at + TCP_HEADER_LENGTH; i < end; ) {
    const kind = bytes[i]!;
    if (kind === 0) break;
    if (kind === 1) {
      i++;
      continue;
    }
    const length = i + 1 < end ? bytes[i + 1]! : 0;
    if (length < 2 || i + length > end) break;
    if (kind === MSS_OPTION && length === 4) mss = (bytes[i + 2]! << 8) | bytes[i + 3]!;
    if (kind === WINDOW_SCALE_OPTION && length === 3) windowShift = Math.min(bytes[i + 2]!, MAX_WINDOW_SHIFT);
    i += length;
  }
  return { mss, windowShift };
}

/** MSS, then the window's shift behind a NOP; four NOPs if windows are not to be scaled. */
export function writeSynOptions(bytes: Uint8Array, at: number, { mss, windowShift }: SynOptions): void {
  bytes.set([MSS_OPTION, 4, mss >>> 8, mss & 255], at);
  bytes.set(windowShift === undefined ? [1, 1, 1, 1] : [1, WINDOW_SCALE_OPTION, 3, windowShift], at + 4);
}

/**
 * The checksum of a whole segment whose checksum field is zero, over the pseudo-header of either family (RFC 9293 section
 * 3.1, RFC 8200 section 8.1). Zero for a segment with its right checksum in it.
 */
export function tcpChecksum(source: Bytes, destination: Bytes, segment: Bytes): number {
  let sum = IpProtocol.TCP + segment.length;
  for (const part of [source, destination, segment])
    for (let i = 0; i < part.length; i += 2) sum += (part[i]! << 8) | (part[i + 1] ?? 0);
  while (sum > 0xffff) sum = (sum & 0xffff) + Math.floor(sum / 0x10000);
  return ~sum & 0xffff;
}

function setU32(bytes: Uint8Array, at: number, value: number): void {
  bytes[at] = value >>> 24;
  bytes[at + 1] = value >>> 16;
  bytes[at + 2] = value >>> 8;
  bytes[at + 3] = value;
}
