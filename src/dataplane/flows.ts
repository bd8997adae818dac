/**
 * The flows of Cisco IPsec over TCP: begins them or has them from the gate, takes their segments apart, acknowledges, and
 * ends them. What a segment carries is as a rule one packet; receive offload and relays join and split:
 *
 *     | TCP 20 and more | ESP packet          | trailer 16 | ESP packet | trailer | ...
 *     | TCP 20 and more | UDP 8 | IKE message | trailer 16 | ...
 */

import type { Bytes } from '../core/bytes/bytes.ts';
import { CTCP_WINDOW_SHIFT, CtcpFlow } from '../core/carrier/ctcp-flow.ts';
import { type CtcpPackets, CtcpStream } from '../core/carrier/ctcp-stream.ts';
import { CTCP_MAGIC, CTCP_UDP_HEADER, CtcpProtocol, ikeLength, type MagicSearch } from '../core/wire/ctcp.ts';
import { emptySegment, readSegment, readSynOptions, type SynOptions, TcpFlag } from '../core/wire/tcp.ts';
import type { Arena } from './arena.ts';
import { Counter } from './counters.ts';
import type { FlowEnd } from './dataplane.ts';
import { FlowGate, ownMss } from './flow-gate.ts';
import { FlowTable } from './flow-table.ts';
import type { KeyedHash } from './keyed-hash.ts';
import {
  FLOW_IDLE,
  FLOW_NEWCOMER_IDLE,
  KEEPALIVE_INTERVAL,
  MAX_FLOWS,
  MAX_HELD_BYTES,
  MAX_NEWCOMERS,
  MAX_NEWCOMERS_PER_ADDRESS,
  MAX_OWN_FLOWS,
  SYN_ATTEMPTS,
  SYN_INTERVAL,
} from './limits.ts';
import { type Flow, PATH_SIZE } from './path.ts';
import type { DatagramHandler } from './receive.ts';
import type { Reports } from './reports.ts';
import { TcpFlow } from './tcp-flow.ts';
import type { TcpSender } from './tcp-sender.ts';
import type { WorkerSocket } from './worker-socket.ts';

/** Room for a packet that was put together from pieces, and for what is written around it when it is passed on. */
const SCRATCH = 96 * 1024;
const SCRATCH_AIR = 64;
const MAGIC = Uint8Array.from(CTCP_MAGIC);

/** Five times as fast as in plain JavaScript. */
const search: MagicSearch = (bytes, from) => Buffer.prototype.indexOf.call(bytes, MAGIC, from);

export interface FlowHandler extends Pick<DatagramHandler, 'ike' | 'esp'> {
  /** Done with all packets so far: their memory is used again. */
  settle(): void;
}

export class Flows implements CtcpPackets {
  readonly #arena: Arena;
  readonly #sender: TcpSender;
  readonly #reports: Reports;
  readonly #counters: Float64Array;
  readonly #handler: FlowHandler;
  readonly #hash: KeyedHash;
  readonly #gate: FlowGate;
  readonly #keepalive: boolean;
  readonly #table: FlowTable;
  readonly #paths: number;
  readonly #scratch: number;
  readonly #hashed: number;
  readonly #segment = emptySegment();
  /** Those that owe an acknowledgement at the end of the batch. */
  readonly #owing: TcpFlow[] = [];
  /** Those that were closed and hold a port until the main thread hears of it: {@link MAX_OWN_FLOWS} at most. */
  readonly #left: { readonly ends: Flow; readonly socket: WorkerSocket }[] = [];
  #current!: TcpFlow;
  #held = 0;
  #randoms = 0;

  constructor(
    arena: Arena,
    sender: TcpSender,
    reports: Reports,
    counters: Float64Array,
    handler: FlowHandler,
    hash: KeyedHash,
    ports: readonly number[],
    keepalive: boolean,
  ) {
    this.#arena = arena;
    this.#sender = sender;
    this.#reports = reports;
    this.#counters = counters;
    this.#handler = handler;
    this.#hash = hash;
    this.#gate = new FlowGate(arena, sender, counters, hash, ports);
    this.#keepalive = keepalive;
    this.#paths = arena.allocate((MAX_FLOWS + MAX_OWN_FLOWS) * PATH_SIZE, 64);
    this.#scratch = arena.allocate(SCRATCH + 2 * SCRATCH_AIR, 64) + SCRATCH_AIR;
    this.#hashed = arena.allocate(8);
    this.#table = new FlowTable(MAX_FLOWS, MAX_NEWCOMERS, MAX_NEWCOMERS_PER_ADDRESS, this.#random());
  }

  get size(): number {
    return this.#table.size;
  }

  find(ends: Flow): TcpFlow | undefined {
    return this.#table.find(ends);
  }

