/**
 * Writing to the TUN, with TCP packets that follow each other joined to one frame of up to 64 KiB (as GRO does it), so that
 * the kernel handles them at once. Nothing is copied: the frame is an iovec each for the virtio_net_hdr, the first packet and
 * the payloads of the others.
 *
 *     writev:  | virtio_net_hdr | IPv4 TCP payload | payload | payload | ... |
 *
 * Joined are packets of one connection with contiguous sequence numbers, equal headers but for lengths, identification and
 * checksums, of one size but for the last, and with right checksums, since the frame's checksum is only made by the kernel.
 */
import { writev } from '../ffi/libc.ts';
import { Iovec, VNET_GSO_NONE, VNET_GSO_TCPV4, VNET_NEEDS_CSUM, VnetHdr } from '../ffi/structs.ts';
import type { Arena } from './arena.ts';
import { pseudoSum, type Sum, storeHeaderChecksum } from './checksum.ts';
import { Counter } from './counters.ts';
import { FRAGMENT_OFFSET, Ip4, MORE_FRAGMENTS, PROTOCOL_TCP, setU16, TCP_ACK, TCP_PSH, Tcp, u16 } from './ip4.ts';
import { MAX_COALESCED } from './limits.ts';

const MAX_FRAME = 65_535;
const IP = Ip4.headerLength;
const HEADER_WORD = 0x45;

export class TunWriter {
  readonly #arena: Arena;
  readonly #sum: Sum;
  readonly #counters: Float64Array;
  readonly #fd: number;
  readonly #coalescing: boolean;
  readonly #header: number;
  readonly #iovecs: number;
  // The frame that is being joined; no packets: none.
  #packets = 0;
  #first = 0;
  #headers = 0;
  #payload = 0;
  #mss = 0;
  #nextSequence = 0;
  /** A packet with PSH, or one shorter than the others, ends the frame. */
  #ended = false;

  constructor(arena: Arena, sum: Sum, counters: Float64Array, fd: number, coalescing: boolean) {
    this.#arena = arena;
    this.#sum = sum;
    this.#counters = counters;
    this.#fd = fd;
    this.#coalescing = coalescing;
    this.#header = arena.allocate(16);
    this.#iovecs = arena.allocate((MAX_COALESCED + 1) * Iovec.size, 16);
    this.#setIovec(0, this.#header, VnetHdr.size);
  }

