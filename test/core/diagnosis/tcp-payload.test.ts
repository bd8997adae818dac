/** Packets in TCP segments: all that are whole; those that go on in the next segment; bounded. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { type Bytes, concat } from '../../../src/core/bytes/bytes.ts';
import { utf8 } from '../../../src/core/bytes/text.ts';
import { hasCiscoTrailer, unpackCisco, unpackStream } from '../../../src/core/diagnosis/tcp-payload.ts';
import { MAX_REST, MAX_STREAMS, type TcpKind, TcpStreams } from '../../../src/core/diagnosis/tcp-streams.ts';
import { CTCP_MAGIC, CTCP_TRAILER, CTCP_UDP_HEADER, CtcpProtocol } from '../../../src/core/wire/ctcp.ts';
import { TcpFlag } from '../../../src/core/wire/tcp.ts';
import { CLIENT, ciscoTcp, GATEWAY, ike, ke, REPLY, Stage, sa } from './stage.ts';

const IKE = new Uint8Array(28).fill(1);
const ESP = new Uint8Array(40).fill(2);
const BOTH = [
  { kind: 'ike', bytes: IKE },
  { kind: 'esp', bytes: ESP },
];

function framed(message: Bytes): Bytes {
  const length = message.length + 2;
  return concat(Uint8Array.of(length >> 8, length), message);
}

const CISCO = concat(ciscoTcp(IKE, CtcpProtocol.IKE), ciscoTcp(ESP, CtcpProtocol.ESP));
const STREAM = concat(utf8('IKETCP'), framed(concat(new Uint8Array(4), IKE)), framed(ESP));

describe('one segment', () => {
  test("Cisco's: each ends in a trailer", () => {
    assert.deepEqual(unpackCisco(CISCO), { packets: BOTH, used: CISCO.length });
    const first = CTCP_UDP_HEADER + IKE.length + CTCP_TRAILER;
    for (let length = 0; length < CISCO.length; length++) {
      const cut = CISCO.subarray(0, length);
      const whole = length < first ? 0 : 1;
      assert.deepEqual(unpackCisco(cut), { packets: BOTH.slice(0, whole), used: whole * first }, `${length}`);
      assert.equal(hasCiscoTrailer(cut), length === first, `${length}`);
    }
  });

  test('RFC 9329: each has its length in front, and IKE a marker', () => {
    const first = 6 + 2 + 4 + IKE.length;
    for (let length = 6; length <= STREAM.length; length++) {
      const whole = length === STREAM.length ? 2 : length < first ? 0 : 1;
      const unpacked = unpackStream(STREAM.subarray(0, length));
      assert.deepEqual(unpacked?.packets, BOTH.slice(0, whole), `${length}`);
      assert.equal(unpacked?.used, [6, first, STREAM.length][whole], `${length}`);
    }
    assert.equal(unpackStream(new Uint8Array(64)), undefined);
  });
});

/** Segments of a client's to a gateway, one after the other. */
class Sender {
  readonly streams = new TcpStreams();
  sequence: number;
  readonly #kind: TcpKind;

  constructor(kind: TcpKind, sequence = 1000) {
    this.#kind = kind;
    this.sequence = sequence;
  }

