/** The dataplane as the main thread holds it: commands go down the ring, reports come up and become events. */
import type { Worker } from 'node:worker_threads';
import type { Bytes } from '../core/bytes/bytes.ts';
import type { EspPath, EspSa } from '../core/esp/sa.ts';
import { type Endpoint, formatPrefix, type IpAddress, type Prefix, parseIp } from '../core/net/address.ts';
import type { PppCall } from '../core/wire/l2tp.ts';
import { Block } from '../ffi/block.ts';
import { write } from '../ffi/libc.ts';
import { COUNTER_NAMES, Counter, SessionCounter } from './counters.ts';
import type { Dataplane, DataplaneEvents, IkePath, LocalPorts, SessionCounters } from './dataplane.ts';
import { DataplaneError } from './errors.ts';
import type { KernelDrops } from './kernel-drops.ts';
import { DOWN_RING_PATIENCE, MAX_ADDRESSES, MAX_IKE_MESSAGE, MAX_INNER } from './limits.ts';
import {
  type Command,
  type EndpointText,
  messageAt,
  putMessage,
  type Report,
  type RoomFinder,
  type SocketPath,
} from './messages.ts';
import type { OwnFlows } from './own-flows.ts';
import { Registry } from './registry.ts';
import type { Ring } from './ring.ts';
import type { Shared } from './shared.ts';
import type { SocketRole, WorkerSocket } from './worker-socket.ts';

/** Reports handled before the event loop gets its turn. */
const REPORTS_PER_TURN = 256;
const NOTHING: SessionCounters = { packetsIn: 0, bytesIn: 0, packetsOut: 0, bytesOut: 0, lastInbound: 0 };

const roomNow: RoomFinder = (ring, length) => ring.reserve(length);
const roomSoon: RoomFinder = (ring, length) => ring.reserveWaiting(length, DOWN_RING_PATIENCE);

export class DataplaneHandle implements Dataplane {
  readonly ports: LocalPorts;
  readonly #shared: Shared;
  readonly #sockets: readonly WorkerSocket[];
  readonly #flows: OwnFlows;
  readonly #events: DataplaneEvents;
  readonly #doorbell: number;
  readonly #ring = new Block(8);
  readonly #registry = new Registry();
  /** Closes the descriptors, when the worker has ended. */
  readonly #release: () => void;
  readonly #kernelDrops: () => KernelDrops;
  /** A ring of the doorbell is on its way. */
  #wakes = false;
  #state: 'running' | 'closing' | 'ended' = 'running';
  readonly #ended: Promise<void>;

