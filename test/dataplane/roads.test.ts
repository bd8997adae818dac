/**
 * The roads in and out on arena bytes, without TUN, sockets or root: who may send what to whom, and what is counted.
 *
 * Long because each packet is held against the same sessions, side by side.
 */
import assert from 'node:assert/strict';
import { closeSync, mkdtempSync, openSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, test } from 'node:test';
import { EMPTY } from '../../src/core/bytes/bytes.ts';
import type { EspSuite } from '../../src/core/crypto/algorithms.ts';
import { openEsp } from '../../src/core/esp/open.ts';
import { ReplayWindow } from '../../src/core/esp/replay.ts';
import { sealEsp } from '../../src/core/esp/seal.ts';
import { Arena } from '../../src/dataplane/arena.ts';
import { createSum } from '../../src/dataplane/checksum.ts';
import { TunWriter } from '../../src/dataplane/coalesce.ts';
import { CommandHandler } from '../../src/dataplane/commands.ts';
import { COUNTER_NAMES, Counter, SessionCounter } from '../../src/dataplane/counters.ts';
import { Inbound } from '../../src/dataplane/inbound.ts';
import { SEQUENCE_END, SEQUENCE_REKEY } from '../../src/dataplane/limits.ts';
import { messageAt, type Report } from '../../src/dataplane/messages.ts';
import { OpensslCiphers } from '../../src/dataplane/openssl-ciphers.ts';
import { Outbound } from '../../src/dataplane/outbound.ts';
import { type Flow, flowOf } from '../../src/dataplane/path.ts';
import { Reports } from '../../src/dataplane/reports.ts';
import { sealedLength } from '../../src/dataplane/sa.ts';
import { SessionTable } from '../../src/dataplane/session-table.ts';
import { Shared } from '../../src/dataplane/shared.ts';
import { Transmit } from '../../src/dataplane/transmit.ts';
import type { WorkerSocket } from '../../src/dataplane/worker-socket.ts';
import { nodeCrypto } from '../../src/host/crypto/node-crypto.ts';
import { Seeded } from '../seeded.ts';
import { keysOf, spiOf } from './lab/keys.ts';
import { checksum, DF, ip4, SYN, setU16, tcp4, u16 } from './packets.ts';

const suite: EspSuite = { cipher: 'aes-gcm', keyBits: 128 };
const US = '10.8.0.1';
const CLIENT = '10.8.0.2';
const OTHER = '10.8.0.3';
/** A file stands for the TUN, and for the sockets: what is sent there fails, and is counted. */
const folder = mkdtempSync(join(tmpdir(), 'sallyport-roads-'));
process.on('exit', () => rmSync(folder, { recursive: true }));

let road: Road;
beforeEach(() => {
  road = new Road(false);
});
afterEach(() => road.close());

class Road {
  readonly fd = openSync(join(folder, 'tun'), 'w');
  readonly arena = new Arena();
  readonly shared = new Shared();
  readonly table = new SessionTable();
  readonly sockets: WorkerSocket[] = (['nat-t', 'cisco-udp', 'esp'] as const).map((role) => ({
    fd: this.fd,
    role,
    family: 2,
    address: '0.0.0.0',
    port: 4500,
    wildcard: true,
    gso: true,
  }));
  readonly tun: TunWriter;
  readonly transmit: Transmit;
  readonly outbound: Outbound;
  readonly inbound: Inbound;
  readonly commands: CommandHandler;
  readonly at: number;

  constructor(clientToClient: boolean) {
    const { arena, shared, table } = this;
    const { counters, sessions } = shared;
    const sum = createSum(arena);
    const reports = new Reports(shared.up, arena, counters);
    this.tun = new TunWriter(arena, sum, counters, this.fd, true);
    this.transmit = new Transmit(arena, counters, () => {});
    this.outbound = new Outbound(arena, sum, table, this.transmit, this.tun, reports, counters, sessions);
    this.inbound = new Inbound(arena, table, this.tun, this.outbound, reports, counters, sessions, clientToClient);
    this.commands = new CommandHandler(
      arena,
      table,
      new OpensslCiphers(arena),
      this.sockets,
      sessions,
      false,
      undefined,
    );
    this.at = arena.allocate(70_000) + 128;
  }

