/** Sends the segments of cTCP: those with packets by the transmit queue, those that belong to no flow at once. */
import type { Bytes } from '../core/bytes/bytes.ts';
import { CTCP_WINDOW } from '../core/carrier/ctcp-flow.ts';
import {
  CTCP_TRAILER,
  CTCP_UDP_HEADER,
  CtcpProtocol,
  TO_SERVER,
  writeTrailer,
  writeUdpHeader,
} from '../core/wire/ctcp.ts';
import { IpProtocol } from '../core/wire/ip.ts';
import {
  emptySegment,
  SYN_OPTIONS_LENGTH,
  type SynOptions,
  TCP_HEADER_LENGTH,
  TcpFlag,
  writeHeader,
  writeSynOptions,
} from '../core/wire/tcp.ts';
import { AF_INET } from '../ffi/libc.ts';
import { Iovec, Mmsghdr } from '../ffi/structs.ts';
import type { Arena } from './arena.ts';
import { pseudoSum, type Sum, storeChecksum } from './checksum.ts';
import { Counter } from './counters.ts';
import { type Flow, LOCAL, PATH_CONTROL, PATH_SIZE, REMOTE, sockaddrLength, writePath } from './path.ts';
import type { TcpFlow } from './tcp-flow.ts';
import { type Send, sendNow, type Transmit } from './transmit.ts';
import type { WorkerSocket } from './worker-socket.ts';

const CHECKSUM_AT = 16;

export class TcpSender {
  /** On the main thread's clock; the loop sets it on each turn. */
  now = 0;
  readonly #arena: Arena;
  readonly #sum: Sum;
  readonly #transmit: Transmit;
  readonly #counters: Float64Array;
  readonly #sendMessages: Send;
  readonly #segment = emptySegment();
  readonly #message: number;
  readonly #iovec: number;
  readonly #path: number;
  readonly #control: number;
  readonly #addresses: number;

  constructor(arena: Arena, sum: Sum, transmit: Transmit, counters: Float64Array, send = sendNow) {
    this.#sendMessages = send;
    this.#arena = arena;
    this.#sum = sum;
    this.#transmit = transmit;
    this.#counters = counters;
    this.#message = arena.allocate(Mmsghdr.size);
    this.#iovec = arena.allocate(Iovec.size);
    this.#path = arena.allocate(PATH_SIZE);
    this.#control = arena.allocate(TCP_HEADER_LENGTH + SYN_OPTIONS_LENGTH);
    this.#addresses = arena.allocate(32);
  }

