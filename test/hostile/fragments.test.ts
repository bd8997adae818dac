/** Payload 132, IKEv1's fragments: every bad length, order, number, duplicate and total. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Bytes } from '../../src/core/bytes/bytes.ts';
import { u32 } from '../../src/core/bytes/bytes.ts';
import { encodeFragment } from '../../src/core/wire/ikev1.ts';
import { ExchangeType, encodeMessage, encodePayloads, PayloadType } from '../../src/core/wire/isakmp.ts';
import { ATTACKER, clear, fragment, header, Siege, saPayload } from './siege.ts';

const cookie = (i: number) => Uint8Array.of(0xf0, 0, 0, 0, ...u32(i + 1));

/** A message whose payload 132 claims `length` bytes and has `body` behind its generic header. */
function claiming(length: number, body: Bytes, next = 0, initiatorCookie = cookie(0)): Bytes {
  const chain = Uint8Array.of(next, 0, length >>> 8, length & 255, ...body);
  return encodeMessage(header({ nextPayload: PayloadType.FRAGMENT, initiatorCookie }), chain);
}

const inner = (i: number) => clear([saPayload()], { initiatorCookie: cookie(i) });

/** The first message of negotiation `i`, in pieces of `size` bytes. */
function pieces(i: number, size: number, id = 1): Bytes[] {
  const message = inner(i);
  const count = Math.ceil(message.length / size);
  return Array.from({ length: count }, (_, at) =>
    fragment(
      { id, number: at + 1, last: at + 1 === count, data: message.subarray(at * size, (at + 1) * size) },
      { initiatorCookie: cookie(i) },
    ),
  );
}

test('every length that a fragment can claim, with every length that it has: counted unless it is true', () => {
  const siege = new Siege();
  for (let has = 0; has <= 12; has++) {
    for (let claims = 0; claims <= 20; claims++) {
      // four bytes of its own header, and one of data at least
      if (claims === has + 4 && has >= 5) continue;
      siege.expectDrop('ike_malformed', `claims ${claims}, has ${has}`, () =>
        siege.send(claiming(claims, Uint8Array.of(0, 1, 1, 0, 1, 2, 3, 4, 5, 6, 7, 8).subarray(0, has))),
      );
    }
  }
  for (const claims of [0x7fff, 0x8000, 0xfffc, 0xffff]) {
    siege.expectDrop('ike_malformed', `claims ${claims}`, () =>
      siege.send(claiming(claims, new Uint8Array(9).fill(1))),
    );
  }
  assert.equal(siege.gateway.halfOpenBytes, 0);
  siege.checkHonest();
});

test('a header that announces a fragment and nothing behind it', () => {
  const siege = new Siege();
  const bare = encodeMessage(header({ nextPayload: PayloadType.FRAGMENT }), new Uint8Array(0));
  siege.expectDrop('ike_malformed', 'no payload at all', () => siege.send(bare));
  siege.checkHonest();
});

test('number 0, numbers above the most, two fragments in one message, another payload behind one', () => {
  const siege = new Siege();
  siege.expectDrop('ike_malformed', 'number 0', () => siege.send(fragment({ number: 0 })));
  for (let number = 65; number < 256; number++) {
    siege.expectDrop('ike_fragment', `number ${number}`, () => siege.send(fragment({ number })));
  }
  const one = encodeFragment({ id: 1, number: 1, last: true, data: new Uint8Array(9) });
  siege.expectDrop('ike_fragment', 'two in one', () => siege.send(clear([one, one])));
  siege.expectDrop('ike_fragment', 'an SA behind', () => siege.send(clear([one, saPayload()])));
  assert.ok(siege.gateway.halfOpenBytes < 100);
  siege.checkHonest();
});

test('duplicates, second ends and numbers behind the end', () => {
  const siege = new Siege();
  const at = (i: number) => ({ initiatorCookie: cookie(i) });
  const data = new Uint8Array(50);
  siege.send(fragment({ number: 2, data }, at(1)));
  siege.expectDrop('ike_fragment', 'the same again', () => siege.send(fragment({ number: 2, data }, at(1))));
  const changed = new Uint8Array(50).fill(1);
  siege.expectDrop('ike_fragment', 'the same number, other bytes', () =>
    siege.send(fragment({ number: 2, data: changed }, at(1))),
  );
  siege.send(fragment({ number: 5, last: true }, at(2)));
  siege.expectDrop('ike_fragment', 'a second end', () => siege.send(fragment({ number: 3, last: true }, at(2))));
  siege.send(fragment({ number: 9 }, at(3)));
  siege.expectDrop('ike_fragment', 'an end before what there is', () =>
    siege.send(fragment({ number: 4, last: true }, at(3))),
  );
  siege.send(fragment({ number: 4, last: true }, at(4)));
  siege.expectDrop('ike_fragment', 'a number behind the end', () => siege.send(fragment({ number: 7 }, at(4))));
  siege.send(fragment({ id: 1 }, at(5)));
  siege.expectDrop('ike_fragment', 'another ID', () => siege.send(fragment({ id: 2 }, at(5))));
  siege.checkHonest();
});

