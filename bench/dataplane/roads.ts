/**
 * What a packet costs on its way through the dataplane, in one thread and without system calls: out from a TSO frame to ESP, in
 * from ESP to a frame for the TUN; in tunnel mode and by L2TP. On a machine with other work this tells more than a stream does.
 */
import { closeSync, openSync } from 'node:fs';
import { EMPTY } from '../../src/core/bytes/bytes.ts';
import { type EspSuite, suiteName } from '../../src/core/crypto/algorithms.ts';
import { L2TP_PORT } from '../../src/core/wire/l2tp.ts';
import { Arena } from '../../src/dataplane/arena.ts';
import { createSum } from '../../src/dataplane/checksum.ts';
import { TunWriter } from '../../src/dataplane/coalesce.ts';
import { CommandHandler } from '../../src/dataplane/commands.ts';
import { Inbound } from '../../src/dataplane/inbound.ts';
import { OpensslCiphers } from '../../src/dataplane/openssl-ciphers.ts';
import { Outbound } from '../../src/dataplane/outbound.ts';
import { flowOf } from '../../src/dataplane/path.ts';
import type { ReplayWindow } from '../../src/dataplane/replay.ts';
import { Reports } from '../../src/dataplane/reports.ts';
import { SessionTable } from '../../src/dataplane/session-table.ts';
import { Shared } from '../../src/dataplane/shared.ts';
import { Transmit } from '../../src/dataplane/transmit.ts';
import type { WorkerSocket } from '../../src/dataplane/worker-socket.ts';
import { Iovec, Mmsghdr, VNET_GSO_TCPV4, VNET_NEEDS_CSUM, VnetHdr } from '../../src/ffi/structs.ts';
import { keysOf, spiOf } from '../../test/dataplane/lab/keys.ts';
import { GCM, SHA1 } from './tunnel.ts';

export interface RoadRow {
  readonly name: string;
  /** Nanoseconds a packet, of the rounds that nothing else disturbed. */
  readonly out: number;
  readonly in: number;
}

const PACKETS = 45;
const MSS = 1340;
const HEADERS = 40;
const FRAME = HEADERS + PACKETS * MSS;
const MILLISECONDS = 4000;
/** Rounds that are slower were disturbed, or came before the compiler. */
const QUICKEST = 0.1;
const PEER = { socket: 0, local: '192.0.2.1', remote: { address: '198.51.100.1', port: 4500 } } as const;

export function measureRoads(): RoadRow[] {
  return [SHA1, GCM].flatMap(measureSuite);
}

/** Both in turn, round by round, so that what else the machine does meets both. */
function measureSuite(suite: EspSuite): RoadRow[] {
  const tun = openSync('/dev/null', 'w');
  const kinds = [false, true].map((l2tp) => {
    const name = `${suiteName(suite)}, ${l2tp ? 'L2TP' : 'tunnel mode'}`;
    return { name, road: new Road(suite, l2tp, tun), outs: [] as number[], ins: [] as number[] };
  });
  for (const end = performance.now() + MILLISECONDS; performance.now() < end; )
    for (const { road, outs, ins } of kinds) {
      road.prepareFrame();
      outs.push(time(() => road.sendFrame()));
      road.preparePackets();
      ins.push(time(() => road.receivePackets()));
    }
  closeSync(tun);
  return kinds.map(({ name, outs, ins }) => ({ name, out: quickest(outs), in: quickest(ins) }));
}

/** Both ends of one session: what it seals it opens. */
class Road {
  readonly #arena = new Arena();
  readonly #table = new SessionTable();
  readonly #tun: TunWriter;
  readonly #transmit: Transmit;
  readonly #outbound: Outbound;
  readonly #inbound: Inbound;
  readonly #socket: WorkerSocket;
  readonly #flow = flowOf(PEER);
  readonly #frame: number;
  /** What was sent last, packets of one size side by side; and where it is received. */
  readonly #sent: number;
  readonly #received: number;
  #sentBytes = 0;

