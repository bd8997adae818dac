/** Packets out of payloads that were joined, split, lost and repeated. */
import assert from 'node:assert/strict';
import { beforeEach, test } from 'node:test';
import { concat } from '../../../src/core/bytes/bytes.ts';
import { toHex } from '../../../src/core/bytes/text.ts';
import { CtcpStream, MAX_PARTIAL } from '../../../src/core/carrier/ctcp-stream.ts';
import { CTCP_TRAILER, CtcpProtocol, writeTrailer } from '../../../src/core/wire/ctcp.ts';
import { Seeded } from '../../seeded.ts';

let stream: CtcpStream;
let got: string[];
beforeEach(() => {
  got = [];
  stream = new CtcpStream({
    packet: (bytes, at, length, protocol) => got.push(`${protocol} ${toHex(bytes.subarray(at, at + length))}`),
  });
});

function wrapped(packet: Uint8Array, protocol: number = CtcpProtocol.ESP): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(packet.length + CTCP_TRAILER);
  bytes.set(packet);
  writeTrailer(bytes, packet.length, protocol, 7, 0);
  return bytes;
}

/** As it lies in a buffer that goes on behind it. */
function hand(verdict: 'next' | 'gap' | 'old', payload: Uint8Array): boolean {
  const buffer = concat(new Uint8Array(5), payload, wrapped(new Uint8Array(9)));
  return stream.handlePayload(verdict, buffer, 5, payload.length);
}

const text = (packet: Uint8Array, protocol: number = CtcpProtocol.ESP) => `${protocol} ${toHex(packet)}`;

test('a segment is a packet', () => {
  const random = new Seeded(1);
  for (const protocol of [CtcpProtocol.IKE, CtcpProtocol.ESP]) {
    const packet = random.bytes(1400);
    assert.ok(hand('next', wrapped(packet, protocol)));
    assert.equal(got.at(-1), text(packet, protocol));
  }
  assert.equal(stream.held, 0);
});

test('any joining and splitting gives the same packets', () => {
  for (let seed = 0; seed < 60; seed++) {
    const random = new Seeded(seed);
    const packets = Array.from({ length: 12 }, () => random.bytes(1 + random.below(600)));
    got = [];
    const all = concat(...packets.map((packet) => wrapped(packet)));
    for (let at = 0; at < all.length; ) {
      const length = Math.min(all.length - at, 1 + random.below(seed % 2 ? 30 : 2000));
      assert.ok(hand('next', all.subarray(at, at + length)));
      at += length;
    }
    assert.deepEqual(
      got,
      packets.map((packet) => text(packet)),
      `seed ${seed}`,
    );
    assert.equal(stream.held, 0);
  }
});

test('after a gap it begins anew, with the packets that are whole', () => {
  const [a, b, c] = [1, 2, 3].map((fill) => new Uint8Array(100).fill(fill)) as [Uint8Array, Uint8Array, Uint8Array];
  hand('next', wrapped(a).subarray(0, 50));
  assert.equal(stream.held, 50);
  hand('gap', wrapped(b));
  assert.deepEqual(got, [text(b)]);
  hand('gap', wrapped(a).subarray(70));
  hand('next', wrapped(c));
  assert.deepEqual(got.slice(2), [text(c)], 'what is left of a packet is one of its own, and the next is whole again');
});

test('what comes late is taken for itself and does not disturb what is held', () => {
  const [late, split] = [new Uint8Array(80).fill(4), new Uint8Array(300).fill(5)];
  hand('next', wrapped(split).subarray(0, 111));
  assert.ok(hand('old', wrapped(late)));
  assert.equal(hand('old', wrapped(late).subarray(0, 40)), false);
  hand('next', wrapped(split).subarray(111));
  assert.deepEqual(got, [text(late), text(split)]);
});

test('a packet without an end is given up at the bound, and the next is found', () => {
  for (let i = 0; i * 1000 <= MAX_PARTIAL; i++) hand('next', new Uint8Array(1000).fill(9));
  assert.equal(stream.held, 0);
  const packet = new Uint8Array(40).fill(8);
  hand('gap', wrapped(packet));
  assert.deepEqual(got, [text(packet)]);
});

test('trailers alone are nothing, and noise does not throw', () => {
  hand('next', concat(wrapped(new Uint8Array(0)), wrapped(new Uint8Array(0))));
  assert.deepEqual(got, []);
  const random = new Seeded(9);
  for (let i = 0; i < 2000; i++) {
    hand((['next', 'gap', 'old'] as const)[random.below(3)]!, random.bytes(random.below(200)));
    assert.ok(stream.held <= MAX_PARTIAL);
  }
});