  /** The part of the checksum that a flow's addresses make. */
  addressSum(ends: Flow, socket: WorkerSocket): number {
    const { view } = this.#arena;
    const words = socket.family === AF_INET ? 1 : 4;
    for (let i = 0; i < words; i++) {
      view.setUint32(this.#addresses + 4 * i, ends.words[LOCAL + i]!);
      view.setUint32(this.#addresses + 4 * (words + i), ends.words[REMOTE + i]!);
    }
    return this.#sum(this.#addresses, 8 * words, 0);
  }

  /** Writes header and trailer around the packet of `length` bytes at `at`, as the flow's next segment. */
  wrap(flow: TcpFlow, at: number, length: number, protocol: number): void {
    const { u8 } = this.#arena;
    const direction = protocol === CtcpProtocol.IKE && flow.began ? TO_SERVER : 0;
    flow.number = (flow.number + 1) & 0xffff;
    writeTrailer(u8, at + length, protocol, flow.number, direction);
    this.#writeSegment(flow, at - TCP_HEADER_LENGTH, length + CTCP_TRAILER, TcpFlag.PSH | TcpFlag.ACK);
  }

  /** Tells the other side what came. */
  acknowledge(flow: TcpFlow): void {
    const at = this.#transmit.reserve(flow, TCP_HEADER_LENGTH);
    this.#writeSegment(flow, at, 0, TcpFlag.ACK);
    this.#transmit.commit(TCP_HEADER_LENGTH);
  }

  /** False: the other side's window is full. What is larger than a segment goes in several. */
  sendIke(flow: TcpFlow, message: Bytes): boolean {
    const { u8 } = this.#arena;
    const length = CTCP_UDP_HEADER + message.length;
    const total = length + CTCP_TRAILER;
    if (!flow.hasRoom(total)) return false;
    if (total > flow.mss) return this.#sendInPieces(flow, message);
    const at = this.#transmit.reserve(flow, TCP_HEADER_LENGTH + total) + TCP_HEADER_LENGTH;
    writeUdpHeader(u8, at, message.length);
    u8.set(message, at + CTCP_UDP_HEADER);
    this.wrap(flow, at, length, CtcpProtocol.IKE);
    this.#transmit.commit(TCP_HEADER_LENGTH + total);
    return true;
  }

  #sendInPieces(flow: TcpFlow, message: Bytes): boolean {
    const whole = new Uint8Array(CTCP_UDP_HEADER + message.length + CTCP_TRAILER);
    writeUdpHeader(whole, 0, message.length);
    whole.set(message, CTCP_UDP_HEADER);
    flow.number = (flow.number + 1) & 0xffff;
    const direction = flow.began ? TO_SERVER : 0;
    writeTrailer(whole, whole.length - CTCP_TRAILER, CtcpProtocol.IKE, flow.number, direction);
    for (let from = 0; from < whole.length; from += flow.mss) {
      const piece = whole.subarray(from, from + flow.mss);
      const at = this.#transmit.reserve(flow, TCP_HEADER_LENGTH + piece.length);
      this.#arena.u8.set(piece, at + TCP_HEADER_LENGTH);
      this.#writeSegment(flow, at, piece.length, TcpFlag.PSH | TcpFlag.ACK);
      this.#transmit.commit(TCP_HEADER_LENGTH + piece.length);
    }
    return true;
  }

  /** A segment without payload that belongs to no flow yet, or no more. */
  sendControl(
    ends: Flow,
    socket: WorkerSocket,
    flags: number,
    sequence: number,
    acknowledgment: number,
    options: SynOptions | undefined,
  ): void {
    const arena = this.#arena;
    const length = TCP_HEADER_LENGTH + (options ? SYN_OPTIONS_LENGTH : 0);
    const segment = this.#segment;
    segment.sourcePort = ends.localPort;
    segment.destinationPort = ends.remotePort;
    segment.sequence = sequence;
    segment.acknowledgment = acknowledgment;
    segment.flags = flags;
    segment.window = (flags & TcpFlag.RST) !== 0 ? 0 : CTCP_WINDOW;
    segment.headerLength = length;
    writeHeader(arena.u8, this.#control, segment);
    if (options) writeSynOptions(arena.u8, this.#control + TCP_HEADER_LENGTH, options);
    this.#storeChecksum(this.#control, length, this.addressSum(ends, socket));
    this.#send(socket, writePath(arena, this.#path, ends, socket), length);
  }

  /** Header and checksum of the flow's next segment, at `at`; its payload is there already. */
  #writeSegment(flow: TcpFlow, at: number, payload: number, flags: number): void {
    const { numbers, ends } = flow;
    const segment = this.#segment;
    segment.sourcePort = ends.localPort;
    segment.destinationPort = ends.remotePort;
    segment.sequence = numbers.sequence;
    segment.acknowledgment = numbers.acknowledgment;
    segment.flags = flags;
    segment.window = CTCP_WINDOW;
    segment.headerLength = TCP_HEADER_LENGTH;
    writeHeader(this.#arena.u8, at, segment);
    this.#storeChecksum(at, TCP_HEADER_LENGTH + payload, flow.addressSum);
    numbers.noteSent(payload);
    flow.sentAt = this.now;
  }

  #storeChecksum(at: number, length: number, addressSum: number): void {
    const sum = this.#sum(at, length, addressSum + pseudoSum(IpProtocol.TCP, length));
    storeChecksum(this.#arena.u8, at + CHECKSUM_AT, sum);
  }

  #send(socket: WorkerSocket, controlLength: number, length: number): void {
    const arena = this.#arena;
    const message = this.#message;
    arena.setPointer(message + Mmsghdr.name, this.#path);
    arena.setSize(message + Mmsghdr.nameLength, sockaddrLength(socket));
    arena.setPointer(message + Mmsghdr.iovecs, this.#iovec);
    arena.setSize(message + Mmsghdr.iovecCount, 1);
    arena.setPointer(message + Mmsghdr.control, this.#path + PATH_CONTROL);
    arena.setSize(message + Mmsghdr.controlLength, controlLength);
    arena.setPointer(this.#iovec + Iovec.base, this.#control);
    arena.setSize(this.#iovec + Iovec.length, length);
    if (this.#sendMessages(socket.fd, arena.base + message, 1) < 1) this.#counters[Counter.drop_send]!++;
  }
}
