/**
 * TCP segmentation: a frame of up to 64 KiB that the kernel left whole (TSO) becomes packets of the size it asks for.
 *
 *     at                 headers      mss          mss        rest
 *     | IPv4 | TCP |     payload  |  payload   |  payload  | payload |
 *                         | IPv4 | TCP |         each packet's headers are written over the end of the one before,
 *                                                which is gone by then: the sink must be done with it
 *
 * IP identification, lengths, sequence number and checksums go on from packet to packet; FIN and PSH belong to the last,
 * CWR to the first.
 */
import type { Arena } from './arena.ts';
import { pseudoSum, type Sum, storeChecksum, storeHeaderChecksum } from './checksum.ts';
import { headerLengthOf, Ip4, PROTOCOL_TCP, setU16, TCP_CWR, TCP_FIN, TCP_PSH, Tcp, u16 } from './ip4.ts';

/** Takes an IPv4 packet in the arena, and is done with it when it returns. */
export interface PacketSink {
  packet(at: number, length: number): void;
}

const MAX_HEADERS = 120;

export class TcpSegmenter {
  readonly #arena: Arena;
  readonly #sum: Sum;
  /** The frame's headers, as each packet begins with them. */
  readonly #headers: number;

  constructor(arena: Arena, sum: Sum) {
    this.#arena = arena;
    this.#sum = sum;
    this.#headers = arena.allocate(MAX_HEADERS + 8, 16);
  }

  /** False when the `length` bytes at `at` are no TCP packet; the caller has checked the IPv4 header. */
  split(at: number, length: number, mss: number, sink: PacketSink): boolean {
    const { u8, view } = this.#arena;
    const sum = this.#sum;
    const ip = headerLengthOf(u8, at);
    if (u8[at + Ip4.protocol] !== PROTOCOL_TCP || length < ip + Tcp.headerLength || mss === 0) return false;
    const tcp = at + ip;
    const headers = ip + ((u8[tcp + Tcp.dataOffset]! >>> 4) << 2);
    if (headers < ip + Tcp.headerLength || headers > length) return false;

    const flags = u8[tcp + Tcp.flags]!;
    let sequence = view.getUint32(tcp + Tcp.sequence);
    let id = u16(u8, at + Ip4.id);
    setU16(u8, tcp + Tcp.checksum, 0);
    const addresses = sum(at + Ip4.source, 8, 0);
    u8.copyWithin(this.#headers, at, at + headers);

    let offset = headers;
    do {
      const payload = Math.min(mss, length - offset);
      const packet = at + offset - headers;
      const total = headers + payload;
      const first = offset === headers;
      const last = offset + payload >= length;
      if (!first) u8.copyWithin(packet, this.#headers, this.#headers + headers);
      setU16(u8, packet + Ip4.totalLength, total);
      setU16(u8, packet + Ip4.id, id);
      storeHeaderChecksum(u8, sum, packet, ip);
      const segment = packet + ip;
      view.setUint32(segment + Tcp.sequence, sequence);
      u8[segment + Tcp.flags] = flags & (last ? 255 : ~(TCP_FIN | TCP_PSH)) & (first ? 255 : ~TCP_CWR);
      const tcpLength = total - ip;
      storeChecksum(
        u8,
        segment + Tcp.checksum,
        sum(segment, tcpLength, addresses + pseudoSum(PROTOCOL_TCP, tcpLength)),
      );
      sink.packet(packet, total);
      sequence = (sequence + payload) >>> 0;
      id = (id + 1) & 0xffff;
      offset += mss;
    } while (offset < length);
    return true;
  }
}
