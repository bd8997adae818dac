/**
 * Reading a socket: a batch of datagrams by recvmmsg, each of which GRO may have joined from many, cut again and told apart.
 *
 *     UDP with GRO:  16 messages of 64 KiB       raw ESP:  64 messages of 16 KiB, in the same memory
 *     cTCP:          64 messages of 64 KiB, in memory of its own: most are single segments, and some are joined
 *     | datagram | datagram | datagram | dgram |     a control message says how long each is, another where it came to
 */
import type { IkeCarrier } from '../core/carrier/ike-path.ts';
import {
  AF_INET,
  IP_PKTINFO,
  IP_TOS,
  IPV6_PKTINFO,
  IPV6_TCLASS,
  MSG_DONTWAIT,
  MSG_TRUNC,
  recvmmsg,
  SOL_IP,
  SOL_IPV6,
  SOL_UDP,
  UDP_GRO,
} from '../ffi/libc.ts';
import { Cmsghdr, In6Pktinfo, InPktinfo, Iovec, Mmsghdr, Sockaddr } from '../ffi/structs.ts';
import type { Arena } from './arena.ts';
import { Counter } from './counters.ts';
import { isCongested } from './ecn.ts';
import { headerLengthOf, Ip4 } from './ip4.ts';
import { Flow, isRaw, LOCAL, REMOTE, readWords } from './path.ts';
import type { WorkerSocket } from './worker-socket.ts';

const BUFFER = 16 * 65_536;
const LARGEST = 65_536;
const NAME = 32;
const CONTROL = 128;
const NON_ESP_MARKER = 4;
const KEEPALIVE = 0xff;

/** Who takes what was received. The memory is theirs until the batch ends. */
export interface DatagramHandler {
  ike(carrier: IkeCarrier, at: number, length: number, flow: Flow, socket: WorkerSocket): void;
  /** True when it proved authentic. */
  esp(at: number, length: number, flow: Flow, socket: WorkerSocket): boolean;
  /** A TCP segment to one of our ports; `flow` has no ports yet. */
  tcp(at: number, length: number, flow: Flow, socket: WorkerSocket): void;
  keepalive(): void;
}

/** The message headers over the receive buffer, for messages of one size. */
class Batch {
  readonly messages: number;
  readonly names: number;
  readonly controls: number;
  readonly count: number;
  readonly buffer: number;
  readonly stride: number;

  constructor(arena: Arena, buffer: number, count: number, stride: number) {
    this.count = count;
    this.buffer = buffer;
    this.stride = stride;
    this.messages = arena.allocate(count * Mmsghdr.size, 64);
    this.names = arena.allocate(count * NAME, 64);
    this.controls = arena.allocate(count * CONTROL, 64);
    const iovecs = arena.allocate(count * Iovec.size, 64);
    for (let i = 0; i < count; i++) {
      const message = this.messages + i * Mmsghdr.size;
      const iovec = iovecs + i * Iovec.size;
      arena.setPointer(message + Mmsghdr.name, this.names + i * NAME);
      arena.setPointer(message + Mmsghdr.iovecs, iovec);
      arena.setSize(message + Mmsghdr.iovecCount, 1);
      arena.setPointer(message + Mmsghdr.control, this.controls + i * CONTROL);
      arena.setPointer(iovec + Iovec.base, buffer + i * this.stride);
      arena.setSize(iovec + Iovec.length, this.stride);
    }
  }
}

export class Receiver {
  readonly #arena: Arena;
  readonly #counters: Float64Array;
  readonly #handler: DatagramHandler;
  readonly #joined: Batch;
  readonly #single: Batch;
  readonly #segments: Batch | undefined;
  /** Of the message at hand. */
  readonly #flow = new Flow();
  #segment = 0;

  constructor(arena: Arena, counters: Float64Array, handler: DatagramHandler, withTcp: boolean) {
    this.#arena = arena;
    this.#counters = counters;
    this.#handler = handler;
    // Room before and behind for whoever seals a packet where it lies.
    const buffer = arena.allocate(BUFFER + 128, 4096) + 64;
    this.#joined = new Batch(arena, buffer, BUFFER / LARGEST, LARGEST);
    this.#single = new Batch(arena, buffer, 64, BUFFER / 64);
    if (withTcp) this.#segments = new Batch(arena, arena.allocate(64 * LARGEST + 128, 4096) + 64, 64, LARGEST);
  }