  /** An IPv4 packet of `length` bytes; its memory must last until flush. The caller has checked the IPv4 header. */
  write(at: number, length: number): void {
    const { u8, view } = this.#arena;
    const tcp = at + IP;
    const headers = IP + ((u8[tcp + Tcp.dataOffset]! >>> 4) << 2);
    const payload = length - headers;
    if (
      !this.#coalescing ||
      u8[at] !== HEADER_WORD ||
      u8[at + Ip4.protocol] !== PROTOCOL_TCP ||
      (u16(u8, at + Ip4.flags) & (MORE_FRAGMENTS | FRAGMENT_OFFSET)) !== 0 ||
      length < IP + Tcp.headerLength ||
      headers < IP + Tcp.headerLength ||
      payload <= 0 ||
      (u8[tcp + Tcp.flags]! & ~TCP_PSH) !== TCP_ACK ||
      !this.#checksumsRight(at, length)
    ) {
      this.writeAlone(at, length);
      return;
    }
    const sequence = view.getUint32(tcp + Tcp.sequence);
    const push = (u8[tcp + Tcp.flags]! & TCP_PSH) !== 0;
    if (this.#joins(at, headers, payload, sequence)) {
      this.#setIovec(++this.#packets, at + headers, payload);
      this.#payload += payload;
      if (push) u8[this.#first + IP + Tcp.flags]! |= TCP_PSH;
      this.#ended = push || payload < this.#mss;
    } else {
      this.flush();
      this.#setIovec(1, at, length);
      this.#packets = 1;
      this.#first = at;
      this.#headers = headers;
      this.#payload = payload;
      this.#mss = payload;
      this.#ended = push;
    }
    this.#nextSequence = (sequence + payload) >>> 0;
  }

  /** A packet that is joined with none, after what waits. */
  writeAlone(at: number, length: number): void {
    this.flush();
    this.#setIovec(1, at, length);
    this.#packets = 1;
    this.flush();
  }

  /** Writes the frame that is being joined. */
  flush(): void {
    const packets = this.#packets;
    if (packets === 0) return;
    this.#packets = 0;
    const { u8, base } = this.#arena;
    u8.fill(0, this.#header, this.#header + VnetHdr.size);
    u8[this.#header + VnetHdr.gsoType] = VNET_GSO_NONE;
    if (packets > 1) this.#describeFrame();
    this.#counters[Counter.tun_frames_out]!++;
    if (writev(this.#fd, base + this.#iovecs, packets + 1) < 0) this.#counters[Counter.drop_tun_write]! += packets;
  }

  #joins(at: number, headers: number, payload: number, sequence: number): boolean {
    const { u8, view } = this.#arena;
    const first = this.#first;
    return (
      this.#packets > 0 &&
      this.#packets < MAX_COALESCED &&
      !this.#ended &&
      sequence === this.#nextSequence &&
      headers === this.#headers &&
      payload <= this.#mss &&
      this.#headers + this.#payload + payload <= MAX_FRAME &&
      // Addresses; ports; acknowledgment; window.
      view.getUint32(at + Ip4.source) === view.getUint32(first + Ip4.source) &&
      view.getUint32(at + Ip4.destination) === view.getUint32(first + Ip4.destination) &&
      view.getUint32(at + IP) === view.getUint32(first + IP) &&
      view.getUint32(at + IP + Tcp.acknowledgment) === view.getUint32(first + IP + Tcp.acknowledgment) &&
      view.getUint16(at + IP + 14) === view.getUint16(first + IP + 14) &&
      u8[at + Ip4.tos] === u8[first + Ip4.tos] &&
      u8[at + Ip4.ttl] === u8[first + Ip4.ttl] &&
      u8[at + Ip4.flags] === u8[first + Ip4.flags] &&
      this.#sameOptions(at + IP + Tcp.headerLength, first + IP + Tcp.headerLength, headers - IP - Tcp.headerLength)
    );
  }

  #sameOptions(a: number, b: number, length: number): boolean {
    const { view } = this.#arena;
    for (let i = 0; i < length; i += 4) if (view.getUint32(a + i) !== view.getUint32(b + i)) return false;
    return true;
  }

  #checksumsRight(at: number, length: number): boolean {
    const tcpLength = length - IP;
    const addresses = this.#sum(at + Ip4.source, 8, pseudoSum(PROTOCOL_TCP, tcpLength));
    return this.#sum(at + IP, tcpLength, addresses) === 0xffff && this.#sum(at, IP, 0) === 0xffff;
  }

  /** Makes the first packet's headers those of the frame, with the checksum left to the kernel. */
  #describeFrame(): void {
    const { u8, view } = this.#arena;
    const first = this.#first;
    const total = this.#headers + this.#payload;
    setU16(u8, first + Ip4.totalLength, total);
    storeHeaderChecksum(u8, this.#sum, first, IP);
    const pseudo = this.#sum(first + Ip4.source, 8, pseudoSum(PROTOCOL_TCP, total - IP));
    view.setUint16(first + IP + Tcp.checksum, pseudo, true);
    const header = this.#header;
    u8[header + VnetHdr.flags] = VNET_NEEDS_CSUM;
    u8[header + VnetHdr.gsoType] = VNET_GSO_TCPV4;
    view.setUint16(header + VnetHdr.headerLength, this.#headers, true);
    view.setUint16(header + VnetHdr.gsoSize, this.#mss, true);
    view.setUint16(header + VnetHdr.checksumStart, IP, true);
    view.setUint16(header + VnetHdr.checksumOffset, Tcp.checksum, true);
  }

  #setIovec(i: number, at: number, length: number): void {
    const iovec = this.#iovecs + i * Iovec.size;
    this.#arena.setPointer(iovec + Iovec.base, at);
    this.#arena.setSize(iovec + Iovec.length, length);
  }
}
