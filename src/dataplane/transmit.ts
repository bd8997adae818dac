/**
 * The queue of ESP packets on their way out. Packets of one session and size that follow each other lie side by side in one
 * message, which UDP GSO cuts into datagrams again; the last may be shorter. Messages leave by sendmmsg, a run of the same
 * socket at a time.
 *
 *     area:      | packet | packet | packet | packet |  packet   |   ...
 *     messages:  |------ one of 3 segments --|- another session's |
 *     extras:    | iovec 16 | address to leave from, 32 or 40 | segment size 24 |     EXTRA bytes for each message
 */
import { Errno } from '../ffi/errno.ts';
import { MSG_DONTWAIT, POLLOUT, poll, SOL_UDP, sendmmsg, UDP_SEGMENT } from '../ffi/libc.ts';
import { lastErrno, type Pointer } from '../ffi/library.ts';
import { Cmsghdr, Iovec, Mmsghdr, Pollfd } from '../ffi/structs.ts';
import type { Arena } from './arena.ts';
import { Counter } from './counters.ts';
import { MAX_GSO_BYTES, MAX_GSO_SEGMENTS } from './limits.ts';
import { PATH_CONTROL } from './path.ts';
import type { WorkerSocket } from './worker-socket.ts';

/** Whom packets go to: a session's peer, or the other end of a cTCP flow. */
export interface Destination {
  readonly socket: WorkerSocket;
  /** Of its path in the arena. */
  readonly pathAt: number;
  readonly nameLength: number;
  readonly controlLength: number;
}

/** Sends `count` mmsghdrs at `messages`: the number that went, or, negative, errno. */
export type Send = (fd: number, messages: Pointer, count: number) => number;

const MESSAGES = 64;
const AREA = 9 * 65_536;
/** Room for the largest packet and for one message's packets. */
const AREA_PER_MESSAGE = 65_536 + 256;
/** Per message: iovec 16, control 64 (packet info, then segment size). */
const EXTRA = 96;
const EXTRA_CONTROL = 16;
const SEGMENT_CMSG = 24;
/** How long a full socket buffer may hold the loop up, milliseconds, and how often in one flush. */
const SEND_PATIENCE = 5;
const SEND_RETRIES = 20;

export const sendNow: Send = (fd, messages, count) => {
  const sent = sendmmsg(fd, messages, count, MSG_DONTWAIT);
  return sent < 0 ? -lastErrno() : sent;
};

export class Transmit {
  readonly #arena: Arena;
  readonly #counters: Float64Array;
  /** Called for a session whose packet was above its path's MTU. */
  readonly #onTooBig: (session: Destination) => void;
  readonly #sendMessages: Send;
  readonly #area: number;
  readonly #messages: number;
  readonly #extras: number;
  readonly #pollfd: number;
  readonly #sessions: (Destination | undefined)[] = new Array<Destination | undefined>(MESSAGES).fill(undefined);
  readonly #starts = new Uint32Array(MESSAGES);
  readonly #lengths = new Uint32Array(MESSAGES);
  readonly #segments = new Uint32Array(MESSAGES);
  #count = 0;
  #used = 0;
  // The message that is being filled; no session: none.
  #session: Destination | undefined;
  #start = 0;
  #length = 0;
  #segment = 0;
  #last = 0;
  #packets = 0;
  /** Left to the flush at hand. */
  #retries = 0;

  constructor(arena: Arena, counters: Float64Array, onTooBig: (session: Destination) => void, send = sendNow) {
    this.#sendMessages = send;
    this.#arena = arena;
    this.#counters = counters;
    this.#onTooBig = onTooBig;
    this.#area = arena.allocate(AREA, 4096);
    this.#messages = arena.allocate(MESSAGES * Mmsghdr.size, 64);
    this.#extras = arena.allocate(MESSAGES * EXTRA, 64);
    this.#pollfd = arena.allocate(Pollfd.size);
    for (let i = 0; i < MESSAGES; i++) {
      const message = this.#messages + i * Mmsghdr.size;
      const extra = this.#extras + i * EXTRA;
      arena.setPointer(message + Mmsghdr.iovecs, extra);
      arena.setSize(message + Mmsghdr.iovecCount, 1);
      arena.setPointer(message + Mmsghdr.control, extra + EXTRA_CONTROL);
    }
  }

