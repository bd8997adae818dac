/**
 * The road out: a frame from the TUN, or a packet from another session, to ESP packets in the transmit queue.
 *
 *     frame            at
 *     | virtio_net_hdr | IPv4 packet of up to 64 KiB ............ |     segment.ts or fragment.ts makes packets of it, in place
 *
 *                      at                      at + length
 *     | UDP, L2TP, PPP | IPv4 packet ......... | 20 bytes to spare |    in transport mode with a call's headers before it
 *                           | sealPacket
 *                           v                  reserved in the queue
 *     | TCP | SPI | sequence | IV | ciphertext | ICV | cTCP trailer |   in a flow of cTCP; else from SPI to ICV
 */

import { CTCP_TRAILER } from '../core/wire/ctcp.ts';
import { TCP_HEADER_LENGTH } from '../core/wire/tcp.ts';
import { UDP_HEADER_LENGTH } from '../core/wire/udp.ts';
import { VNET_GSO_ECN, VNET_GSO_NONE, VNET_GSO_TCPV4, VNET_NEEDS_CSUM, VnetHdr } from '../ffi/structs.ts';
import type { Arena } from './arena.ts';
import { adjustChecksum, type Sum, storeChecksum } from './checksum.ts';
import type { TunWriter } from './coalesce.ts';
import { Counter, SessionCounter } from './counters.ts';
import { Fragmenter } from './fragment.ts';
import { MAX_ICMP_ERROR, writeTooBig } from './icmp.ts';
import { DONT_FRAGMENT, Ip4, u16, wholeIp4 } from './ip4.ts';
import { writeUdp } from './l2tp.ts';
import { MAX_GSO_BYTES, SEQUENCE_END, SEQUENCE_REKEY } from './limits.ts';
import { clampMss, isSyn } from './mss.ts';
import type { Party } from './party.ts';
import type { Reports } from './reports.ts';
import { type OutboundSa, sealedLength } from './sa.ts';
import { sealPacket } from './seal.ts';
import { type PacketSink, TcpSegmenter } from './segment.ts';
import type { Session } from './session.ts';
import type { SessionTable } from './session-table.ts';
import type { Transmit } from './transmit.ts';

export class Outbound implements PacketSink {
  readonly #arena: Arena;
  readonly #sum: Sum;
  readonly #table: SessionTable;
  readonly #transmit: Transmit;
  readonly #tun: TunWriter;
  readonly #reports: Reports;
  readonly #counters: Float64Array;
  readonly #sessions: Float64Array;
  readonly #segmenter: TcpSegmenter;
  readonly #fragmenter: Fragmenter;
  readonly #icmp: number;
  // What the packets of the frame at hand are sealed for.
  #party!: Party;
  #sa!: OutboundSa;
  #maxInner = 0;

  constructor(
    arena: Arena,
    sum: Sum,
    table: SessionTable,
    transmit: Transmit,
    tun: TunWriter,
    reports: Reports,
    counters: Float64Array,
    sessions: Float64Array,
  ) {
    this.#arena = arena;
    this.#sum = sum;
    this.#table = table;
    this.#transmit = transmit;
    this.#tun = tun;
    this.#reports = reports;
    this.#counters = counters;
    this.#sessions = sessions;
    this.#segmenter = new TcpSegmenter(arena, sum);
    this.#fragmenter = new Fragmenter(arena, sum);
    this.#icmp = arena.allocate(MAX_ICMP_ERROR);
  }

