/**
 * L2TP data at speed: the twin of `core/l2tp/data.ts`. What ESP carries in transport mode is
 *
 *     | UDP 8 | L2TP 6 to 14 and more | PPP 1 to 4 | IPv4 packet ... |
 */
import { L2TP_PORT, L2TP_VERSION, L2TP_VERSION_MASK, L2tpFlag, type PppCall } from '../core/wire/l2tp.ts';
import { ADDRESS_AND_CONTROL, PppProtocol } from '../core/wire/ppp.ts';
import { UDP_HEADER_LENGTH } from '../core/wire/udp.ts';
import type { Arena } from './arena.ts';
import { Counter } from './counters.ts';

/** Flags, tunnel and session. */
const DATA_HEADER = 6;

/** The reader's verdict where it is no counter of a drop. */
export const Content = { PACKET: 0, MESSAGE: -1 } as const;

/** Reads what transport mode carried; the packet or message found is at `at`, `length` bytes. */
export class TransportReader {
  /** Whose call a packet came by, by its place among those given. */
  index = 0;
  at = 0;
  length = 0;
  /** UDP port of the client. */
  port = 0;
  readonly #u8: Uint8Array;
  readonly #view: DataView;

  constructor({ u8, view }: Arena) {
    this.#u8 = u8;
    this.#view = view;
  }

  /** One of {@link Content}, or the counter of the reason why it is dropped. @param parties those of the client's calls */
  read(at: number, available: number, parties: readonly CallHolder[]): number {
    const view = this.#view;
    if (available < UDP_HEADER_LENGTH) return Counter.drop_l2tp_malformed;
    const udpLength = view.getUint16(at + 4);
    if (udpLength < UDP_HEADER_LENGTH || udpLength > available) return Counter.drop_l2tp_malformed;
    if (view.getUint16(at + 2) !== L2TP_PORT) return Counter.drop_l2tp_port;
    this.port = view.getUint16(at);
    this.at = at + UDP_HEADER_LENGTH;
    this.length = udpLength - UDP_HEADER_LENGTH;
    return this.#readMessage(this.at, this.at + this.length, parties);
  }

  #readMessage(start: number, udpEnd: number, parties: readonly CallHolder[]): number {
    const view = this.#view;
    if (udpEnd - start < DATA_HEADER) return Counter.drop_l2tp_malformed;
    const flags = view.getUint16(start);
    if ((flags & L2TP_VERSION_MASK) !== L2TP_VERSION) return Counter.drop_l2tp_malformed;
    const control = (flags & L2tpFlag.CONTROL) !== 0;
    const hasLength = (flags & L2tpFlag.LENGTH) !== 0;
    const hasSequence = (flags & L2tpFlag.SEQUENCE) !== 0;
    if (control && !(hasLength && hasSequence)) return Counter.drop_l2tp_malformed;
    let end = udpEnd;
    let at = start + 2;
    if (hasLength) {
      end = start + view.getUint16(at);
      at += 2;
      if (end > udpEnd || (control && end !== udpEnd)) return Counter.drop_l2tp_malformed;
    }
    const ids = at;
    at += hasSequence ? 8 : 4;
    if (!control && (flags & L2tpFlag.OFFSET) !== 0) {
      if (at + 2 > end) return Counter.drop_l2tp_malformed;
      at += 2 + view.getUint16(at);
    }
    if (at > end) return Counter.drop_l2tp_malformed;
    if (control) return Content.MESSAGE;
    return this.#readData(view.getUint16(ids), view.getUint16(ids + 2), at, end, parties);
  }

  /** A call that isn't up yet, beside others that are, has no packets, but its PPP is the engines'. */
  #readData(tunnel: number, session: number, at: number, end: number, parties: readonly CallHolder[]): number {
    let hasCall = false;
    let isOurs = false;
    for (let i = 0; i < parties.length; i++) {
      const { call } = parties[i]!;
      if (call === undefined) continue;
      hasCall = true;
      if (call.localTunnel !== tunnel) continue;
      isOurs = true;
      if (call.localSession !== session) continue;
      this.index = i;
      return this.#readPpp(at, end);
    }
    if (!hasCall) return Content.MESSAGE;
    const content = isOurs ? this.#readPpp(at, end) : Content.PACKET;
    return content === Content.PACKET ? Counter.drop_l2tp_session : content;
  }

  #readPpp(start: number, end: number): number {
    const u8 = this.#u8;
    let at = start;
    if (end - at >= 2 && this.#view.getUint16(at) === ADDRESS_AND_CONTROL) at += 2;
    if (at >= end) return Counter.drop_l2tp_malformed;
    let protocol = u8[at++]!;
    if ((protocol & 1) === 0) {
      if (at >= end || (u8[at]! & 1) === 0) return Counter.drop_l2tp_malformed;
      protocol = (protocol << 8) | u8[at++]!;
    }
    if (protocol !== PppProtocol.IPV4) return Content.MESSAGE;
    this.at = at;
    this.length = end - at;
    return Content.PACKET;
  }
}

/** Of a client's calls one, or none while it isn't up. */
export interface CallHolder {
  readonly call: Call | undefined;
}

/** A call whose PPP link is up: which data messages are its own, and what leads its packets. */
export class Call {
  readonly localTunnel: number;
  readonly localSession: number;
  readonly mru: number;
  /** Bytes before a packet. */
  readonly overhead: number;
  readonly #port: number;
  /** L2TP and PPP. */
  readonly #header: Uint8Array;

  constructor(call: PppCall) {
    this.localTunnel = call.localTunnel;
    this.localSession = call.localSession;
    this.mru = call.mru;
    this.#port = call.port;
    const bytes = [
      ...[0, L2TP_VERSION, call.peerTunnel >> 8, call.peerTunnel, call.peerSession >> 8, call.peerSession],
      ...(call.acfc ? [] : [ADDRESS_AND_CONTROL >> 8, ADDRESS_AND_CONTROL]),
      ...(call.pfc ? [] : [PppProtocol.IPV4 >> 8]),
      PppProtocol.IPV4,
    ];
    this.#header = Uint8Array.from(bytes);
    this.overhead = UDP_HEADER_LENGTH + bytes.length;
  }

  /** Writes UDP, L2TP and PPP over the {@link overhead} bytes before the packet at `at`. */
  frame({ u8, view }: Arena, at: number, length: number): void {
    writeUdp(view, at - this.overhead, this.#port, this.overhead + length);
    const header = this.#header;
    const to = at - header.length;
    for (let i = 0; i < header.length; i++) u8[to + i] = header[i]!;
  }
}

/** A header from port 1701 with a checksum of zero, which is none: ESP's is better. @param length with the header */
export function writeUdp(view: DataView, at: number, port: number, length: number): void {
  view.setUint16(at, L2TP_PORT);
  view.setUint16(at + 2, port);
  view.setUint16(at + 4, length);
  view.setUint16(at + 6, 0);
}