  segment(
    payload: Bytes,
    { flags = TcpFlag.ACK as number, length = payload.length, at = this.sequence, port = 4500 } = {},
  ) {
    const tcp = { flags, sequence: at >>> 0, acknowledgment: 0 };
    const where = { source: CLIENT, sourcePort: 50_000, destination: GATEWAY, destinationPort: port };
    if (at === this.sequence) this.sequence += length + (flags & TcpFlag.SYN ? 1 : 0);
    const seen = { ...where, packet: 1, at: 0, protocol: 'tcp', payload, length, tcp, fragments: 1 } as const;
    return this.streams.take(seen, this.#kind)?.packets ?? [];
  }
}

describe('several segments', () => {
  for (const [kind, bytes] of [
    ['cisco', CISCO],
    ['stream', STREAM],
  ] as const)
    test(`${kind}: cut at every byte, sent again, around the end of the numbers`, () => {
      for (let cut = 1; cut < bytes.length; cut++) {
        const sender = new Sender(kind, 2 ** 32 - 20);
        sender.segment(new Uint8Array(0), { flags: TcpFlag.SYN });
        const at = sender.sequence;
        const first = sender.segment(bytes.subarray(0, cut));
        assert.deepEqual(sender.segment(bytes.subarray(0, cut), { at }), [], 'a retransmission');
        assert.deepEqual([...first, ...sender.segment(bytes.subarray(cut))], BOTH, `${cut}`);
      }
    });

  test('a segment that is missing: what begins behind it is read', () => {
    const sender = new Sender('stream');
    sender.segment(STREAM.subarray(0, 20));
    sender.sequence += 500;
    assert.deepEqual(sender.segment(STREAM.subarray(6)), BOTH);
    assert.deepEqual(sender.segment(STREAM.subarray(6)), BOTH);
  });

  for (const [kind, bytes] of [
    ['cisco', CISCO],
    ['stream', STREAM],
  ] as const)
    test(`${kind}: what comes late is read then, and once`, () => {
      const sender = new Sender(kind);
      sender.segment(bytes);
      const at = sender.sequence;
      const late = kind === 'cisco' ? bytes : bytes.subarray(6);
      sender.sequence += late.length;
      assert.deepEqual(sender.segment(late), BOTH, 'behind what is missing');
      const middle = at + 20;
      assert.deepEqual(
        [
          ...sender.segment(late.subarray(0, 20), { at }),
          ...sender.segment(late.subarray(0, 20), { at }),
          ...sender.segment(late.subarray(20), { at: middle }),
          ...sender.segment(late.subarray(20), { at: middle }),
        ],
        BOTH,
      );
      assert.deepEqual(sender.segment(late), BOTH, 'and it goes on');
    });

  test('a packet in very many segments: what was looked through is not looked through again', (t) => {
    const sender = new Sender('cisco');
    sender.segment(CISCO);
    const [magic = 0] = CTCP_MAGIC;
    const search = t.mock.method(Uint8Array.prototype, 'indexOf');
    for (let i = 0; i < 300; i++) sender.segment(Uint8Array.of(magic));
    assert.ok(search.mock.callCount() <= 300 * (CTCP_TRAILER + 1), `${search.mock.callCount()}`);
  });

  test('what the capture cut has no rest', () => {
    const sender = new Sender('stream');
    sender.segment(STREAM.subarray(0, 20), { length: STREAM.length });
    assert.deepEqual(sender.segment(STREAM.subarray(6)), BOTH);
  });

  test('bounds: a packet without end is given up, and the oldest streams make room', () => {
    const endless = new Sender('cisco');
    endless.segment(CISCO);
    for (let i = 0; i <= MAX_REST / 1000; i++) endless.segment(new Uint8Array(1000));
    assert.deepEqual(endless.segment(CISCO), [BOTH[0], BOTH[1]], 'begun anew');
    const many = new Sender('stream');
    for (let port = 1; port <= MAX_STREAMS + 5; port++) many.segment(STREAM, { port });
    assert.equal(many.streams.size, MAX_STREAMS);
  });
});

test('the observer sees a message that two segments bring', () => {
  const message = ike([sa(), ke()]);
  const stream = concat(utf8('IKETCP'), framed(concat(new Uint8Array(4), message)));
  const stage = new Stage();
  const where = {
    protocol: 'tcp',
    source: CLIENT,
    sourcePort: 50_000,
    destination: GATEWAY,
    destinationPort: 443,
  } as const;
  for (const [begin, end] of [
    [0, 100],
    [100, stream.length],
  ] as const)
    stage.see({
      ...where,
      payload: stream.subarray(begin, end),
      tcp: { flags: TcpFlag.ACK, sequence: 7000 + begin, acknowledgment: 0 },
    });
  const back = { ...where, source: GATEWAY, sourcePort: 443, destination: CLIENT, destinationPort: 50_000 } as const;
  const answer = framed(concat(new Uint8Array(4), ike([sa(), ke(256, 2)], REPLY)));
  stage.see({ ...back, payload: answer, tcp: { flags: TcpFlag.ACK, sequence: 1, acknowledgment: 0 } });
  const [negotiation] = stage.diagnosis.conversations[0]!.negotiations;
  assert.deepEqual(
    negotiation?.messages.map(({ way, packet, length }) => `${way} ${packet} ${length}`),
    [`tcp 2 ${message.length}`, `tcp 3 ${message.length}`],
  );
});
