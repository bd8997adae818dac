/**
 * What the kernel knows of the MTU on the way to a peer: it listens to the ICMP errors for our sockets and forgets them
 * after ten minutes. A socket connected to the peer, which sends nothing, can be asked.
 */
import {
  AF_INET,
  AF_INET6,
  close,
  connect,
  getsockopt,
  IP_MTU,
  IPV6_MTU,
  SO_MARK,
  SOCK_CLOEXEC,
  SOCK_DGRAM,
  SOL_IP,
  SOL_IPV6,
  SOL_SOCKET,
  setsockopt,
  socket,
} from '../ffi/libc.ts';
import { Sockaddr } from '../ffi/structs.ts';
import type { Arena } from './arena.ts';
import { DEFAULT_PATH_MTU, MIN_PATH_MTU_V4, MIN_PATH_MTU_V6 } from './limits.ts';
import type { Session } from './session.ts';

const DISCARD_PORT = 9;

export class PathMtu {
  readonly #arena: Arena;
  readonly #value: number;
  readonly #name: number;
  readonly #v4 = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  readonly #v6 = socket(AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC, 0);

  /** @param mark of our sockets, by which the way to the peer is chosen */
  constructor(arena: Arena, mark: number | undefined) {
    this.#arena = arena;
    this.#value = arena.allocate(16);
    this.#name = arena.allocate(32);
    if (mark === undefined) return;
    arena.view.setUint32(this.#value, mark, true);
    for (const fd of [this.#v4, this.#v6]) setsockopt(fd, SOL_SOCKET, SO_MARK, arena.base + this.#value, 4);
  }

  /** Brings the session's idea of its path's MTU up to date. */
  refresh(session: Session): void {
    const v4 = session.socket.family === AF_INET;
    const mtu = this.#ask(v4 ? this.#v4 : this.#v6, session, v4);
    if (mtu === undefined) return;
    const least = v4 ? MIN_PATH_MTU_V4 : MIN_PATH_MTU_V6;
    const believed = Math.max(least, Math.min(mtu, DEFAULT_PATH_MTU));
    if (believed !== session.pathMtu) session.setPathMtu(believed);
  }

  #ask(fd: number, session: Session, v4: boolean): number | undefined {
    if (fd < 0) return undefined;
    const { u8, view, base } = this.#arena;
    const length = v4 ? Sockaddr.v4Size : Sockaddr.v6Size;
    u8.copyWithin(this.#name, session.pathAt, session.pathAt + length);
    view.setUint16(this.#name + Sockaddr.port, DISCARD_PORT);
    if (connect(fd, base + this.#name, length) < 0) return undefined;
    view.setInt32(this.#value + 8, 4, true);
    const [level, option] = v4 ? [SOL_IP, IP_MTU] : [SOL_IPV6, IPV6_MTU];
    if (getsockopt(fd, level, option, base + this.#value, base + this.#value + 8) < 0) return undefined;
    return view.getInt32(this.#value, true);
  }

  close(): void {
    if (this.#v4 >= 0) close(this.#v4);
    if (this.#v6 >= 0) close(this.#v6);
  }
}