  /** Handles one batch from `socket`. @param home the flow's local side for a socket bound to one address */
  receive(socket: WorkerSocket, home: Flow): void {
    const { u32, base } = this.#arena;
    const batch = this.#batchOf(socket);
    const { messages, count, buffer, stride } = batch;
    for (let i = 0; i < count; i++) {
      const message = messages + i * Mmsghdr.size;
      u32[(message + Mmsghdr.nameLength) >> 2] = NAME;
      u32[(message + Mmsghdr.controlLength) >> 2] = CONTROL;
    }
    this.#counters[Counter.receive_calls]!++;
    // An error that ICMP left on the socket comes out here, once; the next batch is read again.
    const received = recvmmsg(socket.fd, base + messages, count, MSG_DONTWAIT, 0);
    for (let i = 0; i < received; i++) {
      const message = messages + i * Mmsghdr.size;
      const length = u32[(message + Mmsghdr.transferred) >> 2]!;
      if ((u32[(message + Mmsghdr.flags) >> 2]! & MSG_TRUNC) !== 0) {
        this.#counters[Counter.drop_truncated]!++;
        continue;
      }
      this.#segment = length;
      this.#readSource(socket, batch.names + i * NAME, home);
      this.#readControl(batch.controls + i * CONTROL, u32[(message + Mmsghdr.controlLength) >> 2]!);
      this.#split(socket, buffer + i * stride, length);
    }
  }

  #batchOf({ role }: WorkerSocket): Batch {
    if (role === 'cisco-tcp') return this.#segments!;
    return role === 'esp' ? this.#single : this.#joined;
  }

  #readSource(socket: WorkerSocket, name: number, home: Flow): void {
    const flow = this.#flow;
    const { view } = this.#arena;
    const v4 = socket.family === AF_INET;
    flow.socket = home.socket;
    flow.words.set(home.words);
    flow.remotePort = isRaw(socket) ? 0 : view.getUint16(name + Sockaddr.port);
    readWords(view, name + (v4 ? Sockaddr.v4Address : Sockaddr.v6Address), flow, REMOTE, v4 ? 1 : 4);
    flow.tcp = undefined;
    flow.localPort = 0;
  }

  /** Where the message came to, whether it was marked, and the size of the datagrams that it was joined from. */
  #readControl(control: number, length: number): void {
    const { view, u32 } = this.#arena;
    const end = control + length;
    this.#flow.congested = false;
    for (let at = control; at + Cmsghdr.data <= end; ) {
      const size = u32[(at + Cmsghdr.length) >> 2]!;
      if (size < Cmsghdr.data) return;
      const level = view.getInt32(at + Cmsghdr.level, true);
      const type = view.getInt32(at + Cmsghdr.type, true);
      const data = at + Cmsghdr.data;
      if (level === SOL_UDP && type === UDP_GRO) this.#segment = view.getInt32(data, true);
      else if (level === SOL_IP && type === IP_PKTINFO) readWords(view, data + InPktinfo.local, this.#flow, LOCAL, 1);
      else if (level === SOL_IPV6 && type === IPV6_PKTINFO)
        readWords(view, data + In6Pktinfo.address, this.#flow, LOCAL, 4);
      else if ((level === SOL_IP && type === IP_TOS) || (level === SOL_IPV6 && type === IPV6_TCLASS))
        this.#flow.congested = isCongested(view.getUint8(data));
      at += (size + 7) & ~7;
    }
  }

  #split(socket: WorkerSocket, at: number, length: number): void {
    const handler = this.#handler;
    const flow = this.#flow;
    const segment = this.#segment > 0 ? this.#segment : length;
    switch (socket.role) {
      case 'nat-t':
        for (let o = 0; o < length; o += segment) this.#natT(at + o, Math.min(segment, length - o), socket);
        break;
      case 'cisco-udp':
        for (let o = 0; o < length; o += segment) handler.esp(at + o, Math.min(segment, length - o), flow, socket);
        break;
      case 'ike':
        for (let o = 0; o < length; o += segment)
          handler.ike('udp', at + o, Math.min(segment, length - o), flow, socket);
        break;
      case 'esp':
      case 'cisco-tcp':
        this.#raw(at, length, socket);
    }
  }

  /** RFC 3948 section 2: four zero bytes lead an IKE message, a lone FF keeps the NAT awake, all else is ESP. */
  #natT(at: number, length: number, socket: WorkerSocket): void {
    const { u8, view } = this.#arena;
    if (length === 1 && u8[at] === KEEPALIVE) this.#handler.keepalive();
    else if (length > NON_ESP_MARKER && view.getUint32(at) === 0)
      this.#handler.ike('nat-t', at + NON_ESP_MARKER, length - NON_ESP_MARKER, this.#flow, socket);
    else this.#handler.esp(at, length, this.#flow, socket);
  }

  /** A raw IPv4 socket gives the IP header, and with it the address it came to; a raw IPv6 socket doesn't. */
  #raw(at: number, length: number, socket: WorkerSocket): void {
    let header = 0;
    if (socket.family === AF_INET) {
      header = headerLengthOf(this.#arena.u8, at);
      readWords(this.#arena.view, at + Ip4.destination, this.#flow, LOCAL, 1);
    }
    if (length < header) return;
    if (socket.role === 'esp') this.#handler.esp(at + header, length - header, this.#flow, socket);
    else this.#handler.tcp(at + header, length - header, this.#flow, socket);
  }
}