  constructor(suite: EspSuite, l2tp: boolean, tun: number) {
    const arena = this.#arena;
    const { counters, sessions, up } = new Shared();
    const sum = createSum(arena);
    const reports = new Reports(up, arena, counters);
    this.#socket = { fd: tun, role: 'nat-t', family: 2, address: '0.0.0.0', port: 4500, wildcard: true, gso: true };
    this.#tun = new TunWriter(arena, sum, counters, tun, true);
    this.#transmit = new Transmit(
      arena,
      counters,
      () => {},
      (_, messages, count) => this.#keep(messages, count),
    );
    this.#outbound = new Outbound(arena, sum, this.#table, this.#transmit, this.#tun, reports, counters, sessions);
    this.#inbound = new Inbound(arena, this.#table, this.#tun, this.#outbound, reports, counters, sessions, false);
    this.#frame = arena.allocate(FRAME + 512, 64) + 256;
    this.#sent = arena.allocate(2 * FRAME, 64);
    this.#received = arena.allocate(2 * FRAME, 64);
    const ciphers = new OpensslCiphers(arena);
    this.#open(
      new CommandHandler(arena, this.#table, ciphers, [this.#socket], sessions, false, undefined),
      suite,
      l2tp,
    );
  }

  #open(commands: CommandHandler, suite: EspSuite, l2tp: boolean): void {
    const inner = '10.8.0.2/32';
    const session = { slot: 1, generation: 1, id: 1, path: PEER, inner: l2tp ? undefined : inner };
    commands.handle({ type: 'open-session', ...session }, EMPTY, 0);
    const { encryption, salt, integrity } = keysOf(suite, 1, 0);
    const lengths = [encryption.length, salt.length, integrity.length] as const;
    const selectors = { localSelector: '0.0.0.0/0', remoteSelector: '0.0.0.0/0', softBytes: undefined };
    const sa = { slot: 1, spi: spiOf(1, 0), suite, transport: l2tp, lengths, ...selectors };
    for (const direction of ['in', 'out'] as const)
      commands.handle({ type: 'install-sa', direction, ...sa }, Uint8Array.of(...encryption, ...salt, ...integrity), 0);
    const ids = { localTunnel: 1, localSession: 1, peerTunnel: 1, peerSession: 1 };
    const call = { ...ids, port: L2TP_PORT, mru: 1500, acfc: false, pfc: false };
    if (l2tp) commands.handle({ type: 'bind-call', slot: 1, generation: 1, inner, call }, EMPTY, 0);
    // the same packets are received in each round
    const window = { highest: 0xffff_ffff, accepts: () => true, record: () => {} } as unknown as ReplayWindow;
    Object.assign(this.#table.inboundBySpi(spiOf(1, 0))!, { window });
  }

  /** One TCP segment of the largest kind, from an address to itself, since the way in wants it back. */
  prepareFrame(): void {
    const { u8, view } = this.#arena;
    const frame = this.#frame;
    u8.fill(0, frame, frame + VnetHdr.size + FRAME);
    u8[frame + VnetHdr.flags] = VNET_NEEDS_CSUM;
    u8[frame + VnetHdr.gsoType] = VNET_GSO_TCPV4;
    view.setUint16(frame + VnetHdr.gsoSize, MSS, true);
    view.setUint16(frame + VnetHdr.checksumStart, 20, true);
    view.setUint16(frame + VnetHdr.checksumOffset, 16, true);
    const ip = frame + VnetHdr.size;
    u8.set([0x45, 0, FRAME >> 8, FRAME & 255, 0, 0, 0x40, 0, 64, 6, 0, 0, 10, 8, 0, 2, 10, 8, 0, 2], ip);
    u8.set([0x50, 16], ip + 32);
    this.#table.at(1)!.outbound[0]!.sequence = 0;
    this.#sentBytes = 0;
  }

  sendFrame(): void {
    this.#outbound.handleFrame(this.#frame, VnetHdr.size + FRAME);
    this.#transmit.flush();
  }

  preparePackets(): void {
    this.#arena.u8.copyWithin(this.#received, this.#sent, this.#sent + this.#sentBytes);
  }

  receivePackets(): void {
    const size = this.#sentBytes / PACKETS;
    for (let i = 0; i < PACKETS; i++)
      if (!this.#inbound.handleEsp(this.#received + i * size, size, this.#flow, this.#socket, 1))
        throw new Error('a packet did not open');
    this.#tun.flush();
  }

  #keep(messages: number | bigint, count: number): number {
    const { u8, view, base } = this.#arena;
    for (let i = 0; i < count; i++) {
      const message = Number(messages) - base + i * Mmsghdr.size;
      const iovec = Number(view.getBigUint64(message + Mmsghdr.iovecs, true)) - base;
      const from = Number(view.getBigUint64(iovec + Iovec.base, true)) - base;
      const length = Number(view.getBigUint64(iovec + Iovec.length, true));
      u8.copyWithin(this.#sent + this.#sentBytes, from, from + length);
      this.#sentBytes += length;
    }
    return count;
  }
}

function time(round: () => void): number {
  const before = performance.now();
  round();
  return ((performance.now() - before) * 1e6) / PACKETS;
}

function quickest(rounds: readonly number[]): number {
  return rounds.toSorted((a, b) => a - b)[Math.floor(rounds.length * QUICKEST)] ?? Number.NaN;
}

export function formatRoads(rows: readonly RoadRow[]): string {
  const cell = (value: number) => value.toFixed(0).padStart(8);
  const lines = rows.map((row) => `${row.name.padEnd(28)}${cell(row.out)}${cell(row.in)}`);
  return [`${`ns a packet of ${MSS + HEADERS} bytes`.padEnd(28)}     out      in`, ...lines].join('\n');
}