  constructor(
    shared: Shared,
    worker: Worker,
    sockets: readonly WorkerSocket[],
    ports: LocalPorts,
    flows: OwnFlows,
    doorbell: number,
    events: DataplaneEvents,
    release: () => void,
    kernelDrops: () => KernelDrops,
  ) {
    this.#shared = shared;
    this.#sockets = sockets;
    this.ports = ports;
    this.#flows = flows;
    this.#events = events;
    this.#doorbell = doorbell;
    this.#release = release;
    this.#kernelDrops = kernelDrops;
    this.#ring.view.setUint32(0, 1, true);
    let failure: Error | undefined;
    worker.on('error', (error) => {
      failure = error as Error;
    });
    this.#ended = new Promise((resolve) => {
      worker.once('exit', () => {
        this.#handleExit(failure);
        resolve();
      });
    });
    process.once('exit', this.#stopAtExit);
    void this.#readReports();
  }

  sendIke(path: IkePath, message: Uint8Array): void {
    if (message.length > MAX_IKE_MESSAGE) throw new RangeError(`an IKE message of ${message.length} bytes`);
    const role = path.carrier === 'udp' ? 'ike' : path.carrier;
    const down = this.#socketPath(role, path.local, path.remote);
    // A full ring is a lost datagram: IKE sends again.
    this.#put({ type: 'send-ike', path: down, nonEspMarker: path.carrier === 'nat-t' }, [message], roomNow);
  }

  openSession(id: number, inner: Prefix | undefined, path: EspPath): void {
    if (inner) requireIpv4(inner);
    const socketPath = this.#espPath(path);
    const { slot, generation } = this.#registry.open(id);
    this.#command({
      type: 'open-session',
      slot,
      generation,
      id,
      inner: inner && formatPrefix(inner),
      path: socketPath,
    });
  }

  joinSession(id: number, hostId: number): void {
    const host = this.#registry.require(hostId);
    const { slot, generation } = this.#registry.open(id, host);
    this.#command({ type: 'join-session', slot, generation, host: host.slot });
  }

  bindCall(id: number, inner: Prefix, call: PppCall): void {
    requireIpv4(inner);
    const session = this.#registry.require(id);
    this.#registry.renew(session);
    const { slot, generation } = session;
    this.#command({ type: 'bind-call', slot, generation, inner: formatPrefix(inner), call });
  }

  unbindCall(id: number): void {
    const session = this.#registry.find(id);
    if (session) this.#command({ type: 'unbind-call', slot: session.slot });
  }

  sendL2tp(id: number, port: number, message: Uint8Array): void {
    if (message.length > MAX_INNER) throw new RangeError(`an L2TP message of ${message.length} bytes`);
    const session = this.#registry.find(id);
    // As any datagram, it may be lost.
    if (session) this.#put({ type: 'send-l2tp', slot: session.slot, port }, [message], roomNow);
  }

  movePath(id: number, path: EspPath): void {
    const { slot } = this.#registry.require(id);
    this.#command({ type: 'move-path', slot, path: this.#espPath(path) });
  }

  openFlow(local: IpAddress, remote: Endpoint): IkePath {
    const { socket } = this.#socketPath('cisco-tcp', { address: local, port: 0 }, remote);
    const path = this.#flows.open(this.#sockets[socket]!, local, remote);
    this.#command({ type: 'open-flow', path: this.#socketPath('cisco-tcp', path.local, remote) });
    return path;
  }

  closeFlow(path: IkePath): void {
    if (!this.#flows.has(path)) return;
    this.#flows.leave(path);
    this.#command({ type: 'close-flow', path: this.#socketPath('cisco-tcp', path.local, path.remote) });
  }

  sendInner(sessionId: number, packet: Uint8Array): void {
    if (packet.length > MAX_INNER) throw new RangeError(`an inner packet of ${packet.length} bytes`);
    const { slot } = this.#registry.require(sessionId);
    // As any packet, it may be lost.
    this.#put({ type: 'send-inner', slot }, [packet], roomNow);
  }

  installSa(sa: EspSa): void {
    requireIpv4(sa.localSelector);
    requireIpv4(sa.remoteSelector);
    const { encryption, salt, integrity } = sa.keys;
    // A peer that chooses the same SPI again means the new SA by it.
    if (sa.direction === 'out') this.removeSa(sa.sessionId, 'out', sa.spi);
    const { slot } = this.#registry.addSa(sa);
    this.#command(
      {
        type: 'install-sa',
        slot,
        direction: sa.direction,
        spi: sa.spi,
        suite: sa.suite,
        transport: sa.transport ?? false,
        localSelector: formatPrefix(sa.localSelector),
        remoteSelector: formatPrefix(sa.remoteSelector),
        softBytes: sa.softBytes,
        lengths: [encryption.length, salt.length, integrity.length],
      },
      [encryption, salt, integrity],
    );
  }

  removeSa(sessionId: number, direction: 'in' | 'out', spi: number): void {
    const session = this.#registry.find(sessionId);
    if (!session || !this.#registry.removeSa(session, direction, spi)) return;
    this.#command({ type: 'remove-sa', slot: session.slot, direction, spi });
  }

  closeSession(id: number): void {
    const session = this.#registry.find(id);
    if (!session) return;
    this.#registry.close(session);
    this.#command({ type: 'close-session', slot: session.slot });
  }

  sessionCounters(id: number): SessionCounters {
    const base = this.#countersAt(id);
    if (base === undefined) return NOTHING;
    const { sessions } = this.#shared;
    return {
      packetsIn: sessions[base + SessionCounter.packetsIn]!,
      bytesIn: sessions[base + SessionCounter.bytesIn]!,
      packetsOut: sessions[base + SessionCounter.packetsOut]!,
      bytesOut: sessions[base + SessionCounter.bytesOut]!,
      lastInbound: sessions[base + SessionCounter.lastInbound]!,
    };
  }

  lastInbound(id: number): number {
    const base = this.#countersAt(id);
    return base === undefined ? 0 : this.#shared.sessions[base + SessionCounter.lastInbound]!;
  }

  counters(): Readonly<Record<string, number>> {
    const { counters, down, up } = this.#shared;
    const all: Record<string, number> = {};
    for (const name of COUNTER_NAMES) all[name] = counters[Counter[name]]!;
    const kernel = this.#state === 'ended' ? {} : this.#kernelDrops();
    return { ...all, ...kernel, ring_down_full: down.dropped, ring_up_full: up.dropped };
  }

  rings(): ReturnType<Dataplane['rings']> {
    const { down, up } = this.#shared;
    const depth = ({ waiting, highest }: Ring) => ({ waiting, highest });
    return { down: depth(down), up: depth(up) };
  }

  async close(): Promise<void> {
    if (this.#state === 'running') {
      this.#state = 'closing';
      this.#put({ type: 'stop' }, [], roomSoon);
    }
    await this.#ended;
  }

  #countersAt(id: number): number | undefined {
    const session = this.#registry.find(id);
    if (!session) return undefined;
    const base = session.slot * SessionCounter.count;
    // Until the worker has opened the session, the slot still tells of its predecessor.
    return this.#shared.sessions[base + SessionCounter.generation] === session.generation ? base : undefined;
  }

  /** A command that must not be lost: waits for the worker, which empties the ring on each turn of its loop. */
  #command(command: Command, body: readonly Bytes[] = []): void {
    if (this.#state !== 'running') throw new DataplaneError('closed', 'the dataplane is closed');
    if (!this.#put(command, body, roomSoon))
      throw new DataplaneError('worker-busy', `the dataplane's worker took no command for ${DOWN_RING_PATIENCE} ms`);
  }

  #put(command: Command, body: readonly Bytes[], room: RoomFinder): boolean {
    const taken = putMessage(this.#shared.down, command, body, (ring, length) => {
      const at = roomNow(ring, length);
      if (at >= 0 || room === roomNow) return at;
      this.#wake();
      return room(ring, length);
    });
    this.#wakeSoon();
    return taken;
  }

  /** What is ordered together takes one ring of the doorbell, which costs more than the orders. */
  #wakeSoon(): void {
    if (this.#wakes) return;
    this.#wakes = true;
    queueMicrotask(() => {
      this.#wakes = false;
      if (this.#state !== 'ended') this.#wake();
    });
  }

  #wake(): void {
    if (this.#shared.takeSleeping()) write(this.#doorbell, this.#ring.address, 8);
  }

  #espPath(path: EspPath): SocketPath {
    return this.#socketPath(path.carrier, path.local, path.remote);
  }

  #socketPath(role: SocketRole, { address: local, port }: Endpoint, remote: Endpoint): SocketPath {
    const v4 = local.bytes.length === 4;
    const index = this.#sockets.findIndex(
      (socket) => socket.role === role && (socket.address === local.text || (socket.wildcard && isIpv4(socket) === v4)),
    );
    if (index < 0)
      throw new DataplaneError(
        'no-such-socket',
        `no ${role} socket on ${local.text}: the carrier is off, or not there`,
      );
    const own = role === 'cisco-tcp' ? { localPort: port } : {};
    return { socket: index, local: local.text, ...own, remote: { address: remote.address.text, port: remote.port } };
  }

  async #readReports(): Promise<void> {
    const { up } = this.#shared;
    while (this.#state !== 'ended') {
      await up.waitForRecord();
      for (let i = 0; i < REPORTS_PER_TURN; i++) {
        const at = up.peek();
        if (at < 0) break;
        const { head, body } = messageAt<Report>(up, at);
        const message = body.slice();
        up.release(at);
        this.#handleReport(head, message);
      }
      if (!up.isEmpty()) await new Promise(setImmediate);
    }
  }

  /** Reports about a session that was closed meanwhile are about nothing. */
  #handleReport(report: Report, body: Bytes): void {
    if (this.#state !== 'running') return;
    const events = this.#events;
    switch (report.type) {
      case 'ike':
        events.onIke(pathOf(report.carrier, report), body);
        break;
      case 'unknown-spi':
        events.onUnknownSpi(pathOf(report.carrier, report), report.spi);
        break;
      case 'l2tp':
        if (this.#registry.find(report.id)) events.onL2tp?.(report.id, report.port, body);
        break;
      case 'path-change':
        if (this.#registry.find(report.id)) events.onPathChange(report.id, pathOf(report.carrier, report));
        break;
      case 'flow-opened':
        this.#handleFlow(report, (path) => events.onFlowOpened?.(path));
        break;
      case 'flow-closed':
        this.#handleFlow(report, (path) => {
          this.#flows.close(path);
          events.onFlowClosed?.(path, report.reason);
        });
        break;
      case 'flow-left':
        this.#flows.close(pathOf('cisco-tcp', report));
        break;
      case 'rekey-needed':
        if (this.#registry.find(report.id)) events.onRekeyNeeded(report.id, report.spi);
        break;
      case 'first-packet':
        if (this.#registry.find(report.id)) events.onFirstPacket(report.id, report.spi);
    }
  }

  /** One that we have closed meanwhile is nobody's any more. */
  #handleFlow(report: { local: EndpointText; remote: EndpointText }, tell: (path: IkePath) => void): void {
    const path: IkePath = pathOf('cisco-tcp', report);
    if (this.#flows.has(path)) tell(path);
  }

  #handleExit(failure: Error | undefined): void {
    const expected = this.#state === 'closing';
    this.#state = 'ended';
    process.off('exit', this.#stopAtExit);
    this.#flows.closeAll();
    this.#release();
    if (expected && !failure) return;
    const why = failure?.message ?? 'it ended by itself';
    this.#events.onFailure(new DataplaneError('worker-failed', `the dataplane's worker failed: ${why}`, failure));
  }

  /** process.exit() waits for the worker, which may be blocked in poll. */
  readonly #stopAtExit = (): void => {
    if (this.#state !== 'running') return;
    this.#put({ type: 'stop' }, [], roomNow);
    this.#wake();
  };
}

function pathOf<Carrier>(carrier: Carrier, { local, remote }: { local: EndpointText; remote: EndpointText }) {
  return { carrier, local: endpoint(local), remote: endpoint(remote) };
}

/** A session keeps several of few different ones: they are the same objects. */
const addresses = new Map<string, IpAddress>();

/** Written by the worker, from an address. */
function endpoint({ address, port }: EndpointText): Endpoint {
  const known = addresses.get(address);
  if (known) return { address: known, port };
  if (addresses.size >= MAX_ADDRESSES) addresses.clear();
  const parsed = parseIp(address)!;
  addresses.set(address, parsed);
  return { address: parsed, port };
}

function isIpv4(socket: WorkerSocket): boolean {
  return !socket.address.includes(':');
}

function requireIpv4(prefix: Prefix): void {
  if (prefix.address.bytes.length !== 4)
    throw new DataplaneError('unsupported', `${formatPrefix(prefix)}: inside the tunnel there is IPv4 only`);
}
