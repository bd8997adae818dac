/** The worker's cTCP without sockets: two ends joined by what they would send, and the bounds of one end under attack. */
import assert from 'node:assert/strict';
import { beforeEach, test } from 'node:test';
import { concat } from '../../src/core/bytes/bytes.ts';
import { fromUtf8, utf8 } from '../../src/core/bytes/text.ts';
import { MAX_PARTIAL } from '../../src/core/carrier/ctcp-stream.ts';
import { ipFromBytes } from '../../src/core/net/address.ts';
import { CTCP_TRAILER, CtcpProtocol, writeTrailer } from '../../src/core/wire/ctcp.ts';
import {
  emptySegment,
  readSegment,
  TcpFlag,
  type TcpSegment,
  tcpChecksum,
  writeHeader,
} from '../../src/core/wire/tcp.ts';
import { Arena } from '../../src/dataplane/arena.ts';
import { createSum } from '../../src/dataplane/checksum.ts';
import { Counter, type CounterName } from '../../src/dataplane/counters.ts';
import { Flows } from '../../src/dataplane/flows.ts';
import { KeyedHash } from '../../src/dataplane/keyed-hash.ts';
import {
  FLOW_IDLE,
  FLOW_NEWCOMER_IDLE,
  MAX_HELD_BYTES,
  MAX_NEWCOMERS,
  MAX_NEWCOMERS_PER_ADDRESS,
  MAX_RESETS_PER_SECOND,
  SYN_ATTEMPTS,
} from '../../src/dataplane/limits.ts';
import { messageAt, putMessage, type Report } from '../../src/dataplane/messages.ts';
import { Flow, flowOf, LOCAL, REMOTE } from '../../src/dataplane/path.ts';
import { Reports } from '../../src/dataplane/reports.ts';
import { Shared } from '../../src/dataplane/shared.ts';
import { TcpSender } from '../../src/dataplane/tcp-sender.ts';
import { type Send, Transmit } from '../../src/dataplane/transmit.ts';
import type { WorkerSocket } from '../../src/dataplane/worker-socket.ts';
import { Iovec, Mmsghdr, Sockaddr } from '../../src/ffi/structs.ts';
import { Seeded } from '../seeded.ts';

const { ACK, PSH, RST, SYN } = TcpFlag;
const SERVER = '192.0.2.1';
const CLIENT = '198.51.100.2';
const PORT = 10_000;
const OWN_PORT = 40_000;

interface Sent {
  readonly to: string;
  readonly segment: Uint8Array<ArrayBuffer>;
}

class Side {
  readonly arena = new Arena();
  readonly shared = new Shared();
  readonly sent: Sent[] = [];
  readonly heard: string[] = [];
  /** Whether ESP proves authentic. */
  authentic = true;
  settled = 0;
  readonly flows: Flows;
  readonly #sender: TcpSender;
  readonly #transmit: Transmit;
  readonly socket: WorkerSocket;
  readonly #address: string;
  readonly #at: number;