test('a whole that grows too long is dropped, whatever the order', () => {
  const siege = new Siege();
  const numbers = Array.from({ length: 64 }, (_, i) => i + 1);
  for (const [i, order] of [numbers, numbers.toReversed()].entries()) {
    const before = siege.dropped('ike_fragment');
    for (const number of order)
      siege.send(fragment({ number, last: number === 64, data: new Uint8Array(1000) }, { initiatorCookie: cookie(i) }));
    assert.ok(siege.dropped('ike_fragment') > before, `order ${i}`);
    assert.ok(siege.gateway.halfOpenBytes <= (i + 1) * 16_384);
  }
  assert.equal(siege.answers.length, 0);
  siege.checkHonest();
});

test('a whole that is a fragment, no message, or a message of another length', () => {
  const siege = new Siege();
  const nested = fragment({ last: true, data: fragment({ last: true, data: inner(0) }) });
  siege.expectDrop('ike_fragment', 'a fragment in a fragment', () => siege.send(nested));
  siege.expectDrop('ike_malformed', 'noise', () => siege.send(fragment({ last: true, data: siege.random.bytes(100) })));
  for (const cut of [1, 27, 28, 60]) {
    siege.expectDrop('ike_malformed', `cut to ${cut}`, () =>
      siege.send(fragment({ last: true, data: inner(0).subarray(0, cut) })),
    );
  }
  siege.checkHonest();
});

test('fragments in any order make the message, and only whole', () => {
  const siege = new Siege();
  for (const [i, size] of [1, 7, 30, 100].entries()) {
    const all = pieces(i, Math.max(size, 2));
    if (all.length > 64) continue;
    const shuffled = all.map((piece) => ({ piece, at: siege.random.u32() })).sort((a, b) => a.at - b.at);
    for (const { piece } of shuffled.slice(1)) siege.send(piece);
    const before = siege.answers.length;
    siege.send(shuffled[0]!.piece);
    assert.equal(siege.answers.length, before + 1, `pieces of ${size}`);
  }
  assert.deepEqual(siege.drops(), {});
  siege.checkHonest();
});

test('fragments under cookies that nobody has open nothing', () => {
  const siege = new Siege();
  for (const exchangeType of [ExchangeType.QUICK_MODE, ExchangeType.INFORMATIONAL, ExchangeType.TRANSACTION]) {
    siege.expectDrop('ike_unexpected_exchange', `exchange ${exchangeType}`, () =>
      siege.send(fragment({}, { exchangeType })),
    );
    siege.expectDrop('ike_unknown_cookies', `exchange ${exchangeType}`, () =>
      siege.send(fragment({}, { exchangeType, responderCookie: cookie(7) })),
    );
  }
  assert.equal(siege.gateway.halfOpen, 0);
  siege.checkHonest();
});

test("fragments under an honest client's cookies cost it nothing", () => {
  const siege = new Siege();
  const { initiatorCookie, responderCookie } = siege.honest.sa;
  const fields = { initiatorCookie, responderCookie, exchangeType: ExchangeType.QUICK_MODE, messageId: 7 };
  for (let i = 0; i < 500; i++) siege.send(fragment({ id: i & 3, number: 1 + (i % 64) }, fields));
  const whole = clear([saPayload()], fields);
  siege.send(fragment({ id: 9, last: true, data: whole }, fields));
  assert.ok(siege.dropped('ike_fragment') > 300);
  assert.equal(siege.dropped('ike_not_encrypted'), 1);
  siege.checkHonest();
});

test('fragments cost the same however they are ordered and however many there are', () => {
  const siege = new Siege();
  const cost = (numbers: number[], i: number) => {
    const begin = process.cpuUsage();
    for (const number of numbers) {
      const data = new Uint8Array(200);
      siege.send(fragment({ id: 1 + (number >> 6), number: 1 + (number & 63), data }, { initiatorCookie: cookie(i) }));
    }
    return process.cpuUsage(begin).user / 1000;
  };
  const many = Array.from({ length: 20_000 }, (_, i) => i);
  const [forth, back] = [cost(many, 1), cost(many.toReversed(), 2)];
  // a list walked for each fragment would take minutes
  assert.ok(forth < 30_000 && back < 30_000, `${forth} and ${back} ms`);
  assert.ok(siege.dropped('ike_fragment') > 500);
  assert.ok(siege.gateway.halfOpenBytes <= 2 * 16_384);
  siege.checkHonest();
});

test('the attacker who sent fragments may still come in by the front door', () => {
  const siege = new Siege();
  for (const piece of pieces(1, 40).slice(0, -1)) siege.send(piece, ATTACKER);
  siege.addPeer(ATTACKER, { mode: 'main' }).connect();
  assert.deepEqual(siege.drops(), {});
  siege.checkHonest();
});

test('a chain of payloads behind a fragment that leads into nothing', () => {
  const siege = new Siege();
  const body = encodePayloads([encodeFragment({ id: 1, number: 1, last: true, data: new Uint8Array(9) })]);
  body[0] = PayloadType.SA;
  siege.expectDrop('ike_malformed', 'a next payload that is not there', () =>
    siege.send(encodeMessage(header({ nextPayload: PayloadType.FRAGMENT }), body)),
  );
  siege.checkHonest();
});