  close(): void {
    this.commands.freeAll();
    closeSync(this.fd);
  }

  openSession(id: number, inner: string, socket = 0, port = 4500): void {
    const path = { socket, local: '192.0.2.1', remote: { address: `198.51.100.${id}`, port } };
    this.commands.handle({ type: 'open-session', slot: id, generation: 1, id, inner, path }, EMPTY, 0);
  }

  installSa(
    slot: number,
    direction: 'in' | 'out',
    spi: number,
    selectors: { local?: string; remote?: string; softBytes?: number } = {},
  ): void {
    const keys = keysOf(suite, slot, direction === 'in' ? 1 : 0);
    this.commands.handle(
      {
        type: 'install-sa',
        transport: false,
        slot,
        direction,
        spi,
        suite,
        localSelector: selectors.local ?? '0.0.0.0/0',
        remoteSelector: selectors.remote ?? '0.0.0.0/0',
        softBytes: selectors.softBytes,
        lengths: [keys.encryption.length, keys.salt.length, keys.integrity.length],
      },
      Uint8Array.of(...keys.encryption, ...keys.salt, ...keys.integrity),
      0,
    );
  }

  /** As usual: one client with an SA pair. */
  openClient(id = 1, inner = `${CLIENT}/32`): void {
    this.openSession(id, inner);
    this.installSa(id, 'in', spiOf(id, 1));
    this.installSa(id, 'out', spiOf(id, 0));
  }

