/** One flow of Cisco IPsec over TCP in the worker: its numbers, its packets, and where its segments go. */
import type { CtcpFlow } from '../core/carrier/ctcp-flow.ts';
import type { CtcpStream } from '../core/carrier/ctcp-stream.ts';
import { CtcpProtocol } from '../core/wire/ctcp.ts';
import type { Arena } from './arena.ts';
import { Flow, PATH_SIZE, sockaddrLength, type TcpEnd, writePath } from './path.ts';
import type { TcpSender } from './tcp-sender.ts';
import type { Destination } from './transmit.ts';
import type { WorkerSocket } from './worker-socket.ts';

export class TcpFlow implements TcpEnd, Destination {
  /** Of its path in the arena. */
  readonly index: number;
  /** Whether we are the client. */
  readonly began: boolean;
  readonly ends = new Flow();
  readonly socket: WorkerSocket;
  readonly pathAt: number;
  readonly nameLength: number;
  readonly controlLength: number;
  readonly numbers: CtcpFlow;
  readonly stream: CtcpStream;
  /** Part of the checksum that its addresses make. */
  readonly addressSum: number;
  /** An authentic packet came by it. */
  proven = false;
  /** It is on the list of those that owe an acknowledgement. */
  owes = false;
  /** Of the last packet sent, in its trailer. */
  number = 0;
  heardAt: number;
  sentAt: number;
  /** SYNs sent, and when to do something about the last one. */
  attempts = 0;
  retryAt = 0;
  readonly #sender: TcpSender;

  constructor(
    arena: Arena,
    sender: TcpSender,
    pathsAt: number,
    place: { readonly index: number; readonly ends: Flow; readonly socket: WorkerSocket; readonly began: boolean },
    numbers: CtcpFlow,
    stream: CtcpStream,
  ) {
    const { index, ends, socket } = place;
    this.#sender = sender;
    this.index = index;
    this.began = place.began;
    this.ends.assign(ends);
    this.ends.tcp = this;
    this.socket = socket;
    this.pathAt = pathsAt + index * PATH_SIZE;
    this.nameLength = sockaddrLength(socket);
    this.controlLength = writePath(arena, this.pathAt, ends, socket);
    this.numbers = numbers;
    this.stream = stream;
    this.addressSum = sender.addressSum(ends, socket);
    this.heardAt = sender.now;
    this.sentAt = sender.now;
  }

  get isOpen(): boolean {
    return this.numbers.awaits === 'segments';
  }

  get mss(): number {
    return this.numbers.mss;
  }

  hasRoom(length: number): boolean {
    return this.numbers.hasRoom(length, this.#sender.now);
  }

  wrapEsp(at: number, length: number): void {
    this.#sender.wrap(this, at, length, CtcpProtocol.ESP);
  }
}
