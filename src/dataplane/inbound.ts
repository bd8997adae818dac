/**
 * The road in: an ESP packet from a socket to a packet for the TUN or for another session.
 *
 *     at                    payloadAt
 *     | SPI | sequence | IV | payload ............. | padding, pad length, next header | ICV |     opened where it lies
 *                           | IPv4 packet |                                  tunnel mode
 *                           | UDP | L2TP | PPP | IPv4 packet |               transport mode
 *
 * The packet is never copied: it waits there for the TUN (coalesce.ts), or is sealed from there for another session.
 */
import { type EspCarrier, mayMove } from '../core/esp/sa.ts';
import type { Arena } from './arena.ts';
import type { TunWriter } from './coalesce.ts';
import { Counter, SessionCounter } from './counters.ts';
import { markCongestion } from './ecn.ts';
import { Ip4, wholeIp4 } from './ip4.ts';
import { Content, TransportReader } from './l2tp.ts';
import { MAX_L2TP_MESSAGES_PER_SECOND } from './limits.ts';
import { clampMss, isSyn } from './mss.ts';
import { openPacket, payloadAt, payloadLength } from './open.ts';
import type { Outbound } from './outbound.ts';
import type { Party } from './party.ts';
import type { Flow } from './path.ts';
import type { Reports } from './reports.ts';
import { ESP_HEADER, type InboundSa } from './sa.ts';
import type { Session } from './session.ts';
import type { SessionTable } from './session-table.ts';
import type { WorkerSocket } from './worker-socket.ts';

export class Inbound {
  readonly #arena: Arena;
  readonly #table: SessionTable;
  readonly #tun: TunWriter;
  readonly #outbound: Outbound;
  readonly #reports: Reports;
  readonly #counters: Float64Array;
  readonly #sessions: Float64Array;
  readonly #clientToClient: boolean;
  /** The packet at hand was marked on its way. */
  #congested = false;
  readonly #transport: TransportReader;

  constructor(
    arena: Arena,
    table: SessionTable,
    tun: TunWriter,
    outbound: Outbound,
    reports: Reports,
    counters: Float64Array,
    sessions: Float64Array,
    clientToClient: boolean,
  ) {
    this.#arena = arena;
    this.#table = table;
    this.#tun = tun;
    this.#outbound = outbound;
    this.#reports = reports;
    this.#counters = counters;
    this.#sessions = sessions;
    this.#clientToClient = clientToClient;
    this.#transport = new TransportReader(arena);
  }

