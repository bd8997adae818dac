/** IKEv1 fragments: in any order, lost, repeated, lying, mixed, too many, too long. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Bytes } from '../../../src/core/bytes/bytes.ts';
import { MalformedError } from '../../../src/core/bytes/reader.ts';
import { FragmentBuffer, splitMessage } from '../../../src/core/ikev1/fragments.ts';
import { encodeFragment, type Fragment } from '../../../src/core/wire/ikev1.ts';
import {
  encodeMessage,
  encodePayloads,
  type IsakmpMessage,
  MAX_MESSAGE_LENGTH,
  PayloadType,
  parseMessage,
} from '../../../src/core/wire/isakmp.ts';
import { Seeded } from '../../seeded.ts';

const random = new Seeded(11);
const header = {
  initiatorCookie: random.bytes(8),
  responderCookie: random.bytes(8),
  nextPayload: PayloadType.HASH,
  version: 0x10,
  exchangeType: 32,
  flags: 1,
  messageId: 7,
};

const message = (length: number): Bytes => encodeMessage(header, random.bytes(length - 28));

function fragment(overrides: Partial<Fragment>): IsakmpMessage {
  const { id = 1, number = 1, last = false, data = Uint8Array.of(number) } = overrides;
  const body = encodePayloads([encodeFragment({ id, number, last, data })]);
  return { header: { ...header, nextPayload: PayloadType.FRAGMENT }, body };
}

/** What the buffer makes of fragments in turn; the last whole message. */
function put(buffer: FragmentBuffer, fragments: readonly IsakmpMessage[]): string | undefined {
  let whole: Bytes | undefined;
  for (const one of fragments) {
    const result = buffer.add(one);
    if (typeof result === 'object') whole = result;
  }
  return whole && Buffer.from(whole).toString('hex');
}

test('a message that fits goes whole, a longer one in fragments that each fit', () => {
  assert.equal(splitMessage(message(1200), 1).length, 1);
  for (const length of [1201, 2200, 2201, 20_000]) {
    const pieces = splitMessage(message(length), 1);
    assert.ok(pieces.every((piece) => piece.length <= 1200));
    assert.ok(pieces.length > 1);
  }
});

test('what was split is put together, in any order and with repeats', () => {
  for (let round = 0; round < 200; round++) {
    const whole = message(1201 + random.below(8000));
    const pieces = splitMessage(whole, 1 + random.below(0xffff)).map(parseMessage);
    const order = [...pieces, random.pick(pieces), random.pick(pieces)];
    for (let i = order.length - 1; i > 0; i--) {
      const j = random.below(i + 1);
      [order[i], order[j]] = [order[j]!, order[i]!];
    }
    const buffer = new FragmentBuffer();
    assert.equal(put(buffer, order), Buffer.from(whole).toString('hex'));
  }
});

test('one that is missing keeps the message back until it comes', () => {
  const whole = message(5000);
  const pieces = splitMessage(whole, 1).map(parseMessage);
  for (let missing = 0; missing < pieces.length; missing++) {
    const buffer = new FragmentBuffer();
    assert.equal(
      put(
        buffer,
        pieces.filter((_, i) => i !== missing),
      ),
      undefined,
    );
    assert.equal(put(buffer, [pieces[missing]!]), Buffer.from(whole).toString('hex'));
  }
});

test('the buffer is empty after a message, and takes the next under the same ID', () => {
  const buffer = new FragmentBuffer();
  for (let round = 0; round < 3; round++) {
    const whole = message(3000);
    assert.equal(put(buffer, splitMessage(whole, 1).map(parseMessage)), Buffer.from(whole).toString('hex'));
  }
});

test('what is left of a message that never came whole does not spoil the next, be their IDs the same or not', () => {
  for (const id of [1, 2]) {
    for (const left of [0, 1, 2, 3, 4]) {
      const buffer = new FragmentBuffer();
      const old = splitMessage(message(5000), 1).map(parseMessage);
      put(buffer, [old[left]!]);
      const whole = message(2000);
      const pieces = splitMessage(whole, id).map(parseMessage);
      // the second time is the peer's repeat
      const first = put(buffer, pieces);
      const made = first === Buffer.from(whole).toString('hex') ? first : put(buffer, pieces);
      assert.equal(made, Buffer.from(whole).toString('hex'), `id ${id}, fragment ${left} was left`);
    }
  }
});

