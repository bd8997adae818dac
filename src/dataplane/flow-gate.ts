/**
 * What segments that belong to no cTCP flow are told. A SYN is answered and forgotten: only who shows that the answer
 * arrived, by the cookie in it, comes in. Anything else hears, at a bounded rate, that there is no such flow.
 */
import { CTCP_WINDOW_SHIFT } from '../core/carrier/ctcp-flow.ts';
import { makeCookie, openCookie } from '../core/carrier/syn-cookie.ts';
import { readSynOptions, type SynOptions, TCP_HEADER_LENGTH, TcpFlag, type TcpSegment } from '../core/wire/tcp.ts';
import { AF_INET } from '../ffi/libc.ts';
import type { Arena } from './arena.ts';
import { Counter } from './counters.ts';
import type { KeyedHash } from './keyed-hash.ts';
import { DEFAULT_PATH_MTU, MAX_RESETS_PER_SECOND } from './limits.ts';
import { type Flow, LOCAL, REMOTE } from './path.ts';
import type { TcpSender } from './tcp-sender.ts';
import type { WorkerSocket } from './worker-socket.ts';

/** Period, content, ports, and both addresses. */
const HASHED = 44;
const IP4_HEADER = 20;
const IP6_HEADER = 40;

export class FlowGate {
  readonly #arena: Arena;
  readonly #sender: TcpSender;
  readonly #counters: Float64Array;
  readonly #hash: KeyedHash;
  /** Where flows are accepted. */
  readonly #ports: ReadonlySet<number>;
  readonly #hashed: number;
  /** Whose cookie is made or opened. */
  #ends!: Flow;
  #second = 0;
  #resets = 0;

  constructor(arena: Arena, sender: TcpSender, counters: Float64Array, hash: KeyedHash, ports: readonly number[]) {
    this.#arena = arena;
    this.#sender = sender;
    this.#counters = counters;
    this.#hash = hash;
    this.#ports = new Set(ports);
    this.#hashed = arena.allocate(HASHED);
  }

  /** The segment whose header lies at `at`: what its SYN said, if it proves that our answer to that arrived. */
  receive(at: number, segment: TcpSegment, ends: Flow, socket: WorkerSocket): SynOptions | undefined {
    const { flags, headerLength } = segment;
    // the raw socket may show what came before its filter was set: others' segments are none of our business
    if (!this.#ports.has(ends.localPort) || (flags & TcpFlag.RST) !== 0) return undefined;
    this.#ends = ends;
    const kind = flags & (TcpFlag.SYN | TcpFlag.ACK);
    if (kind === TcpFlag.SYN) {
      this.#answerSyn(readSynOptions(this.#arena.u8, at, headerLength), segment, socket);
      return undefined;
    }
    const cookie = (segment.acknowledgment - 1) >>> 0;
    const options = kind === TcpFlag.ACK ? openCookie(cookie, this.#flowHash, this.#sender.now) : undefined;
    if (options !== undefined) return options;
    this.#counters[Counter.drop_tcp_stray]!++;
    this.answerByReset(segment, ends, socket);
    return undefined;
  }

  /** With the number that the sender of the segment expects, so that it believes it. */
  answerByReset({ acknowledgment }: TcpSegment, ends: Flow, socket: WorkerSocket): void {
    const second = Math.floor(this.#sender.now / 1000);
    if (second !== this.#second) {
      this.#second = second;
      this.#resets = 0;
    }
    if (++this.#resets > MAX_RESETS_PER_SECOND) return;
    this.#sender.sendControl(ends, socket, TcpFlag.RST, acknowledgment, 0, undefined);
  }

  #answerSyn(options: SynOptions, { sequence }: TcpSegment, socket: WorkerSocket): void {
    this.#counters[Counter.flow_syns]!++;
    const cookie = makeCookie(options, this.#flowHash, this.#sender.now);
    const windowShift = options.windowShift === CTCP_WINDOW_SHIFT ? CTCP_WINDOW_SHIFT : undefined;
    const answer = { mss: ownMss(socket), windowShift };
    this.#sender.sendControl(this.#ends, socket, TcpFlag.SYN | TcpFlag.ACK, cookie, (sequence + 1) >>> 0, answer);
  }

  readonly #flowHash = (period: number, content: number): number => {
    const { view } = this.#arena;
    const { words, localPort, remotePort } = this.#ends;
    const at = this.#hashed;
    view.setUint32(at, period >>> 0);
    view.setUint32(at + 4, content);
    view.setUint32(at + 8, ((localPort << 16) | remotePort) >>> 0);
    for (let i = 0; i < 4; i++) {
      view.setUint32(at + 12 + 4 * i, words[LOCAL + i]!);
      view.setUint32(at + 28 + 4 * i, words[REMOTE + i]!);
    }
    return this.#hash.hash(at, HASHED);
  };
}

/** What fits the usual path. */
export function ownMss(socket: WorkerSocket): number {
  return DEFAULT_PATH_MTU - (socket.family === AF_INET ? IP4_HEADER : IP6_HEADER) - TCP_HEADER_LENGTH;
}
