/** Sends what isn't ESP: IKE messages that the main thread hands down, and NAT keepalives. */
import type { Bytes } from '../core/bytes/bytes.ts';
import { MSG_DONTWAIT, sendmsg } from '../ffi/libc.ts';
import { Iovec, Mmsghdr } from '../ffi/structs.ts';
import type { Arena } from './arena.ts';
import { Counter } from './counters.ts';
import { MAX_IKE_MESSAGE } from './limits.ts';
import type { SocketPath } from './messages.ts';
import { flowOf, PATH_CONTROL, PATH_SIZE, sockaddrLength, writePath } from './path.ts';
import type { Session } from './session.ts';
import type { WorkerSocket } from './worker-socket.ts';

/** RFC 3948 section 2.2. */
const NON_ESP_MARKER = 4;
const KEEPALIVE = 0xff;

export class IkeSender {
  readonly #arena: Arena;
  readonly #counters: Float64Array;
  readonly #sockets: readonly WorkerSocket[];
  readonly #message: number;
  readonly #iovec: number;
  readonly #path: number;
  readonly #buffer: number;

  constructor(arena: Arena, counters: Float64Array, sockets: readonly WorkerSocket[]) {
    this.#arena = arena;
    this.#counters = counters;
    this.#sockets = sockets;
    this.#message = arena.allocate(Mmsghdr.size);
    this.#iovec = arena.allocate(Iovec.size);
    this.#path = arena.allocate(PATH_SIZE);
    this.#buffer = arena.allocate(NON_ESP_MARKER + MAX_IKE_MESSAGE);
  }

  send(path: SocketPath, nonEspMarker: boolean, message: Bytes): void {
    const { u8 } = this.#arena;
    const socket = this.#sockets[path.socket]!;
    const marker = nonEspMarker ? NON_ESP_MARKER : 0;
    u8.fill(0, this.#buffer, this.#buffer + marker);
    u8.set(message, this.#buffer + marker);
    const control = writePath(this.#arena, this.#path, flowOf(path), socket);
    const sent = this.#send(socket, this.#path, control, marker + message.length);
    this.#counters[sent ? Counter.ike_out : Counter.drop_ike_send]!++;
  }

  sendKeepalive(session: Session): void {
    this.#arena.u8[this.#buffer] = KEEPALIVE;
    if (this.#send(session.socket, session.pathAt, session.controlLength, 1)) this.#counters[Counter.keepalive_out]!++;
  }

  /** Twice at most: the first call may only report an ICMP error about an earlier packet. */
  #send(socket: WorkerSocket, path: number, controlLength: number, length: number): boolean {
    const arena = this.#arena;
    const message = this.#message;
    arena.setPointer(message + Mmsghdr.name, path);
    arena.setSize(message + Mmsghdr.nameLength, sockaddrLength(socket));
    arena.setPointer(message + Mmsghdr.iovecs, this.#iovec);
    arena.setSize(message + Mmsghdr.iovecCount, 1);
    arena.setPointer(message + Mmsghdr.control, path + PATH_CONTROL);
    arena.setSize(message + Mmsghdr.controlLength, controlLength);
    arena.setPointer(this.#iovec + Iovec.base, this.#buffer);
    arena.setSize(this.#iovec + Iovec.length, length);
    const address = arena.base + message;
    return sendmsg(socket.fd, address, MSG_DONTWAIT) >= 0 || sendmsg(socket.fd, address, MSG_DONTWAIT) >= 0;
  }
}
