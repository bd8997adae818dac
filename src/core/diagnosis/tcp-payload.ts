/** The packets in what TCP carries: Cisco's, or those of RFC 9329. What isn't whole yet is left for the next segment. */
import { type Bytes, readU16, readU32 } from '../bytes/bytes.ts';
import {
  CTCP_TRAILER,
  CTCP_UDP_HEADER,
  CtcpProtocol,
  findTrailer,
  ikeLength,
  plainSearch,
  readTrailer,
} from '../wire/ctcp.ts';

export interface TcpPacket {
  readonly kind: 'ike' | 'esp';
  readonly bytes: Bytes;
}

export interface Unpacked {
  readonly packets: readonly TcpPacket[];
  /** What was used up; what follows is the beginning of a packet. */
  readonly used: number;
}

export function hasCiscoTrailer(payload: Bytes): boolean {
  return payload.length > CTCP_TRAILER && readTrailer(payload, payload.length - CTCP_TRAILER) !== 0;
}

export function hasStreamPrefix(payload: Bytes): boolean {
  return PREFIX.every((letter, i) => payload[i] === letter);
}

/** Each packet ends in a trailer. `from`: before here none begins, as was seen when less of it was there. */
export function unpackCisco(payload: Bytes, from = 0): Unpacked {
  const packets: TcpPacket[] = [];
  let at = 0;
  for (;;) {
    const trailer = findTrailer(payload, Math.max(at, from), payload.length, plainSearch);
    if (trailer < 0) return { packets, used: at };
    if (readTrailer(payload, trailer) === CtcpProtocol.IKE) {
      const length = ikeLength(payload, at, trailer - at);
      const begin = at + CTCP_UDP_HEADER;
      packets.push({ kind: 'ike', bytes: payload.subarray(begin, begin + length) });
    } else packets.push({ kind: 'esp', bytes: payload.subarray(at, trailer) });
    at = trailer + CTCP_TRAILER;
  }
}

/** RFC 9329 section 3: behind the prefix each message has its length in front, itself included; IKE's has a marker besides. */
const PREFIX: readonly number[] = [...'IKETCP'].map((letter) => letter.charCodeAt(0));
const LENGTH_LENGTH = 2;
const MARKER_LENGTH = 4;

/** @returns undefined: no message begins there */
export function unpackStream(payload: Bytes): Unpacked | undefined {
  const packets: TcpPacket[] = [];
  let at = hasStreamPrefix(payload) ? PREFIX.length : 0;
  while (at + LENGTH_LENGTH <= payload.length) {
    const length = readU16(payload, at);
    if (length < LENGTH_LENGTH + MARKER_LENGTH)
      return packets.length > 0 ? { packets, used: payload.length } : undefined;
    if (at + length > payload.length) break;
    const message = payload.subarray(at + LENGTH_LENGTH, at + length);
    const isIke = readU32(message) === 0;
    packets.push({ kind: isIke ? 'ike' : 'esp', bytes: isIke ? message.subarray(MARKER_LENGTH) : message });
    at += length;
  }
  return { packets, used: at };
}