  /** Seals as the client does, and receives. */
  receive(
    payload: Uint8Array,
    options: Partial<{ id: number; sequence: number; next: number; flow: Flow }> = {},
  ): void {
    const { id = 1, sequence = ++this.#sequence, next = 4 } = options;
    const sa = { spi: spiOf(id, 1), suite, keys: keysOf(suite, id, 1) };
    const iv = Uint8Array.of(0, 0, 0, 0, sequence >>> 24, sequence >>> 16, sequence >>> 8, sequence);
    this.receiveRaw(sealEsp(nodeCrypto, sa, sequence, iv, payload, next), options.flow ?? this.flow(id));
  }

  #sequence = 0;

  receiveRaw(packet: Uint8Array, flow = this.flow(1)): void {
    this.arena.u8.set(packet, this.at);
    this.inbound.handleEsp(this.at, packet.length, flow, this.sockets[flow.socket]!, 1234);
    this.tun.flush();
  }

  flow(id: number, changed: { socket?: number; port?: number; local?: string; address?: string } = {}): Flow {
    const { socket = 0, port = 4500, local = '192.0.2.1', address = `198.51.100.${id}` } = changed;
    return flowOf({ socket, local, remote: { address, port } });
  }

  /** A frame from the TUN, without offloads. */
  send(packet: Uint8Array): void {
    this.arena.u8.fill(0, this.at - 10, this.at);
    this.arena.u8.set(packet, this.at);
    this.outbound.handleFrame(this.at - 10, packet.length + 10);
  }

  /** The packets that went to the TUN. */
  delivered(): Uint8Array[] {
    const bytes = readFileSync(join(folder, 'tun'));
    const packets: Uint8Array[] = [];
    for (let at = 0; at < bytes.length; ) {
      const length = u16(bytes, at + 12);
      packets.push(Uint8Array.from(bytes.subarray(at + 10, at + 10 + length)));
      at += 10 + length;
    }
    return packets;
  }

  reports(): Report[] {
    const reports: Report[] = [];
    const { up } = this.shared;
    for (let at = up.peek(); at >= 0; at = up.peek()) {
      reports.push(messageAt<Report>(up, at).head);
      up.release(at);
    }
    return reports;
  }

  /** All counters that aren't zero, but those of plain traffic. */
  counted(): Record<string, number> {
    const { counters } = this.shared;
    const shown = COUNTER_NAMES.filter(
      (name) => !/^(esp|tun|send|receive)_/.test(name) && counters[Counter[name]] !== 0,
    );
    return Object.fromEntries(shown.map((name) => [name, counters[Counter[name]]!]));
  }

  session(id: number, counter: keyof typeof SessionCounter): number {
    return this.shared.sessions[id * SessionCounter.count + SessionCounter[counter]]!;
  }
}

const data = Uint8Array.from({ length: 100 }, (_, i) => i);
const fromClient = (payload = data) => ip4({ source: CLIENT, destination: US }, payload);

test('a packet of the client arrives as it was, and is counted with its time', () => {
  road.openClient();
  road.receive(fromClient());
  assert.deepEqual(road.delivered(), [fromClient()]);
  assert.deepEqual(road.counted(), {});
  assert.equal(road.session(1, 'packetsIn'), 1);
  assert.equal(road.session(1, 'bytesIn'), fromClient().length);
  assert.equal(road.session(1, 'lastInbound'), 1234);
  assert.deepEqual(road.reports(), [{ type: 'first-packet', id: 1, spi: spiOf(1, 1) }]);
});

test('congestion on the way is told to a flow that knows it, and costs another the packet (RFC 6040)', () => {
  road.openClient();
  const packet = (ecn: number): Uint8Array => {
    const bytes = fromClient();
    bytes[1] = 0xb8 | ecn;
    bytes.fill(0, 10, 12);
    setU16(bytes, 10, checksum(bytes.subarray(0, 20)));
    return bytes;
  };
  const marked = Object.assign(road.flow(1), { congested: true });
  for (const ecn of [0, 1, 2, 3]) road.receive(packet(ecn), { flow: marked });
  for (const ecn of [0, 1, 2, 3]) road.receive(packet(ecn));
  const ce = packet(3);
  assert.deepEqual(road.delivered(), [ce, ce, ce, packet(0), packet(1), packet(2), packet(3)]);
  assert.deepEqual(road.counted(), { congestion_marks: 3, drop_congestion: 1 });
  assert.equal(road.session(1, 'packetsIn'), 7);
});

test('padding behind the inner packet is cut off', () => {
  road.openClient();
  road.receive(Uint8Array.of(...fromClient(), ...new Uint8Array(300)));
  assert.deepEqual(road.delivered(), [fromClient()]);
});

test('what an authentic packet holds is checked all the same', () => {
  road.openSession(1, `${CLIENT}/32`);
  road.installSa(1, 'in', spiOf(1, 1), { local: '10.8.0.0/24' });
  const cases: [string, Uint8Array, number?][] = [
    ['drop_inner_source', ip4({ source: OTHER, destination: US }, data)],
    ['drop_inner_destination', ip4({ source: CLIENT, destination: '10.9.0.1' }, data)],
    ['drop_inner_header', fromClient().subarray(0, 19)],
    ['drop_inner_header', fromClient().subarray(0, 119)],
    ['drop_inner_header', Uint8Array.of(0x65, ...fromClient().subarray(1))],
    ['drop_inner_header', Uint8Array.of(0x44, ...fromClient().subarray(1))],
    ['drop_inner_header', EMPTY],
    ['drop_inner_ipv6', fromClient(), 41],
    ['drop_dummy', fromClient(), 59],
    ['drop_next_header', fromClient(), 17],
  ];
  for (const [counter, packet, next = 4] of cases) {
    const before = road.counted()[counter] ?? 0;
    road.receive(packet, { next });
    assert.equal(road.counted()[counter], before + 1, counter);
  }
  assert.deepEqual(road.delivered(), []);
  assert.equal(road.session(1, 'packetsIn'), 0);
});

test("the session's inner prefix holds even where the SA's selector is wider", () => {
  road.openClient();
  road.receive(ip4({ source: OTHER, destination: US }, data));
  assert.deepEqual(road.counted(), { drop_inner_source: 1 });
});

test("the SA's remote selector holds even where the session's prefix is wider", () => {
  road.openSession(1, '10.8.0.0/16');
  road.installSa(1, 'in', spiOf(1, 1), { remote: `${CLIENT}/32` });
  road.receive(ip4({ source: OTHER, destination: US }, data));
  assert.deepEqual(road.counted(), { drop_inner_source: 1 });
});

test('a forged packet changes nothing: not the path, not the window, not the time', () => {
  road.openClient();
  const forged = new Uint8Array(140).fill(7);
  new DataView(forged.buffer).setUint32(0, spiOf(1, 1));
  new DataView(forged.buffer).setUint32(4, 50);
  road.receiveRaw(forged, road.flow(1, { port: 9999 }));
  assert.deepEqual(road.counted(), { drop_authentication: 1 });
  assert.deepEqual(road.reports(), []);
  assert.equal(road.session(1, 'lastInbound'), 0);
  road.receive(fromClient(), { sequence: 50 });
  assert.equal(road.delivered().length, 1);
});

test('a replay is dropped, from wherever it comes', () => {
  road.openClient();
  road.receive(fromClient(), { sequence: 5 });
  road.receive(fromClient(), { sequence: 5, flow: road.flow(1, { port: 9999 }) });
  assert.deepEqual(road.counted(), { drop_replay: 1 });
});

test('the peer is followed to a new address by its newest packet, never by one that was held back', () => {
  road.openClient();
  road.receive(fromClient(), { sequence: 10 });
  road.reports();
  const elsewhere = road.flow(1, { address: '203.0.113.9', port: 1024 });
  road.receive(fromClient(), { sequence: 9, flow: elsewhere });
  assert.deepEqual(road.reports(), []);
  road.receive(fromClient(), { sequence: 11, flow: elsewhere });
  assert.deepEqual(road.reports(), [
    {
      type: 'path-change',
      id: 1,
      carrier: 'nat-t',
      local: { address: '192.0.2.1', port: 4500 },
      remote: { address: '203.0.113.9', port: 1024 },
    },
  ]);
  assert.equal(road.delivered().length, 3);
});

test('a dummy packet proves where the peer is as well as any', () => {
  road.openClient();
  road.receive(EMPTY, { next: 59, flow: road.flow(1, { port: 5000 }) });
  assert.deepEqual(
    road.reports().map(({ type }) => type),
    ['first-packet', 'path-change'],
  );
});

test('a pair of plain tunnel mode is followed from carrier to carrier', () => {
  road.openSession(1, `${CLIENT}/32`, 2, 0);
  road.installSa(1, 'in', spiOf(1, 1));
  road.receive(fromClient(), { flow: road.flow(1, { socket: 2 }) });
  const carriers: (string | undefined)[] = [];
  for (const socket of [1, 2, 0, 1]) {
    road.reports();
    road.receive(fromClient(), { flow: road.flow(1, { socket, address: '203.0.113.9' }) });
    const report = road.reports().find(({ type }) => type === 'path-change');
    carriers.push(report?.type === 'path-change' ? report.carrier : undefined);
  }
  assert.deepEqual(carriers, ['cisco-udp', 'esp', undefined, 'cisco-udp'], 'NAT-T has modes of its own');
});

test('a pair made for NAT-T stays with it', () => {
  road.openClient();
  for (const socket of [1, 2]) road.receive(fromClient(), { flow: road.flow(1, { socket }) });
  assert.deepEqual(road.counted(), {});
  assert.deepEqual(
    road.reports().map(({ type }) => type),
    ['first-packet'],
  );
});

test('raw ESP never roams', () => {
  road.openSession(1, `${CLIENT}/32`, 2, 0);
  road.installSa(1, 'in', spiOf(1, 1));
  road.receive(fromClient(), { flow: road.flow(1, { socket: 2, address: '203.0.113.9' }) });
  assert.deepEqual(road.counted(), {});
  assert.equal(road.delivered().length, 1);
});

test('a report that found the ring full is made later', () => {
  road.openClient();
  const { up } = road.shared;
  while (up.reserve(1000) >= 0) up.publish();
  while (up.reserve(0) >= 0) up.publish();
  road.receive(fromClient(), { flow: road.flow(1, { port: 5000 }) });
  for (let at = up.peek(); at >= 0; at = up.peek()) up.release(at);
  road.receive(fromClient(), { flow: road.flow(1, { port: 5000 }) });
  assert.deepEqual(
    road.reports().map(({ type }) => type),
    ['first-packet', 'path-change'],
  );
});

test('one session reaches another only where that is allowed', () => {
  const packet = ip4({ source: CLIENT, destination: OTHER, ttl: 2 }, data);
  road.openClient();
  road.openClient(2, `${OTHER}/32`);
  road.receive(packet);
  assert.deepEqual(road.counted(), { drop_client_to_client: 1 });
  road.close();

  road = new Road(true);
  road.openClient();
  road.openClient(2, `${OTHER}/32`);
  road.receive(packet);
  assert.equal(road.session(2, 'packetsOut'), 1);
  assert.deepEqual(road.delivered(), []);
  road.receive(ip4({ source: CLIENT, destination: OTHER, ttl: 1 }, data));
  assert.deepEqual(road.counted(), { drop_ttl: 1 });
});

test('what is sent opens at the client with the bytes that the TUN gave', () => {
  road.openClient();
  const packet = ip4({ source: US, destination: CLIENT, flags: DF }, data);
  road.send(packet);
  // It waits in the queue, right before where the next one would go.
  const length = sealedLength(road.table.at(1)!.outbound[0]!.sealer, packet.length);
  const session = road.table.at(1)!;
  const at = road.transmit.reserve(session, 1) - length;
  const sent = road.arena.u8.slice(at, at + length);
  const sa = { spi: spiOf(1, 0), suite, keys: keysOf(suite, 1, 0) };
  assert.deepEqual(openEsp(nodeCrypto, sa, new ReplayWindow(), sent), {
    ok: true,
    sequence: 1,
    nextHeader: 4,
    payload: packet,
  });
});

test('out: no session, no SA for the source, no port of the peer, no IPv4', () => {
  road.openSession(1, `${CLIENT}/32`, 1, 0);
  road.send(ip4({ source: US, destination: OTHER }, data));
  road.send(ip4({ source: US, destination: CLIENT }, data));
  road.installSa(1, 'out', 0x2000, { local: '10.1.0.0/16' });
  road.send(ip4({ source: US, destination: CLIENT }, data));
  road.send(ip4({ source: '10.1.2.3', destination: CLIENT }, data));
  road.send(new Uint8Array(40).fill(0x60));
  assert.deepEqual(road.counted(), {
    drop_no_session: 1,
    drop_no_sa: 2,
    drop_no_peer_port: 1,
    drop_tun_frame: 1,
  });
});

test('the newest SA whose selectors hold the packet carries it, and the older one when that is gone', () => {
  road.openSession(1, '10.20.0.0/16');
  road.installSa(1, 'out', 0x2001, { local: '10.1.0.0/16' });
  road.installSa(1, 'out', 0x2002, { local: '10.2.0.0/16' });
  road.installSa(1, 'out', 0x2003, { local: '10.1.0.0/16', remote: '10.20.5.0/24' });
  const used = (source: string, destination: string) => {
    const before = road.table.at(1)!.outbound.map((sa) => sa.sequence);
    road.send(ip4({ source, destination }, data));
    return road.table.at(1)!.outbound.find((sa, i) => sa.sequence !== before[i])?.spi;
  };
  assert.equal(used('10.1.0.1', '10.20.5.1'), 0x2003);
  assert.equal(used('10.1.0.1', '10.20.6.1'), 0x2001);
  assert.equal(used('10.2.0.1', '10.20.5.1'), 0x2002);
  road.commands.handle({ type: 'remove-sa', slot: 1, direction: 'out', spi: 0x2003 }, EMPTY, 0);
  assert.equal(used('10.1.0.1', '10.20.5.1'), 0x2001);
});

test('a rekey is asked for once, by volume or by number, and the numbers never go round', () => {
  road.openClient();
  const [sa] = road.table.at(1)!.outbound;
  const packet = ip4({ source: US, destination: CLIENT }, data);
  road.send(packet);
  assert.deepEqual(road.reports(), []);
  sa!.sequence = SEQUENCE_REKEY - 1;
  for (let i = 0; i < 3; i++) road.send(packet);
  assert.deepEqual(road.reports(), [{ type: 'rekey-needed', id: 1, spi: spiOf(1, 0) }]);
  sa!.sequence = SEQUENCE_END - 1;
  for (let i = 0; i < 3; i++) road.send(packet);
  assert.deepEqual(road.counted(), { drop_sequence_end: 2 });
  assert.equal(road.session(1, 'packetsOut'), 5);

  road.openSession(2, `${OTHER}/32`);
  road.installSa(2, 'out', 0x3000, { softBytes: 300 });
  for (let i = 0; i < 5; i++) road.send(ip4({ source: US, destination: OTHER }, data));
  assert.deepEqual(road.reports(), [{ type: 'rekey-needed', id: 2, spi: 0x3000 }]);
});

test('too large: with DF an ICMP error goes back, without it leaves in fragments', () => {
  road.openClient();
  const session = road.table.at(1)!;
  session.setPathMtu(576);
  const most = session.outbound[0]!.maxContent;
  road.send(ip4({ source: US, destination: CLIENT, flags: DF }, new Uint8Array(most - 20)));
  assert.equal(road.session(1, 'packetsOut'), 1);
  road.send(ip4({ source: US, destination: CLIENT, flags: DF }, new Uint8Array(most - 19)));
  assert.equal(road.session(1, 'packetsOut'), 1);
  assert.deepEqual(road.counted(), { drop_too_big: 1, icmp_too_big_sent: 1 });
  const [error] = road.delivered();
  assert.deepEqual([error![20], error![21], u16(error!, 26)], [3, 4, most]);
  road.send(ip4({ source: US, destination: CLIENT }, new Uint8Array(1300)));
  assert.equal(road.session(1, 'packetsOut'), 1 + Math.ceil(1300 / ((most - 20) & ~7)));
});

test("a client's SYN is clamped on its way in", () => {
  road.openClient();
  const options = Uint8Array.of(2, 4, 0xff, 0xff);
  road.receive(tcp4({ source: CLIENT, destination: US }, { flags: SYN, options }, EMPTY));
  const [syn] = road.delivered();
  assert.equal(u16(syn!, 42), road.table.at(1)!.outbound[0]!.maxContent - 40);
});

test('after the session is closed nothing of it is known', () => {
  road.openClient();
  road.commands.handle({ type: 'close-session', slot: 1 }, EMPTY, 0);
  road.receive(fromClient());
  road.send(ip4({ source: US, destination: CLIENT }, data));
  assert.deepEqual(road.counted(), { drop_unknown_spi: 1, drop_no_session: 1 });
});

test('random bytes from the network never throw', () => {
  road.openClient();
  const random = new Seeded(8);
  for (let i = 0; i < 5000; i++) {
    const packet = random.bytes(random.below(200));
    if (packet.length >= 8 && random.below(2) === 0) new DataView(packet.buffer).setUint32(0, spiOf(1, 1));
    road.receiveRaw(packet);
    road.send(packet);
    // Whatever an authentic peer may wrap.
    road.receive(packet, { next: random.below(3) === 0 ? 59 : 4 });
  }
  assert.ok(road.counted().drop_malformed! > 100);
});
