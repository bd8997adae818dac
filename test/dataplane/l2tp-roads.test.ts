/** Calls on the roads, on arena bytes: in from one, out to another, beside a client of tunnel mode. */
import assert from 'node:assert/strict';
import { closeSync, mkdtempSync, openSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, test } from 'node:test';
import { EMPTY } from '../../src/core/bytes/bytes.ts';
import type { EspSuite } from '../../src/core/crypto/algorithms.ts';
import { openEsp } from '../../src/core/esp/open.ts';
import { ivLength } from '../../src/core/esp/packet.ts';
import { ReplayWindow } from '../../src/core/esp/replay.ts';
import { sealEsp } from '../../src/core/esp/seal.ts';
import { readTransport, writeTransport } from '../../src/core/l2tp/data.ts';
import { encodeL2tpData, type PppCall } from '../../src/core/wire/l2tp.ts';
import { encodeUdp } from '../../src/core/wire/udp.ts';
import { Arena } from '../../src/dataplane/arena.ts';
import { createSum } from '../../src/dataplane/checksum.ts';
import { TunWriter } from '../../src/dataplane/coalesce.ts';
import { CommandHandler } from '../../src/dataplane/commands.ts';
import { COUNTER_NAMES, Counter, SessionCounter } from '../../src/dataplane/counters.ts';
import { Inbound } from '../../src/dataplane/inbound.ts';
import { messageAt, type Report } from '../../src/dataplane/messages.ts';
import { OpensslCiphers } from '../../src/dataplane/openssl-ciphers.ts';
import { Outbound } from '../../src/dataplane/outbound.ts';
import { flowOf } from '../../src/dataplane/path.ts';
import { Reports } from '../../src/dataplane/reports.ts';
import { SessionTable } from '../../src/dataplane/session-table.ts';
import { Shared } from '../../src/dataplane/shared.ts';
import { Transmit } from '../../src/dataplane/transmit.ts';
import type { WorkerSocket } from '../../src/dataplane/worker-socket.ts';
import { Iovec, Mmsghdr } from '../../src/ffi/structs.ts';
import { nodeCrypto } from '../../src/host/crypto/node-crypto.ts';
import { keysOf, spiOf } from './lab/keys.ts';
import { ACK, DF, ip4, SYN, tcp4, u16 } from './packets.ts';

/** The third has the shortest IV and ICV, the second takes the most room before a packet: neighbours lie closest then. */
const SUITES: Readonly<Record<Client, EspSuite>> = {
  1: { cipher: 'aes-gcm', keyBits: 128 },
  2: { cipher: 'aes-cbc', keyBits: 128, integrity: 'sha1' },
  3: { cipher: '3des-cbc', keyBits: 192, integrity: 'md5' },
};
const US = '10.8.0.1';
/** 1 and 2 come by L2TP, 3 by tunnel mode. */
const INNER = ['', '10.8.0.2', '10.8.0.3', '10.8.0.4'] as const;
type Client = 1 | 2 | 3;

function callOf(client: Client): PppCall {
  const numbers = {
    localTunnel: 10 + client,
    localSession: 20 + client,
    peerTunnel: 30 + client,
    peerSession: 40 + client,
  };
  return { port: 50_000 + client, ...numbers, mru: 1400, acfc: client === 1, pfc: client === 1 };
}

/** The second call in client 1's tunnel, which frames its packets in another way. */
const SECOND_CALL: PppCall = { ...callOf(1), localSession: 99, peerSession: 98, acfc: false, pfc: false, mru: 1300 };
const SECOND = '10.8.0.9';

let road: Road;
beforeEach(() => {
  road = new Road();
});
afterEach(() => road.close());