  /** Begins a flow; the main thread has seen to it that there is room. */
  open(ends: Flow, socket: WorkerSocket): void {
    const flow = this.#add(ends, socket, CtcpFlow.begin(this.#random()), true);
    this.#sendSyn(flow);
  }

  /** Ends a flow, if it is there, and tells both sides. */
  close(ends: Flow, socket: WorkerSocket): void {
    const flow = this.#table.find(ends);
    if (flow !== undefined) {
      this.#sendReset(flow);
      this.#remove(flow);
    }
    this.#left.push({ ends, socket });
    this.#tellLeft();
  }

  /** False when there is no such flow, or no room in it. */
  sendIke(ends: Flow, message: Bytes): boolean {
    const flow = this.#table.find(ends);
    return flow?.isOpen === true && this.#sender.sendIke(flow, message);
  }

  /** A segment of `length` bytes at `at`; `ends` has its addresses, and gets its ports. */
  receive(at: number, length: number, ends: Flow, socket: WorkerSocket): void {
    const segment = this.#segment;
    if (!readSegment(this.#arena.u8, at, length, segment)) return this.#drop(Counter.drop_tcp_malformed);
    ends.remotePort = segment.sourcePort;
    ends.localPort = segment.destinationPort;
    ends.tcp = undefined;
    const flow = this.#table.find(ends) ?? this.#receiveStranger(at, ends, socket);
    if (flow === undefined) return;
    flow.ends.congested = ends.congested;
    this.#handleSegment(flow, at);
  }

  /** At the end of a batch: tells who sent something what came. */
  flush(): void {
    for (const flow of this.#owing) {
      flow.owes = false;
      if (flow.isOpen && flow.numbers.acknowledgeSoon) this.#sender.acknowledge(flow);
    }
    this.#owing.length = 0;
  }

  /** Once a second. */
  tick(): void {
    this.#tellLeft();
    if (this.#table.size === 0) return;
    for (const flow of this.#table.all()) {
      if (!flow.isOpen) this.#retry(flow);
      else this.#lookAfter(flow);
    }
  }

  packet(bytes: Bytes, at: number, length: number, protocol: number): void {
    const flow = this.#current;
    const { u8 } = this.#arena;
    if (length > SCRATCH) return this.#drop(Counter.drop_tcp_malformed);
    if (bytes !== u8) {
      // the packet before may still lie there, on its way to the TUN
      this.#handler.settle();
      u8.set(bytes.subarray(at, at + length), this.#scratch);
    }
    const from = bytes === u8 ? at : this.#scratch;
    if (protocol === CtcpProtocol.ESP) {
      const isAuthentic = this.#handler.esp(from, length, flow.ends, flow.socket);
      if (isAuthentic && !flow.proven) this.#table.prove(flow);
      return;
    }
    const message = ikeLength(u8, from, length);
    if (message === 0) this.#drop(Counter.drop_tcp_malformed);
    else this.#handler.ike('cisco-tcp', from + CTCP_UDP_HEADER, message, flow.ends, flow.socket);
  }

  #handleSegment(flow: TcpFlow, at: number): void {
    const segment = this.#segment;
    const isSyn = (segment.flags & TcpFlag.SYN) !== 0;
    const options = isSyn ? readSynOptions(this.#arena.u8, at, segment.headerLength) : undefined;
    const verdict = flow.numbers.handleSegment(segment, options, this.#sender.now);
    switch (verdict) {
      case 'next':
      case 'gap':
      case 'old':
        flow.heardAt = this.#sender.now;
        if (verdict === 'gap') this.#counters[Counter.flow_gaps]!++;
        this.#handlePayload(flow, verdict, at + segment.headerLength);
        break;
      case 'noted':
        flow.heardAt = this.#sender.now;
        break;
      case 'opened':
        flow.heardAt = this.#sender.now;
        this.#counters[Counter.flows_opened]!++;
        this.#sender.acknowledge(flow);
        this.#reports.flowOpened(flow.ends, flow.socket);
        break;
      case 'asked':
        flow.heardAt = this.#sender.now;
        this.#sender.acknowledge(flow);
        break;
      case 'challenge':
        this.#sender.acknowledge(flow);
        break;
      case 'misplaced':
        this.#gate.answerByReset(segment, flow.ends, flow.socket);
        break;
      case 'refused':
      case 'reset':
        if ((segment.flags & TcpFlag.FIN) !== 0) this.#sendReset(flow);
        this.#end(flow, verdict);
        break;
      case 'stray':
        this.#drop(Counter.drop_tcp_window);
    }
  }

  #handlePayload(flow: TcpFlow, verdict: 'next' | 'gap' | 'old', at: number): void {
    const { numbers, stream } = flow;
    const skip = verdict === 'next' ? numbers.skip : 0;
    const before = stream.held;
    this.#current = flow;
    if (!stream.handlePayload(verdict, this.#arena.u8, at + skip, this.#segment.payloadLength - skip))
      this.#drop(Counter.drop_tcp_incomplete);
    this.#held += stream.held - before;
    if (this.#held > MAX_HELD_BYTES) {
      this.#forget(flow);
      this.#drop(Counter.drop_tcp_incomplete);
    }
    if (numbers.acknowledgeNow) {
      this.#sender.acknowledge(flow);
    } else if (!flow.owes) {
      flow.owes = true;
      this.#owing.push(flow);
    }
  }

  #receiveStranger(at: number, ends: Flow, socket: WorkerSocket): TcpFlow | undefined {
    const options = this.#gate.receive(at, this.#segment, ends, socket);
    return options && this.#accept(options, ends, socket);
  }

  #accept(options: SynOptions, ends: Flow, socket: WorkerSocket): TcpFlow | undefined {
    const surplus = this.#table.surplus();
    if (surplus === 'full' || !this.#table.admits(ends)) {
      this.#drop(Counter.drop_flows_full);
      return undefined;
    }
    if (surplus !== undefined) {
      this.#drop(Counter.drop_flows_full);
      this.#sendReset(surplus);
      this.#remove(surplus);
    }
    this.#counters[Counter.flows_opened]!++;
    return this.#add(ends, socket, CtcpFlow.accept(this.#segment, options), false);
  }

  #add(ends: Flow, socket: WorkerSocket, numbers: CtcpFlow, began: boolean): TcpFlow {
    const place = { index: this.#table.takeIndex(), ends, socket, began };
    const flow = new TcpFlow(this.#arena, this.#sender, this.#paths, place, numbers, new CtcpStream(this, search));
    this.#table.add(flow);
    return flow;
  }

  #end(flow: TcpFlow, reason: FlowEnd): void {
    this.#remove(flow);
    if (flow.began) this.#reports.flowClosed(flow.ends, flow.socket, reason);
  }

  /** As far as there is room; the rest at the next tick. */
  #tellLeft(): void {
    const left = this.#left;
    while (left.length > 0 && this.#reports.flowLeft(left[0]!.ends, left[0]!.socket)) left.shift();
  }

  #remove(flow: TcpFlow): void {
    this.#forget(flow);
    flow.numbers.awaits = 'nothing';
    this.#table.remove(flow);
    this.#counters[Counter.flows_closed]!++;
  }

  #forget(flow: TcpFlow): void {
    this.#held -= flow.stream.held;
    flow.stream.forget();
  }

  #retry(flow: TcpFlow): void {
    if (this.#sender.now < flow.retryAt) return;
    if (flow.attempts < SYN_ATTEMPTS) this.#sendSyn(flow);
    else this.#end(flow, 'timeout');
  }

  #lookAfter(flow: TcpFlow): void {
    const { now } = this.#sender;
    if (now - flow.heardAt > (flow.proven || flow.began ? FLOW_IDLE : FLOW_NEWCOMER_IDLE)) {
      this.#sendReset(flow);
      this.#end(flow, 'timeout');
    } else if (this.#keepalive && flow.began && now - flow.sentAt > KEEPALIVE_INTERVAL) {
      const { sequence, acknowledgment } = flow.numbers;
      // a number that was acknowledged asks for an answer, RFC 9293 section 3.8.4
      this.#sender.sendControl(flow.ends, flow.socket, TcpFlag.ACK, (sequence - 1) >>> 0, acknowledgment, undefined);
      flow.sentAt = now;
      this.#counters[Counter.keepalive_out]!++;
    }
  }

  #sendSyn(flow: TcpFlow): void {
    const options = { mss: ownMss(flow.socket), windowShift: CTCP_WINDOW_SHIFT };
    this.#sender.sendControl(flow.ends, flow.socket, TcpFlag.SYN, flow.numbers.sequence, 0, options);
    flow.retryAt = this.#sender.now + SYN_INTERVAL * 2 ** flow.attempts++;
  }

  #sendReset(flow: TcpFlow): void {
    const { sequence, acknowledgment } = flow.numbers;
    this.#sender.sendControl(flow.ends, flow.socket, TcpFlag.RST | TcpFlag.ACK, sequence, acknowledgment, undefined);
  }

  /** What nobody else can guess. */
  #random(): number {
    this.#arena.view.setUint32(this.#hashed, this.#randoms++);
    return this.#hash.hash(this.#hashed, 4);
  }

  #drop(counter: number): void {
    this.#counters[counter]!++;
  }
}
