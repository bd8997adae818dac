/** The packets in what a TCP segment carries: Cisco's, or those of RFC 9329, as far as segments begin with one. */
import { type Bytes, readU32 } from '../bytes/bytes.ts';
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

export function hasCiscoTrailer(payload: Bytes): boolean {
  return payload.length > CTCP_TRAILER && readTrailer(payload, payload.length - CTCP_TRAILER) !== 0;
}

/** Segments carry packets whole as a rule; those that are split or joined with others' pieces are passed over. */
export function* ciscoPackets(payload: Bytes): Generator<TcpPacket> {
  for (let at = 0; at < payload.length; ) {
    const trailer = findTrailer(payload, at, payload.length, plainSearch);
    if (trailer < 0) return;
    if (readTrailer(payload, trailer) === CtcpProtocol.IKE) {
      const length = ikeLength(payload, at, trailer - at);
      const begin = at + CTCP_UDP_HEADER;
      yield { kind: 'ike', bytes: payload.subarray(begin, begin + length) };
    } else yield { kind: 'esp', bytes: payload.subarray(at, trailer) };
    at = trailer + CTCP_TRAILER;
  }
}

/** RFC 9329 section 3: behind the prefix each message has its length in front, itself included; IKE's has a marker besides. */
const STREAM_PREFIX = 'IKETCP';
const LENGTH_LENGTH = 2;
const MARKER_LENGTH = 4;

export function* streamPackets(payload: Bytes): Generator<TcpPacket> {
  const hasPrefix = STREAM_PREFIX.split('').every((letter, i) => payload[i] === letter.charCodeAt(0));
  let at = hasPrefix ? STREAM_PREFIX.length : 0;
  while (at + LENGTH_LENGTH + MARKER_LENGTH <= payload.length) {
    const length = (payload[at]! << 8) | payload[at + 1]!;
    if (length < LENGTH_LENGTH + MARKER_LENGTH || at + length > payload.length) return;
    const message = payload.subarray(at + LENGTH_LENGTH, at + length);
    const isIke = readU32(message) === 0;
    const bytes = isIke ? message.subarray(MARKER_LENGTH) : message;
    yield { kind: isIke ? 'ike' : 'esp', bytes };
    at += length;
  }
}