  /**
   * An ESP packet, SPI to ICV, of `length` bytes at `at`, that came over `flow`; true when it proved authentic.
   *
   * @param now the main thread's clock
   */
  handleEsp(at: number, length: number, flow: Flow, socket: WorkerSocket, now: number): boolean {
    const counters = this.#counters;
    counters[Counter.esp_in]!++;
    if (length < ESP_HEADER) {
      counters[Counter.drop_malformed]!++;
      return false;
    }
    const { view } = this.#arena;
    const spi = view.getUint32(at);
    const sa = this.#table.inboundBySpi(spi);
    if (sa === undefined) {
      counters[Counter.drop_unknown_spi]!++;
      this.#reports.unknownSpi(flow, socket, spi, now);
      return false;
    }
    const newest = sa.window.highest;
    const refusal = openPacket(this.#arena, sa, at, length);
    if (refusal !== 0) {
      counters[refusal]!++;
      return false;
    }
    const session = this.#table.at(sa.slot)!;
    this.#congested = flow.congested;
    this.#noteAuthentic(session, sa, view.getUint32(at + 4) > newest, flow, socket, now);
    const payload = payloadLength(this.#arena, sa, at, length);
    if (payload < 0) counters[-payload]!++;
    else if (sa.transport) this.#readTransport(session, sa, payloadAt(sa, at), payload, now);
    else this.#deliver(session.party, sa, payloadAt(sa, at), payload);
    return true;
  }

  /** What only an authentic packet may change. */
  #noteAuthentic(
    session: Session,
    sa: InboundSa,
    newest: boolean,
    flow: Flow,
    socket: WorkerSocket,
    now: number,
  ): void {
    // with L2TP only packets count: its keepalives would keep an idle session for ever
    if (!sa.transport) this.#noteTraffic(session.party, now);
    if (!sa.used && !sa.transport) sa.used = this.#reports.firstPacket(session, sa.spi);
    // Only a packet newer than all others tells where the peer is: an older one may have been held back.
    if (newest && !session.flow.equals(flow) && !session.hasReplaced(sa)) this.#learn(session, flow, socket);
    if (session.moveUnreported) session.moveUnreported = !this.#reports.pathChange(session);
  }

  /**
   * The peer moved, or its NAT did; or it took another carrier that fits its SA's mode. RFC 3947 section 7 would have only an end
   * that isn't behind a NAT itself follow. A client of ours does too: whoever shows it a packet from elsewhere first has it send
   * there until the next one.
   * Native ESP passes no NAT: there the address is the one that IKE knows, and followed only from another carrier.
   */
  #learn(session: Session, flow: Flow, socket: WorkerSocket): void {
    const [from, to] = [session.socket.role as EspCarrier, socket.role as EspCarrier];
    if (from === to ? to === 'esp' : !mayMove(from, to)) return;
    session.moveTo(this.#arena, flow, socket);
    session.moveUnreported = true;
    this.#counters[Counter.path_changes]!++;
  }

  /** UDP, L2TP and PPP around a packet; all but packets is the engines'. */
  #readTransport(session: Session, sa: InboundSa, at: number, available: number, now: number): void {
    const reader = this.#transport;
    const content = reader.read(at, available, session.parties);
    if (content === Content.PACKET) {
      const party = session.parties[reader.index]!;
      // whoever names the call's numbers is its client, whatever phase 1 the SA is of
      if (!sa.used) sa.used = this.#reports.firstPacket(session, sa.spi);
      this.#noteTraffic(party, now);
      this.#deliver(party, sa, reader.at, reader.length);
    } else if (content !== Content.MESSAGE) this.#drop(content);
    else if (!mayReport(session, now)) this.#drop(Counter.drop_l2tp_rate);
    else this.#reports.l2tp(session, reader.port, reader.at, reader.length);
  }

  #noteTraffic(party: Party, now: number): void {
    this.#sessions[party.slot * SessionCounter.count + SessionCounter.lastInbound] = now;
  }

  #deliver(party: Party, sa: InboundSa, at: number, available: number): void {
    const { u8, view } = this.#arena;
    const length = wholeIp4(u8, at, available);
    if (length === 0) return this.#drop(Counter.drop_inner_header);
    const source = view.getUint32(at + Ip4.source);
    if (!sa.remoteSelector.contains(source) || !party.inner?.contains(source))
      return this.#drop(Counter.drop_inner_source);
    const destination = view.getUint32(at + Ip4.destination);
    if (!sa.localSelector.contains(destination)) return this.#drop(Counter.drop_inner_destination);
    if (this.#congested) {
      if (!markCongestion(u8, at)) return this.#drop(Counter.drop_congestion);
      this.#counters[Counter.congestion_marks]!++;
    }
    this.#count(party, length);
    const newestOut = party.session.outbound[0];
    if (newestOut !== undefined && isSyn(u8, at, length))
      clampMss(this.#arena, at, length, party.maxInner(newestOut), true);
    const other = this.#table.towards(destination);
    if (other === undefined || other === party) this.#tun.write(at, length);
    else if (this.#clientToClient) this.#outbound.forward(at, length);
    else this.#drop(Counter.drop_client_to_client);
  }

  #count(party: Party, length: number): void {
    const counters = this.#sessions;
    const base = party.slot * SessionCounter.count;
    counters[base + SessionCounter.packetsIn]!++;
    counters[base + SessionCounter.bytesIn]! += length;
  }

  #drop(counter: number): void {
    this.#counters[counter]!++;
  }
}

/** What one client says to the engines has a bound, so that it can't fill the ring for the others. */
function mayReport(session: Session, now: number): boolean {
  const second = Math.floor(now / 1000);
  if (second !== session.l2tpSecond) {
    session.l2tpSecond = second;
    session.l2tpMessages = 0;
  }
  return ++session.l2tpMessages <= MAX_L2TP_MESSAGES_PER_SECOND;
}