  /** Where the next packet of `length` bytes to `session` is to be written. */
  reserve(session: Destination, length: number): number {
    if (
      this.#session !== undefined &&
      (this.#session !== session ||
        !session.socket.gso ||
        length > this.#segment ||
        this.#last !== this.#segment ||
        this.#packets === MAX_GSO_SEGMENTS ||
        this.#length + length > MAX_GSO_BYTES)
    )
      this.#close();
    if (this.#session === undefined) {
      const room = session.socket.gso ? AREA_PER_MESSAGE : length;
      if (this.#count === MESSAGES || this.#used + room > AREA) this.flush();
      this.#session = session;
      this.#start = this.#used;
      this.#segment = length;
    }
    return this.#area + this.#start + this.#length;
  }

  /** The packet that was reserved last is there, `length` bytes as announced. */
  commit(length: number): void {
    this.#length += length;
    this.#last = length;
    this.#packets++;
  }

  /** Sends all that waits. What can't be sent is counted and forgotten: the inner protocols know how to lose packets. */
  flush(): void {
    this.#close();
    const count = this.#count;
    this.#retries = SEND_RETRIES;
    for (let i = 0; i < count; ) {
      const fd = this.#sessions[i]!.socket.fd;
      let run = i + 1;
      while (run < count && this.#sessions[run]!.socket.fd === fd) run++;
      const sent = this.#send(fd, i, run - i);
      if (sent > 0) i += sent;
      else if (!this.#recover(i, -sent)) i++;
    }
    this.#count = 0;
    this.#used = 0;
  }

  #send(fd: number, first: number, count: number): number {
    this.#counters[Counter.send_calls]!++;
    return this.#sendMessages(fd, this.#arena.base + this.#messages + first * Mmsghdr.size, count);
  }

  /** Ends the message that is being filled and writes its headers. */
  #close(): void {
    const session = this.#session;
    if (session === undefined) return;
    this.#session = undefined;
    if (this.#packets > 0) {
      const i = this.#count++;
      this.#sessions[i] = session;
      this.#starts[i] = this.#area + this.#start;
      this.#lengths[i] = this.#length;
      this.#segments[i] = this.#segment;
      this.#describe(i, session, this.#starts[i]!, this.#length, this.#packets > 1 ? this.#segment : 0);
      this.#used += (this.#length + 63) & ~63;
    }
    this.#length = 0;
    this.#packets = 0;
    this.#last = 0;
  }

  /** @param segment size of the datagrams that GSO cuts; 0: one datagram */
  #describe(i: number, session: Destination, from: number, length: number, segment: number): void {
    const arena = this.#arena;
    const { u8, u32, view } = arena;
    const message = this.#messages + i * Mmsghdr.size;
    const extra = this.#extras + i * EXTRA;
    const control = extra + EXTRA_CONTROL;
    arena.setPointer(extra + Iovec.base, from);
    arena.setSize(extra + Iovec.length, length);
    arena.setPointer(message + Mmsghdr.name, session.pathAt);
    u32[(message + Mmsghdr.nameLength) >> 2] = session.nameLength;
    let controlLength = session.controlLength;
    if (controlLength > 0)
      u8.copyWithin(control, session.pathAt + PATH_CONTROL, session.pathAt + PATH_CONTROL + controlLength);
    if (segment > 0) {
      const cmsg = control + controlLength;
      arena.setSize(cmsg + Cmsghdr.length, Cmsghdr.data + 2);
      view.setInt32(cmsg + Cmsghdr.level, SOL_UDP, true);
      view.setInt32(cmsg + Cmsghdr.type, UDP_SEGMENT, true);
      view.setUint16(cmsg + Cmsghdr.data, segment, true);
      controlLength += SEGMENT_CMSG;
    }
    arena.setSize(message + Mmsghdr.controlLength, controlLength);
  }

  /** After message `i` failed: true to try it again, false when it was dealt with or given up. */
  #recover(i: number, errno: number): boolean {
    const session = this.#sessions[i]!;
    if (this.#mayRetry(session.socket.fd, errno)) return true;
    if (errno === Errno.EMSGSIZE) this.#onTooBig(session);
    if (errno === Errno.EIO && session.socket.gso) {
      session.socket.gso = false;
      this.#counters[Counter.gso_off]!++;
    }
    const length = this.#lengths[i]!;
    if (length > this.#segments[i]! && (errno === Errno.EIO || errno === Errno.EMSGSIZE || errno === Errno.EINVAL)) {
      this.#sendSingly(i, session);
      return false;
    }
    this.#counters[Counter.drop_send]! += Math.ceil(length / this.#segments[i]!);
    return false;
  }

  /** Sends message `i` again without GSO: what the path's MTU doesn't hold, the kernel fragments. */
  #sendSingly(i: number, session: Destination): void {
    const length = this.#lengths[i]!;
    const segment = this.#segments[i]!;
    for (let at = 0; at < length; at += segment) {
      this.#describe(i, session, this.#starts[i]! + at, Math.min(segment, length - at), 0);
      let sent = this.#send(session.socket.fd, i, 1);
      while (sent <= 0 && this.#mayRetry(session.socket.fd, -sent)) sent = this.#send(session.socket.fd, i, 1);
      if (sent <= 0) this.#counters[Counter.drop_send]!++;
    }
  }

  /** True when the failure was of the moment; waits for room where that was lacking. */
  #mayRetry(fd: number, errno: number): boolean {
    if (this.#retries === 0) return false;
    switch (errno) {
      case Errno.EAGAIN:
      case Errno.ENOBUFS:
        this.#retries--;
        this.#waitForRoom(fd);
        return true;
      // What ICMP said about an earlier packet is reported once, instead of sending.
      case Errno.ECONNREFUSED:
      case Errno.EINTR:
        this.#retries--;
        return true;
      default:
        return false;
    }
  }

  #waitForRoom(fd: number): void {
    const { view, base } = this.#arena;
    view.setInt32(this.#pollfd + Pollfd.fd, fd, true);
    view.setUint16(this.#pollfd + Pollfd.events, POLLOUT, true);
    poll(base + this.#pollfd, 1, SEND_PATIENCE);
  }
}