  constructor(address: string, ports: readonly number[]) {
    const { arena, shared } = this;
    const { counters } = shared;
    const sum = createSum(arena);
    this.#address = address;
    this.socket = { fd: 9, role: 'cisco-tcp', family: 2, address: '0.0.0.0', port: 0, wildcard: true, gso: false };
    this.#transmit = new Transmit(arena, counters, () => {}, this.#send);
    this.#sender = new TcpSender(arena, sum, this.#transmit, counters, this.#send);
    const handler = {
      ike: (carrier: string, at: number, length: number) => {
        this.heard.push(`${carrier} ${fromUtf8(arena.u8.slice(at, at + length))}`);
      },
      esp: (at: number, length: number) => {
        this.heard.push(`esp ${fromUtf8(arena.u8.slice(at, at + length))}`);
        return this.authentic;
      },
      settle: () => {
        this.settled++;
      },
    };
    const reports = new Reports(shared.up, arena, counters);
    this.flows = new Flows(arena, this.#sender, reports, counters, handler, new KeyedHash(arena), ports, true);
    this.#at = arena.allocate(70_000);
  }

  set now(now: number) {
    this.#sender.now = now;
  }

  /** A segment from elsewhere, and what it makes us send. */
  receive(from: string, segment: Uint8Array): Sent[] {
    const ends = new Flow();
    ends.socket = 0;
    ends.words[REMOTE] = new DataView(Uint8Array.from(from.split('.'), Number).buffer).getUint32(0);
    ends.words[LOCAL] = new DataView(Uint8Array.from(this.#address.split('.'), Number).buffer).getUint32(0);
    this.arena.u8.set(segment, this.#at);
    this.flows.receive(this.#at, segment.length, ends, this.socket);
    return this.drain();
  }

  drain(): Sent[] {
    this.flows.flush();
    this.#transmit.flush();
    return this.sent.splice(0);
  }

  open(port = OWN_PORT): Sent[] {
    this.flows.open(pathTo(this.#address, port, SERVER, PORT), this.socket);
    return this.drain();
  }

  close(port = OWN_PORT): Sent[] {
    this.flows.close(pathTo(this.#address, port, SERVER, PORT), this.socket);
    return this.drain();
  }

  sendIke(text: string, ends = pathTo(this.#address, OWN_PORT, SERVER, PORT)): Sent[] {
    assert.ok(this.flows.sendIke(ends, utf8(text)));
    return this.drain();
  }

  count(name: CounterName): number {
    return this.shared.counters[Counter[name]]!;
  }

  reports(): string[] {
    const { up } = this.shared;
    const all: string[] = [];
    for (let at = up.peek(); at >= 0; at = up.peek()) {
      const { head } = messageAt<Report>(up, at);
      all.push(head.type === 'flow-closed' ? `closed: ${head.reason}` : head.type);
      up.release(at);
    }
    return all;
  }

  readonly #send: Send = (_fd, messages, count) => {
    const { u8, view, base } = this.arena;
    const pointer = (at: number) => Number(view.getBigUint64(at, true)) - base;
    for (let i = 0; i < count; i++) {
      const message = messages - base + i * Mmsghdr.size;
      const iovec = pointer(message + Mmsghdr.iovecs);
      const from = pointer(iovec + Iovec.base);
      const name = pointer(message + Mmsghdr.name) + Sockaddr.v4Address;
      const segment = u8.slice(from, from + view.getUint32(iovec + Iovec.length, true));
      const to = ipFromBytes(u8.slice(name, name + 4));
      const own = Uint8Array.from(this.#address.split('.'), Number);
      assert.equal(tcpChecksum(own, to.bytes, segment), 0, 'the checksum is right by the reference');
      this.sent.push({ to: to.text, segment });
    }
    return count;
  };
}

function pathTo(local: string, localPort: number, remote: string, port: number): Flow {
  return flowOf({ socket: 0, local, localPort, remote: { address: remote, port } });
}

function read(segment: Uint8Array<ArrayBuffer>): TcpSegment {
  const into = emptySegment();
  assert.ok(readSegment(segment, 0, segment.length, into));
  return into;
}

function made(fields: Partial<TcpSegment>, payload = new Uint8Array(0)): Uint8Array<ArrayBuffer> {
  const header = new Uint8Array(20);
  const whole = { ...emptySegment(), sourcePort: OWN_PORT, destinationPort: PORT, window: 65_535, headerLength: 20 };
  writeHeader(header, 0, { ...whole, flags: ACK, ...fields });
  return concat(header, payload);
}

function espSegment(text: string): Uint8Array<ArrayBuffer> {
  const trailer = new Uint8Array(CTCP_TRAILER);
  writeTrailer(trailer, 0, CtcpProtocol.ESP, 1, 0);
  return concat(utf8(text), trailer);
}

let server: Side;
let client: Side;
beforeEach(() => {
  server = new Side(SERVER, [PORT]);
  client = new Side(CLIENT, []);
  server.now = 1000;
  client.now = 1000;
});

/** Carries segments to and fro until all is quiet. */
function carry(fromClient: readonly Sent[]): void {
  for (let up = fromClient; up.length > 0; ) {
    const down = up.flatMap(({ segment }) => server.receive(CLIENT, segment));
    up = down.flatMap(({ segment }) => client.receive(SERVER, segment));
  }
}

/** A flow to the server from a made-up client, by its three segments. */
function accept(from: string, sourcePort: number): { readonly sequence: number; readonly acknowledgment: number } {
  const [synAck] = server.receive(from, made({ sourcePort, flags: SYN, sequence: 7000 }));
  const acknowledgment = (read(synAck!.segment).sequence + 1) >>> 0;
  server.receive(from, made({ sourcePort, sequence: 7001, acknowledgment }));
  return { sequence: 7001, acknowledgment };
}

test('a flow is opened, carries IKE both ways, and is ended', () => {
  carry(client.open());
  assert.deepEqual(client.reports(), ['flow-opened']);
  carry(client.sendIke('hello'));
  assert.deepEqual(server.heard, ['cisco-tcp hello']);
  const answer = server.sendIke('welcome', pathTo(SERVER, PORT, CLIENT, OWN_PORT));
  assert.deepEqual(
    answer.map(({ segment }) => read(segment).flags),
    [PSH | ACK],
  );
  for (const { segment } of answer) carry(client.receive(SERVER, segment));
  assert.deepEqual(client.heard, ['cisco-tcp welcome']);
  carry(client.close());
  assert.equal(server.flows.size, 0);
  assert.equal(server.count('flows_closed'), 1);
  assert.deepEqual(
    client.reports(),
    ['flow-left'],
    'who closes a flow may give its port back, and needs not be told of an end',
  );
});

test('that a flow was left is said later where there is no room to say it: its port would be held for ever', () => {
  for (const port of [OWN_PORT, OWN_PORT + 1]) carry(client.open(port));
  client.reports();
  const noise: Report = { type: 'first-packet', id: 1, spi: 1 };
  while (putMessage(client.shared.up, noise, [], (ring, length) => ring.reserve(length)));
  for (const port of [OWN_PORT, OWN_PORT + 1]) carry(client.close(port));
  assert.ok(!client.reports().includes('flow-left'));
  client.flows.tick();
  client.flows.tick();
  assert.deepEqual(client.reports(), ['flow-left', 'flow-left']);
});

test('a server keeps nothing of SYNs, however many', () => {
  const random = new Seeded(1);
  for (let i = 0; i < 20_000; i++) {
    const [answer] = server.receive(`10.1.${i >> 8}.${i & 255}`, made({ flags: SYN, sequence: random.u32() }));
    assert.equal(read(answer!.segment).flags, SYN | ACK);
  }
  assert.equal(server.flows.size, 0);
});

test('a lost third segment costs nothing: the first packet proves as much', () => {
  const [syn] = client.open();
  const [synAck] = server.receive(CLIENT, syn!.segment);
  client.receive(SERVER, synAck!.segment);
  carry(client.sendIke('one that is lost').slice(1));
  carry(client.sendIke('another'));
  assert.deepEqual(server.heard, ['cisco-tcp another']);
});

test('segments of no flow are answered at a bounded rate, resets and those to other ports never', () => {
  let answers = 0;
  for (let i = 0; i < 3 * MAX_RESETS_PER_SECOND; i++)
    answers += server.receive(CLIENT, made({ sequence: i, acknowledgment: i })).length;
  assert.equal(answers, MAX_RESETS_PER_SECOND);
  server.now = 2000;
  const [reset] = server.receive(CLIENT, made({ acknowledgment: 4711 }));
  assert.deepEqual([read(reset!.segment).flags, read(reset!.segment).sequence], [RST, 4711]);
  assert.deepEqual(server.receive(CLIENT, made({ flags: RST })), []);
  for (const flags of [SYN, ACK]) assert.deepEqual(server.receive(CLIENT, made({ flags, destinationPort: 22 })), []);
  assert.equal(server.flows.size, 0);
});

test('newcomers: one address has its share; of all the oldest goes, never one that proved itself', () => {
  for (let port = 0; port < MAX_NEWCOMERS_PER_ADDRESS + 3; port++) accept('10.0.0.1', 1024 + port);
  assert.equal(server.flows.size, MAX_NEWCOMERS_PER_ADDRESS);
  assert.equal(server.count('drop_flows_full'), 3);
  const numbers = accept('10.0.0.2', 1024);
  server.receive('10.0.0.2', made({ ...numbers, sourcePort: 1024 }, espSegment('authentic')));
  for (let i = 0; server.flows.size < MAX_NEWCOMERS + 1; i++) accept(`10.1.${i >> 8}.${i & 255}`, 1024);
  accept('10.2.0.1', 1024);
  assert.equal(server.flows.size, MAX_NEWCOMERS + 1);
  server.receive(
    '10.0.0.2',
    made({ ...numbers, sequence: numbers.sequence + 25, sourcePort: 1024 }, espSegment('more')),
  );
  assert.deepEqual(server.heard, ['esp authentic', 'esp more']);
});

test('bytes of packets without an end are bounded, over all flows too', () => {
  const part = new Uint8Array(16_000).fill(7);
  const flows = Math.ceil(MAX_HELD_BYTES / part.length) + 5;
  assert.ok(part.length <= MAX_PARTIAL);
  for (let i = 0; i < flows; i++) {
    const from = `10.3.${i >> 8}.${i & 255}`;
    server.receive(from, made({ ...accept(from, 1024), sourcePort: 1024 }, part));
  }
  assert.equal(server.count('drop_tcp_incomplete'), 6);
  assert.equal(server.flows.size, flows);
});

test('packets in pieces are put together, and what waits is settled before', () => {
  const { sequence, acknowledgment } = accept(CLIENT, OWN_PORT);
  const whole = concat(espSegment('first packet'), espSegment('second packet'));
  for (let at = 0; at < whole.length; at += 9)
    server.receive(CLIENT, made({ sequence: sequence + at, acknowledgment }, whole.slice(at, at + 9)));
  assert.deepEqual(server.heard, ['esp first packet', 'esp second packet']);
  assert.equal(server.settled, 2);
});

test('silence ends flows: a newcomer sooner than one that proved itself', () => {
  accept('10.0.0.1', 1024);
  server.receive('10.0.0.2', made({ ...accept('10.0.0.2', 1024), sourcePort: 1024 }, espSegment('proof')));
  server.now = 1000 + FLOW_NEWCOMER_IDLE;
  server.flows.tick();
  assert.equal(server.flows.size, 2);
  server.now = 1001 + FLOW_NEWCOMER_IDLE;
  server.flows.tick();
  assert.deepEqual(
    server.drain().map(({ to }) => to),
    ['10.0.0.1'],
  );
  assert.equal(server.flows.size, 1);
  server.now = 1001 + FLOW_IDLE;
  server.flows.tick();
  assert.equal(server.flows.size, 0);
});

test('an unanswered SYN is repeated, then given up', () => {
  let syns = client.open().length;
  for (let second = 1; second <= 20; second++) {
    client.now = 1000 + second * 1000;
    client.flows.tick();
    syns += client.drain().length;
  }
  assert.equal(syns, SYN_ATTEMPTS);
  assert.deepEqual(client.reports(), ['closed: timeout']);
});

test('a refusal, and an end by the other side, are told', () => {
  const [syn] = client.open();
  const { sequence } = read(syn!.segment);
  const back = { sourcePort: PORT, destinationPort: OWN_PORT };
  client.receive(SERVER, made({ ...back, flags: RST | ACK, acknowledgment: (sequence + 1) >>> 0 }));
  assert.deepEqual(client.reports(), ['closed: refused']);
  carry(client.open());
  server.flows.close(pathTo(SERVER, PORT, CLIENT, OWN_PORT), server.socket);
  for (const { segment } of server.drain()) client.receive(SERVER, segment);
  assert.deepEqual(client.reports(), ['flow-opened', 'closed: reset']);
});

test('an idle client keeps its flow awake, and the server answers', () => {
  carry(client.open());
  client.now = 31_000;
  server.now = 31_000;
  client.flows.tick();
  const [keepalive] = client.drain();
  const [answer] = server.receive(CLIENT, keepalive!.segment);
  assert.equal(read(answer!.segment).payloadLength, 0);
  assert.deepEqual(client.receive(SERVER, answer!.segment), []);
  for (let now = 31_000; now < 2 * FLOW_IDLE; now += 1000) {
    client.now = now;
    server.now = now;
    for (const side of [client, server]) side.flows.tick();
    carry(client.drain());
    assert.deepEqual(server.drain(), []);
  }
  assert.equal(server.flows.size, 1);
});

test('noise never throws, and never ends the flow', () => {
  carry(client.open());
  const random = new Seeded(3);
  for (let i = 0; i < 5000; i++) {
    const segment = random.chance(0.3)
      ? random.bytes(random.below(80))
      : made(
          {
            flags: random.below(64),
            sequence: random.u32(),
            acknowledgment: random.u32(),
            headerLength: 20 + 4 * random.below(3),
          },
          random.bytes(random.below(60)),
        );
    server.receive(CLIENT, segment);
  }
  carry(client.sendIke('still here'));
  assert.deepEqual(server.heard, ['cisco-tcp still here']);
});
