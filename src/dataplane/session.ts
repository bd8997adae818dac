/** One session in the worker: its path, its SAs, and who is at its inner end. */
import { CTCP_TRAILER } from '../core/wire/ctcp.ts';
import { AF_INET6 } from '../ffi/libc.ts';
import type { Arena } from './arena.ts';
import { DEFAULT_PATH_MTU, KEEPALIVE_INTERVAL } from './limits.ts';
import type { Net4 } from './net4.ts';
import { Party } from './party.ts';
import { Flow, isRaw, PATH_SIZE, sockaddrLength, writePath } from './path.ts';
import { type InboundSa, largestInner, type OutboundSa } from './sa.ts';
import type { WorkerSocket } from './worker-socket.ts';

const IP4_HEADER = 20;
const IP6_HEADER = 40;
const UDP_HEADER = 8;
const TCP_HEADER = 20;

export class Session {
  readonly id: number;
  readonly slot: number;
  /** Its own; `parties` has those of further L2TP calls besides. */
  readonly party: Party;
  parties: readonly Party[];
  /** L2TP messages handed up in the second at hand. */
  l2tpSecond = 0;
  l2tpMessages = 0;
  /** Newest first. Neither list grows in place: one that does takes room for sixteen more. */
  outbound: readonly OutboundSa[] = [];
  inbound: readonly InboundSa[] = [];
  readonly flow = new Flow();
  /** Of its path in the arena. */
  readonly pathAt: number;
  socket: WorkerSocket;
  nameLength = 0;
  controlLength = 0;
  pathMtu = DEFAULT_PATH_MTU;
  /** It sent since its path's MTU was looked at. */
  active = false;
  /** The peer moved and the main thread hasn't been told yet, as the ring was full. */
  moveUnreported = false;
  /** When the next keepalive is due, on the worker's clock, if its carrier knows any; undefined: none are sent. */
  keepaliveAt: number | undefined;

  constructor(
    arena: Arena,
    pathsAt: number,
    id: number,
    slot: number,
    inner: Net4 | undefined,
    flow: Flow,
    socket: WorkerSocket,
  ) {
    this.id = id;
    this.slot = slot;
    this.party = new Party(this, slot, inner);
    this.parties = [this.party];
    this.pathAt = pathsAt + slot * PATH_SIZE;
    this.socket = socket;
    this.moveTo(arena, flow, socket);
  }

  moveTo(arena: Arena, flow: Flow, socket: WorkerSocket): void {
    this.flow.assign(flow);
    this.socket = socket;
    this.nameLength = sockaddrLength(socket);
    this.controlLength = writePath(arena, this.pathAt, flow, socket);
    this.pathMtu = DEFAULT_PATH_MTU;
    this.active = true;
    this.#fitAll();
  }

  /** True when there is somewhere to send to: Cisco UDP learns the port from the peer's first packet. */
  get reachable(): boolean {
    const { tcp, remotePort } = this.flow;
    return this.socket.role === 'cisco-tcp' ? tcp?.isOpen === true : remotePort !== 0 || this.socket.role === 'esp';
  }

  /** Whether the peer already uses a newer inbound SA for the same traffic: then nothing on this one is news. */
  hasReplaced(sa: InboundSa): boolean {
    for (let i = this.inbound.length - 1; i >= 0; i--) {
      const newer = this.inbound[i]!;
      if (newer === sa) return false;
      const same = newer.localSelector.equals(sa.localSelector) && newer.remoteSelector.equals(sa.remoteSelector);
      if (same && newer.used) return true;
    }
    return false;
  }

  setPathMtu(mtu: number): void {
    this.pathMtu = mtu;
    this.#fitAll();
  }

  /** The newer SA serves first. */
  addOutbound(sa: OutboundSa): void {
    this.outbound = [sa].concat(this.outbound);
    this.#fit(sa);
  }

  removeOutbound(sa: OutboundSa): void {
    this.outbound = this.outbound.filter((one) => one !== sa);
  }

  addInbound(sa: InboundSa): void {
    this.inbound = this.inbound.concat(sa);
  }

  removeInbound(sa: InboundSa): void {
    this.inbound = this.inbound.filter((one) => one !== sa);
  }

  /** The newest SA that may carry a packet between these addresses. */
  outboundFor(source: number, destination: number): OutboundSa | undefined {
    for (const sa of this.outbound)
      if (sa.localSelector.contains(source) && sa.remoteSelector.contains(destination)) return sa;
    return undefined;
  }

  scheduleKeepalive(now: number): void {
    this.keepaliveAt = now + KEEPALIVE_INTERVAL;
  }

  #fitAll(): void {
    for (const sa of this.outbound) this.#fit(sa);
  }

  #fit(sa: OutboundSa): void {
    sa.maxContent = largestInner(sa.sealer, this.#largestSealed());
  }

  #largestSealed(): number {
    const { tcp } = this.flow;
    const room = this.pathMtu - (this.socket.family === AF_INET6 ? IP6_HEADER : IP4_HEADER);
    if (tcp) return Math.min(room - TCP_HEADER, tcp.mss) - CTCP_TRAILER;
    return isRaw(this.socket) ? room : room - UDP_HEADER;
  }
}