class Road {
  readonly #folder = mkdtempSync(join(tmpdir(), 'sallyport-calls-'));
  readonly #fd = openSync(join(this.#folder, 'tun'), 'w');
  readonly #arena = new Arena();
  readonly #shared = new Shared();
  readonly #table = new SessionTable();
  readonly #socket: WorkerSocket = {
    fd: this.#fd,
    role: 'nat-t',
    family: 2,
    address: '0.0.0.0',
    port: 4500,
    wildcard: true,
    gso: false,
  };
  readonly #tun: TunWriter;
  readonly #transmit: Transmit;
  readonly #outbound: Outbound;
  readonly #inbound: Inbound;
  readonly commands: CommandHandler;
  readonly #at: number;
  readonly #sent: Uint8Array[] = [];
  readonly #windows = [1, 2, 3].map(() => new ReplayWindow());
  #sequence = 0;

  constructor() {
    const arena = this.#arena;
    const { counters, sessions, up } = this.#shared;
    const sum = createSum(arena);
    const reports = new Reports(up, arena, counters);
    this.#tun = new TunWriter(arena, sum, counters, this.#fd, true);
    this.#transmit = new Transmit(
      arena,
      counters,
      () => {},
      (_, messages, count) => this.#take(messages, count),
    );
    this.#outbound = new Outbound(arena, sum, this.#table, this.#transmit, this.#tun, reports, counters, sessions);
    this.#inbound = new Inbound(arena, this.#table, this.#tun, this.#outbound, reports, counters, sessions, true);
    const ciphers = new OpensslCiphers(arena);
    this.commands = new CommandHandler(arena, this.#table, ciphers, [this.#socket], sessions, false, undefined);
    this.#at = arena.allocate(140_000) + 128;
    for (const client of [1, 2, 3] as const) this.#open(client);
  }

  close(): void {
    this.commands.freeAll();
    closeSync(this.#fd);
    rmSync(this.#folder, { recursive: true });
  }

  #open(client: Client): void {
    const path = { socket: 0, local: '192.0.2.1', remote: { address: `198.51.100.${client}`, port: 4500 } };
    const transport = client !== 3;
    const inner = `${INNER[client]}/32`;
    const common = { slot: client, generation: 1, id: client, path };
    this.commands.handle({ type: 'open-session', ...common, inner: transport ? undefined : inner }, EMPTY, 0);
    const suite = SUITES[client];
    for (const direction of ['in', 'out'] as const) {
      const keys = keysOf(suite, client, direction === 'in' ? 1 : 0);
      const spi = spiOf(client, direction === 'in' ? 1 : 0);
      const selectors = { localSelector: '0.0.0.0/0', remoteSelector: '0.0.0.0/0', softBytes: undefined };
      const lengths = [keys.encryption.length, keys.salt.length, keys.integrity.length] as const;
      const command = {
        type: 'install-sa',
        slot: client,
        direction,
        spi,
        suite,
        transport,
        ...selectors,
        lengths,
      } as const;
      this.commands.handle(command, Uint8Array.of(...keys.encryption, ...keys.salt, ...keys.integrity), 0);
    }
    if (transport)
      this.commands.handle({ type: 'bind-call', slot: client, generation: 1, inner, call: callOf(client) }, EMPTY, 0);
  }

  /** A second call in the tunnel of client 1, for somebody at `SECOND`. */
  join(): void {
    this.commands.handle({ type: 'join-session', slot: 4, generation: 1, host: 1 }, EMPTY, 0);
  }

  joinAndBind(): void {
    this.join();
    const inner = `${SECOND}/32`;
    this.commands.handle({ type: 'bind-call', slot: 4, generation: 1, inner, call: SECOND_CALL }, EMPTY, 0);
  }

  /** What the client seals around a packet: its call, or the packet as it is. */
  seal(client: Client, packet: Uint8Array, call = callOf(client)): Uint8Array {
    const sequence = ++this.#sequence;
    const suite = SUITES[client];
    const sa = { spi: spiOf(client, 1), suite, keys: keysOf(suite, client, 1) };
    const iv = new Uint8Array(ivLength(suite)).fill(sequence);
    if (client === 3) return sealEsp(nodeCrypto, sa, sequence, iv, packet, 4);
    const { localTunnel: peerTunnel, localSession: peerSession } = call;
    const payload = writeTransport(packet, { ...call, peerTunnel, peerSession, port: 1701 });
    return sealEsp(nodeCrypto, sa, sequence, iv, payload, 17);
  }

  /** What transport mode carries, whatever it is. */
  sealContent(client: Client, content: Uint8Array): Uint8Array {
    const sequence = ++this.#sequence;
    const suite = SUITES[client];
    const sa = { spi: spiOf(client, 1), suite, keys: keysOf(suite, client, 1) };
    return sealEsp(nodeCrypto, sa, sequence, new Uint8Array(ivLength(suite)).fill(sequence), content, 17);
  }

  /** Packets side by side, as receive offload gives them. */
  receive(client: Client, packets: readonly Uint8Array[], call = callOf(client)): void {
    this.receiveSealed(
      client,
      packets.map((packet) => this.seal(client, packet, call)),
    );
  }

  receiveSealed(client: Client, sealed: readonly Uint8Array[]): void {
    const flow = flowOf({ socket: 0, local: '192.0.2.1', remote: { address: `198.51.100.${client}`, port: 4500 } });
    this.#arena.u8.set(Buffer.concat(sealed), this.#at);
    let at = this.#at;
    for (const { length } of sealed) {
      this.#inbound.handleEsp(at, length, flow, this.#socket, 1234);
      at += length;
    }
    this.#tun.flush();
    this.#transmit.flush();
  }

  /** A frame from the TUN, without offloads. */
  send(packet: Uint8Array): void {
    this.#arena.u8.fill(0, this.#at - 10, this.#at);
    this.#arena.u8.set(packet, this.#at);
    this.#outbound.handleFrame(this.#at - 10, packet.length + 10);
    this.#transmit.flush();
  }

  sendL2tp(client: Client, port: number, message: Uint8Array): void {
    this.#arena.u8.set(message, this.#at);
    this.#outbound.sendL2tp(this.#table.at(client)!, port, this.#at, message.length);
    this.#transmit.flush();
  }

  /** What went to the client since, opened; the sequence goes on. */
  opened(client: Client): { nextHeader: number; payload: Uint8Array }[] {
    const suite = SUITES[client];
    const sa = { spi: spiOf(client, 0), suite, keys: keysOf(suite, client, 0) };
    const mine = this.#sent.filter((packet) => new DataView(packet.buffer).getUint32(0) === sa.spi);
    for (const packet of mine) this.#sent.splice(this.#sent.indexOf(packet), 1);
    return mine.map((packet) => {
      const result = openEsp(nodeCrypto, sa, this.#windows[client - 1]!, packet);
      assert.ok(result.ok);
      return { nextHeader: result.nextHeader, payload: result.payload };
    });
  }

  /** The packets that went through the client's call. */
  called(client: Client): Uint8Array[] {
    return this.calledBy(client).map(({ packet }) => packet);
  }

  /** The same, each with our number of its call. */
  calledBy(client: Client): { session: number; packet: Uint8Array }[] {
    const calls = [callOf(client), ...(client === 1 ? [SECOND_CALL] : [])];
    const { port } = callOf(client);
    const asTheyKnowThem = calls.map((call) => ({
      ...call,
      localTunnel: call.peerTunnel,
      localSession: call.peerSession,
      peerSession: call.localSession,
    }));
    return this.opened(client).map(({ nextHeader, payload }) => {
      assert.equal(nextHeader, 17);
      assert.equal(u16(payload, 0), 1701);
      assert.equal(u16(payload, 2), port, 'to the port that the client used');
      assert.equal(u16(payload, 6), 0, 'without a checksum');
      // the client reads it as we read what comes: as sent to 1701
      const content = readTransport(
        Uint8Array.of(...payload.subarray(0, 2), 1701 >> 8, 1701 & 255, ...payload.subarray(4)),
        asTheyKnowThem,
      );
      assert.equal(content.kind, 'packet');
      if (content.kind !== 'packet') return { session: 0, packet: EMPTY };
      return { session: content.call.peerSession, packet: content.packet.slice() };
    });
  }

  /** The packets that went to the TUN. */
  delivered(): Uint8Array[] {
    const bytes = readFileSync(join(this.#folder, 'tun'));
    const packets: Uint8Array[] = [];
    for (let at = 0; at < bytes.length; at += 10 + u16(bytes, at + 12)) {
      packets.push(Uint8Array.from(bytes.subarray(at + 10, at + 10 + u16(bytes, at + 12))));
    }
    return packets;
  }

  counted(): Record<string, number> {
    const { counters } = this.#shared;
    const shown = COUNTER_NAMES.filter((name) => name.startsWith('drop_') && counters[Counter[name]] !== 0);
    return Object.fromEntries(shown.map((name) => [name, counters[Counter[name]]!]));
  }

  session(id: number, counter: keyof typeof SessionCounter): number {
    return this.#shared.sessions[id * SessionCounter.count + SessionCounter[counter]]!;
  }

  reports(): Report[] {
    const { up } = this.#shared;
    const reports: Report[] = [];
    for (let at = up.peek(); at >= 0; at = up.peek()) {
      reports.push(messageAt<Report>(up, at).head);
      up.release(at);
    }
    return reports;
  }

  #take(messages: number, count: number): number {
    const { u8, view, base } = this.#arena;
    const pointer = (at: number) => Number(view.getBigUint64(at, true)) - base;
    for (let i = 0; i < count; i++) {
      const iovec = pointer(messages - base + i * Mmsghdr.size + Mmsghdr.iovecs);
      const from = pointer(iovec + Iovec.base);
      this.#sent.push(u8.slice(from, from + view.getUint32(iovec + Iovec.length, true)));
    }
    return count;
  }
}

const data = Uint8Array.from({ length: 200 }, (_, i) => i);

test('a packet of a call arrives as it was, is counted, and shows that the client uses its SA', () => {
  const packet = ip4({ source: INNER[1], destination: US }, data);
  road.receive(1, [packet]);
  assert.deepEqual(road.delivered(), [packet]);
  assert.equal(road.session(1, 'bytesIn'), packet.length);
  assert.equal(road.session(1, 'lastInbound'), 1234);
  assert.deepEqual(road.reports(), [{ type: 'first-packet', id: 1, spi: spiOf(1, 1) }]);
  assert.deepEqual(road.counted(), {});
});

test('a packet for a call goes out in it, with its headers as they were agreed on, and only inner bytes count', () => {
  for (const client of [1, 2] as const) {
    const packet = ip4({ source: US, destination: INNER[client] }, data);
    road.send(packet);
    assert.deepEqual(road.called(client), [packet]);
    assert.equal(road.session(client, 'bytesOut'), packet.length);
  }
});

test('a message of the engines goes to its port, and counts as no packet', () => {
  road.sendL2tp(1, 1234, Uint8Array.of(1, 2, 3));
  const [{ nextHeader, payload } = { nextHeader: 0, payload: EMPTY }] = road.opened(1);
  assert.equal(nextHeader, 17);
  assert.deepEqual([...payload], [1701 >> 8, 1701 & 255, 1234 >> 8, 1234 & 255, 0, 11, 0, 0, 1, 2, 3]);
  assert.equal(road.session(1, 'packetsOut'), 0);
  road.sendL2tp(3, 1234, Uint8Array.of(1));
  assert.deepEqual(road.counted(), { drop_no_sa: 1 }, 'a client of tunnel mode has no SA for that');
});

test('packets between clients pass from call to call and between call and tunnel, and spoil none beside them', () => {
  for (const [from, to] of [
    [1, 2],
    [3, 1],
    [3, 2],
    [1, 3],
  ] as const) {
    const before = road.delivered().length;
    const across = (id: number) => ip4({ source: INNER[from], destination: INNER[to], id }, data);
    // without padding, and waiting to be joined to the next one
    const body = data.subarray(0, 198);
    const out = (id: number) => tcp4({ source: INNER[from], destination: US, id }, { sequence: id, flags: ACK }, body);
    road.receive(from, [out(1), across(2), out(3), across(4), across(5), out(6)]);
    assert.deepEqual(road.delivered().slice(before), [out(1), out(3), out(6)]);
    const got = to === 3 ? road.opened(3).map(({ payload }) => payload) : road.called(to);
    const ids = got.map((packet) => u16(packet, 4));
    assert.deepEqual(ids, [2, 4, 5]);
    for (const packet of got) assert.deepEqual(packet.subarray(20), data, `${from} to ${to}`);
  }
  assert.deepEqual(road.counted(), {});
});

test('what is too large for the peer or the path is said, fragmented or clamped, with room for all headers', () => {
  road.send(ip4({ source: US, destination: INNER[2], flags: DF }, new Uint8Array(1400)));
  assert.deepEqual(road.counted(), { drop_too_big: 1 });
  const [error] = road.delivered();
  assert.equal(error![20], 3, 'ICMP: fragmentation needed');
  const mtu = u16(error!, 26);
  assert.ok(mtu <= 1400 && mtu > 1360, `${mtu}`);
  road.send(ip4({ source: US, destination: INNER[2] }, new Uint8Array(3000)));
  const fragments = road.called(2);
  assert.ok(fragments.length === 3 && fragments.every(({ length }) => length <= mtu));
  const syn = tcp4({ source: US, destination: INNER[2] }, { flags: SYN, options: Uint8Array.of(2, 4, 5, 180) }, EMPTY);
  road.send(syn);
  assert.equal(u16(road.called(2)[0]!, 42), mtu - 40, 'the MSS');
});

test('without its call a client is neither reached nor heard', () => {
  road.commands.handle({ type: 'unbind-call', slot: 1 }, EMPTY, 0);
  road.send(ip4({ source: US, destination: INNER[1] }, data));
  assert.deepEqual(road.counted(), { drop_no_session: 1 });
  road.receive(1, [ip4({ source: INNER[1], destination: US }, data)]);
  assert.deepEqual(road.delivered(), []);
  assert.deepEqual(
    road.reports().map(({ type }) => type),
    ['l2tp'],
    'it is for the engines to judge',
  );
});

test('two calls of one tunnel: each has its own address and counters, and both go by the same SAs', () => {
  road.joinAndBind();
  const [first, second] = [INNER[1], SECOND].map((source) => ip4({ source, destination: US }, data));
  road.receive(1, [first!]);
  road.receive(1, [second!], SECOND_CALL);
  assert.deepEqual(road.delivered(), [first, second]);
  assert.deepEqual([road.session(1, 'packetsIn'), road.session(4, 'packetsIn')], [1, 1]);
  assert.equal(road.session(4, 'lastInbound'), 1234);
  for (const destination of [INNER[1], SECOND, INNER[1], SECOND]) road.send(ip4({ source: US, destination }, data));
  assert.deepEqual(
    road.calledBy(1).map(({ session, packet }) => [session, packet.subarray(16, 20).join('.')]),
    [
      [21, INNER[1]],
      [99, SECOND],
      [21, INNER[1]],
      [99, SECOND],
    ],
  );
  assert.deepEqual([road.session(1, 'packetsOut'), road.session(4, 'packetsOut')], [2, 2]);
  assert.deepEqual(road.counted(), {});
});

test('two calls of one tunnel: neither sends with the address of the other, and no other tunnel has either', () => {
  road.joinAndBind();
  road.receive(1, [ip4({ source: SECOND, destination: US }, data)]);
  road.receive(1, [ip4({ source: INNER[1], destination: US }, data)], SECOND_CALL);
  assert.deepEqual(road.counted(), { drop_inner_source: 2 });
  road.receiveSealed(2, [road.seal(2, ip4({ source: SECOND, destination: US }, data), SECOND_CALL)]);
  road.receiveSealed(2, [road.seal(2, ip4({ source: INNER[2], destination: US }, data), SECOND_CALL)]);
  assert.deepEqual(road.counted(), { drop_inner_source: 2, drop_l2tp_session: 2 });
  assert.deepEqual(road.delivered(), []);
});

test('two calls of one tunnel: packets pass between them as between any clients', () => {
  road.joinAndBind();
  road.receive(1, [ip4({ source: INNER[1], destination: SECOND }, data)]);
  const [{ session, packet } = { session: 0, packet: EMPTY }] = road.calledBy(1);
  assert.equal(session, 99);
  assert.deepEqual(packet.subarray(20), data);
  assert.deepEqual(road.counted(), {});
});

test('two calls of one tunnel: each is told its own MTU', () => {
  road.joinAndBind();
  for (const [i, destination] of [INNER[1], SECOND].entries()) {
    road.send(ip4({ source: US, destination, flags: DF }, new Uint8Array(1390)));
    assert.equal(u16(road.delivered()[i]!, 26), i === 0 ? 1400 : 1300);
  }
});

test('a call that is not up yet is the engines’, beside one that is; its packets are nobody’s', () => {
  road.join();
  road.receive(1, [ip4({ source: SECOND, destination: US }, data)], SECOND_CALL);
  assert.deepEqual(road.counted(), { drop_l2tp_session: 1 });
  assert.deepEqual(road.reports(), []);
  const { localTunnel: tunnelId, localSession: sessionId } = SECOND_CALL;
  const lcp = Uint8Array.of(0xc0, 0x21, 1, 1, 0, 4);
  const message = encodeL2tpData({ tunnelId, sessionId, ns: undefined, payload: lcp });
  road.receiveSealed(1, [road.sealContent(1, encodeUdp({ source: 1701, destination: 1701, payload: message }))]);
  assert.deepEqual(road.reports(), [{ type: 'l2tp', id: 1, port: 1701 }]);
});

test('two calls of one tunnel end alone, or both with their session', () => {
  const reach = () => {
    for (const destination of [INNER[1], SECOND]) road.send(ip4({ source: US, destination }, data));
    return road.calledBy(1).map(({ session }) => session);
  };
  road.joinAndBind();
  road.commands.handle({ type: 'unbind-call', slot: 1 }, EMPTY, 0);
  assert.deepEqual(reach(), [99]);
  const bind = { type: 'bind-call', slot: 1, generation: 2, inner: `${INNER[1]}/32`, call: callOf(1) } as const;
  road.commands.handle(bind, EMPTY, 0);
  assert.deepEqual(reach(), [21, 99]);
  assert.deepEqual(
    [road.session(1, 'generation'), road.session(1, 'packetsOut')],
    [2, 1],
    'it counts from its own beginning',
  );
  road.commands.handle({ type: 'close-session', slot: 4 }, EMPTY, 0);
  assert.deepEqual(reach(), [21]);
  road.joinAndBind();
  assert.deepEqual(reach(), [21, 99]);
  road.commands.handle({ type: 'close-session', slot: 1 }, EMPTY, 0);
  assert.deepEqual(reach(), []);
  assert.deepEqual(road.counted(), { drop_no_session: 4 });
});