  /** A frame as read from the TUN: virtio_net_hdr at `frame`, `length` bytes in all. */
  handleFrame(frame: number, length: number): void {
    const { u8, view } = this.#arena;
    const at = frame + VnetHdr.size;
    const flags = u8[frame + VnetHdr.flags]!;
    const gsoType = u8[frame + VnetHdr.gsoType]! & ~VNET_GSO_ECN;
    const gsoSize = view.getUint16(frame + VnetHdr.gsoSize, true);
    const checksumStart = view.getUint16(frame + VnetHdr.checksumStart, true);
    const checksumOffset = view.getUint16(frame + VnetHdr.checksumOffset, true);
    const total = wholeIp4(u8, at, length - VnetHdr.size);
    if (total === 0) {
      this.#drop(Counter.drop_tun_frame);
      return;
    }
    const partial = (flags & VNET_NEEDS_CSUM) !== 0;
    if (!this.#choose(at)) return;
    if (isSyn(u8, at, total)) clampMss(this.#arena, at, total, this.#maxInner, !partial);
    if (gsoType === VNET_GSO_TCPV4) {
      this.#segment(at, total, gsoSize, checksumStart);
      return;
    }
    if (gsoType !== VNET_GSO_NONE || (partial && checksumStart + checksumOffset + 2 > total)) {
      this.#drop(Counter.drop_tun_frame);
      return;
    }
    if (partial) {
      const sum = this.#sum(at + checksumStart, total - checksumStart, 0);
      // UDP: a checksum of zero would mean none.
      storeChecksum(u8, at + checksumStart + checksumOffset, sum === 0xffff ? 0 : sum);
    }
    this.#send(at, total);
  }

  /** A whole IPv4 packet from one session to another, where it was received. */
  forward(at: number, length: number): void {
    const { u8 } = this.#arena;
    const ttl = u8[at + Ip4.ttl]!;
    if (ttl <= 1) {
      this.#drop(Counter.drop_ttl);
      return;
    }
    if (!this.#choose(at)) return;
    const word = u16(u8, at + Ip4.ttl);
    u8[at + Ip4.ttl] = ttl - 1;
    adjustChecksum(u8, at + Ip4.checksum, word, word - 256);
    // headers of L2TP reach back over the packet before, which may still be on its way to the TUN
    if (this.#sa.transport) this.#tun.flush();
    this.#send(at, length);
  }

  /** An L2TP message to UDP `port`. Needs 24 bytes to spare before it and 20 behind. */
  sendL2tp(session: Session, port: number, at: number, length: number): void {
    const [sa] = session.outbound;
    if (sa?.transport !== true) {
      this.#drop(Counter.drop_no_sa);
    } else if (this.#aim(session.party, sa)) {
      writeUdp(this.#arena.view, at - UDP_HEADER_LENGTH, port, UDP_HEADER_LENGTH + length);
      this.#sealContent(at - UDP_HEADER_LENGTH, UDP_HEADER_LENGTH + length);
    }
  }

  /** A packet of our own making, by the session's newest SA. Needs 34 bytes to spare before it and 20 behind. */
  sendOwn(session: Session, at: number, length: number): void {
    const [sa] = session.outbound;
    if (wholeIp4(this.#arena.u8, at, length) !== length) {
      this.#drop(Counter.drop_inner_header);
    } else if (sa === undefined) {
      this.#drop(Counter.drop_no_sa);
    } else if (this.#aim(session.party, sa)) {
      if (length <= this.#maxInner) this.#seal(at, length);
      else this.#drop(Counter.drop_too_big);
    }
  }

  /** Finds the session and the SA for the packet at `at`; false when it was dropped for want of one. */
  #choose(at: number): boolean {
    const { view } = this.#arena;
    const destination = view.getUint32(at + Ip4.destination);
    const party = this.#table.towards(destination);
    if (party === undefined) return this.#drop(Counter.drop_no_session);
    const sa = party.session.outboundFor(view.getUint32(at + Ip4.source), destination);
    if (sa === undefined) return this.#drop(Counter.drop_no_sa);
    return this.#aim(party, sa);
  }

  /** Makes these what packets are sealed for; false when there is nowhere to send to yet. */
  #aim(party: Party, sa: OutboundSa): boolean {
    const { session } = party;
    if (!session.reachable)
      return this.#drop(session.socket.role === 'cisco-tcp' ? Counter.drop_no_flow : Counter.drop_no_peer_port);
    session.active = true;
    this.#party = party;
    this.#sa = sa;
    this.#maxInner = party.maxInner(sa);
    return true;
  }

  #segment(at: number, length: number, mss: number, tcpOffset: number): void {
    const { u8 } = this.#arena;
    const headers = tcpOffset + ((u8[at + tcpOffset + 12]! >>> 4) << 2);
    if (headers + Math.min(mss, length - headers) > this.#maxInner && (u8[at + Ip4.flags]! & DONT_FRAGMENT) !== 0) {
      this.#tooBig(at);
      return;
    }
    if (!this.#segmenter.split(at, length, mss, this)) this.#drop(Counter.drop_tun_frame);
  }

  /** A packet of a segmented frame. */
  packet(at: number, length: number): void {
    if (length <= this.#maxInner) this.#seal(at, length);
    else this.#fragment(at, length);
  }

  #send(at: number, length: number): void {
    if (length <= this.#maxInner) this.#seal(at, length);
    else if ((this.#arena.u8[at + Ip4.flags]! & DONT_FRAGMENT) !== 0) this.#tooBig(at);
    else this.#fragment(at, length);
  }

  readonly #sealFragment: PacketSink = { packet: (at, length) => this.#seal(at, length) };

  #fragment(at: number, length: number): void {
    if (!this.#fragmenter.split(at, length, this.#maxInner, this.#sealFragment)) this.#drop(Counter.drop_too_big);
  }

  #tooBig(at: number): void {
    this.#drop(Counter.drop_too_big);
    const length = writeTooBig(this.#arena, this.#sum, at, this.#maxInner, this.#icmp);
    if (length === 0) return;
    this.#counters[Counter.icmp_too_big_sent]!++;
    this.#tun.writeAlone(this.#icmp, length);
  }

  #seal(at: number, length: number): void {
    const { call } = this.#party;
    let headers = 0;
    if (this.#sa.transport) {
      if (call === undefined) {
        this.#drop(Counter.drop_no_session);
        return;
      }
      headers = call.overhead;
      call.frame(this.#arena, at, length);
    }
    if (!this.#sealContent(at - headers, headers + length)) return;
    const counters = this.#sessions;
    const base = this.#party.slot * SessionCounter.count;
    counters[base + SessionCounter.packetsOut]!++;
    counters[base + SessionCounter.bytesOut]! += length;
  }

  /** What ESP carries: a packet, or in transport mode a UDP datagram. */
  #sealContent(at: number, length: number): boolean {
    const sa = this.#sa;
    const { session } = this.#party;
    const sealed = sealedLength(sa.sealer, length);
    if (sealed > MAX_GSO_BYTES) return this.#drop(Counter.drop_too_big);
    const { tcp } = session.flow;
    const around = tcp === undefined ? 0 : TCP_HEADER_LENGTH + CTCP_TRAILER;
    if (tcp !== undefined && !tcp.hasRoom(sealed + CTCP_TRAILER)) {
      return this.#drop(Counter.drop_flow_window);
    }
    const to = this.#transmit.reserve(session, around + sealed) + (tcp === undefined ? 0 : TCP_HEADER_LENGTH);
    if (sealPacket(this.#arena, sa, at, length, to) === 0) {
      return this.#drop(sa.sequence >= SEQUENCE_END ? Counter.drop_sequence_end : Counter.drop_crypto);
    }
    tcp?.wrapEsp(to, sealed);
    this.#transmit.commit(around + sealed);
    sa.bytes += length;
    if (!sa.rekeyAsked && (sa.bytes >= sa.softBytes || sa.sequence >= SEQUENCE_REKEY))
      sa.rekeyAsked = this.#reports.rekeyNeeded(session, sa.spi);
    this.#counters[Counter.esp_out]!++;
    return true;
  }

  #drop(counter: number): false {
    this.#counters[counter]!++;
    return false;
  }
}
