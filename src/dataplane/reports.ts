/** What the worker tells the main thread. Each call says whether the ring took it: who must be heard tries again. */
import type { IkeCarrier } from '../core/carrier/ike-path.ts';
import type { EspCarrier } from '../core/esp/sa.ts';
import type { Arena } from './arena.ts';
import { Counter } from './counters.ts';
import type { FlowEnd } from './dataplane.ts';
import { MAX_IKE_MESSAGE, MAX_UNKNOWN_SPI_EVENTS_PER_SECOND, UP_RING_RESERVE } from './limits.ts';
import { putMessage, type Report, type RoomFinder } from './messages.ts';
import { endpointsOf, type Flow } from './path.ts';
import type { Ring } from './ring.ts';
import type { Session } from './session.ts';
import type { WorkerSocket } from './worker-socket.ts';

const anyRoom: RoomFinder = (ring, length) => ring.reserve(length);
const spareRoom: RoomFinder = (ring, length) => ring.reserve(length, UP_RING_RESERVE);

export class Reports {
  readonly #up: Ring;
  readonly #arena: Arena;
  readonly #counters: Float64Array;
  #unknownSpiSecond = 0;
  #unknownSpis = 0;

  constructor(up: Ring, arena: Arena, counters: Float64Array) {
    this.#up = up;
    this.#arena = arena;
    this.#counters = counters;
  }

  ike(carrier: IkeCarrier, flow: Flow, socket: WorkerSocket, at: number, length: number): void {
    this.#counters[Counter.ike_in]!++;
    const head: Report = { type: 'ike', carrier, ...endpointsOf(flow, socket) };
    const body = this.#arena.u8.subarray(at, at + Math.min(length, MAX_IKE_MESSAGE));
    if (!putMessage(this.#up, head, [body], spareRoom)) this.#counters[Counter.drop_ike_ring_full]!++;
  }

  l2tp(session: Session, port: number, at: number, length: number): void {
    const body = this.#arena.u8.subarray(at, at + length);
    // a full ring is a lost datagram: L2TP and PPP say it again
    if (!putMessage(this.#up, { type: 'l2tp', id: session.id, port }, [body], spareRoom))
      this.#counters[Counter.drop_ike_ring_full]!++;
  }

  pathChange(session: Session): boolean {
    const carrier = session.socket.role as EspCarrier;
    return this.#put({ type: 'path-change', id: session.id, carrier, ...endpointsOf(session.flow, session.socket) });
  }

  flowOpened(flow: Flow, socket: WorkerSocket): void {
    this.#put({ type: 'flow-opened', ...endpointsOf(flow, socket) });
  }

  flowClosed(flow: Flow, socket: WorkerSocket, reason: FlowEnd): void {
    this.#put({ type: 'flow-closed', reason, ...endpointsOf(flow, socket) });
  }

  flowLeft(flow: Flow, socket: WorkerSocket): boolean {
    return this.#put({ type: 'flow-left', ...endpointsOf(flow, socket) });
  }

  rekeyNeeded(session: Session, spi: number): boolean {
    return this.#put({ type: 'rekey-needed', id: session.id, spi });
  }

  firstPacket(session: Session, spi: number): boolean {
    return this.#put({ type: 'first-packet', id: session.id, spi });
  }

  /** @param now milliseconds on any clock */
  unknownSpi(flow: Flow, socket: WorkerSocket, spi: number, now: number): void {
    const second = Math.floor(now / 1000);
    if (second !== this.#unknownSpiSecond) {
      this.#unknownSpiSecond = second;
      this.#unknownSpis = 0;
    }
    if (++this.#unknownSpis > MAX_UNKNOWN_SPI_EVENTS_PER_SECOND) return;
    this.#put({ type: 'unknown-spi', carrier: socket.role as EspCarrier, spi, ...endpointsOf(flow, socket) });
  }

  #put(report: Report): boolean {
    return putMessage(this.#up, report, [], anyRoom);
  }
}