test('fragments of two IDs do not mix', () => {
  const buffer = new FragmentBuffer();
  assert.equal(put(buffer, [fragment({ id: 1, number: 1 }), fragment({ id: 2, number: 2, last: true })]), undefined);
  assert.equal(put(buffer, [fragment({ id: 2, number: 1 })]), '0102');
});

test('a total that contradicts what came begins anew', () => {
  const buffer = new FragmentBuffer();
  put(buffer, [fragment({ number: 3 }), fragment({ number: 2, last: true })]);
  assert.equal(put(buffer, [fragment({ number: 1 })]), '0102');
  put(buffer, [fragment({ number: 3, last: true }), fragment({ number: 4 })]);
  assert.equal(put(buffer, [fragment({ number: 1 }), fragment({ number: 2 }), fragment({ number: 3 })]), undefined);
  assert.equal(put(buffer, [fragment({ number: 5, last: true })]), '0102030405');
});

test('number 0, no data, and more than one payload are refused', () => {
  const buffer = new FragmentBuffer();
  assert.throws(() => buffer.add(fragment({ number: 0 })), MalformedError);
  assert.throws(() => buffer.add(fragment({ data: new Uint8Array(0) })), MalformedError);
  const two = encodePayloads([
    encodeFragment({ id: 1, number: 1, last: true, data: Uint8Array.of(1) }),
    encodeFragment({ id: 1, number: 1, last: true, data: Uint8Array.of(1) }),
  ]);
  assert.equal(buffer.add({ ...fragment({}), body: two }), 'dropped');
});

test('of 64 fragments a message is made, a higher number is passed over', () => {
  const many = (count: number) =>
    Array.from({ length: count }, (_, i) => fragment({ number: i + 1, last: i + 1 === count }));
  assert.equal(put(new FragmentBuffer(), many(64))?.length, 2 * 64);
  assert.equal(put(new FragmentBuffer(), many(65)), undefined);
});

test('more bytes than any message has drop all there was', () => {
  const big = new Uint8Array(1100);
  const fill = (count: number) =>
    Array.from({ length: count }, (_, i) => fragment({ number: i + 1, data: big.fill(i) }));
  const most = Math.floor(MAX_MESSAGE_LENGTH / big.length);
  const buffer = new FragmentBuffer();
  assert.equal(put(buffer, fill(most)), undefined);
  assert.equal(put(buffer, [fragment({ number: most + 1, data: big, last: true })]), undefined);
  assert.equal(put(buffer, [fragment({ id: 9, number: 1, last: true })]), '01', 'and the next has room');
});

test('a limit of the caller holds too', () => {
  const buffer = new FragmentBuffer();
  const data = new Uint8Array(60);
  assert.equal(buffer.add(fragment({ number: 1, data }), 100), 'incomplete');
  assert.equal(buffer.length, 60);
  assert.equal(buffer.add(fragment({ number: 2, data, last: true }), 100), 'dropped');
  assert.equal(buffer.length, 0);
});

test('noise never throws anything but MalformedError', () => {
  const buffer = new FragmentBuffer();
  for (let round = 0; round < 5000; round++) {
    const body = fragment({
      id: random.below(3),
      number: random.below(70),
      last: random.chance(0.2),
      data: random.bytes(random.below(50)),
    }).body.slice();
    if (random.chance(0.3)) body[random.below(body.length)] = random.u32() & 255;
    try {
      buffer.add({ ...fragment({}), body });
    } catch (error) {
      assert.ok(error instanceof MalformedError);
    }
  }
});

test('a repeat, and what drops what there was, say so', () => {
  const buffer = new FragmentBuffer();
  assert.equal(buffer.add(fragment({ number: 1 })), 'incomplete');
  assert.equal(buffer.add(fragment({ number: 1 })), 'dropped');
  assert.equal(buffer.add(fragment({ id: 2, number: 1 })), 'dropped');
  assert.equal(buffer.add(fragment({ id: 2, number: 3 })), 'incomplete');
});
