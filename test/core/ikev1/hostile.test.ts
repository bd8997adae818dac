/** What an attacker on the way may try: changed, repeated, reflected and foreign messages. The true peers still get through. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { Bytes } from '../../../src/core/bytes/bytes.ts';
import type { Ikev1Event } from '../../../src/core/ikev1/types.ts';
import { parseIp } from '../../../src/core/net/address.ts';
import { MINUTE, SECOND } from '../../../src/core/net/time.ts';
import { Flag } from '../../../src/core/wire/isakmp.ts';
import { Seeded } from '../../seeded.ts';
import { connectByItself, connectedPair, type End, keysMatch, type Letter, Pair, quickMode } from './pair.ts';

const MODES = ['main', 'aggressive'] as const;
const FLAGS_AT = 19;
const VERSION_AT = 17;
const LENGTH_AT = 24;
/** Header, HASH payload of SHA-256, up to a whole block. */
const HASH_I_ENDS = 28 + 48;
const DPD = { idle: 30 * SECOND, timeout: 60 * SECOND };

/** What may be told of a message that counts for nothing. */
const HARMLESS: ReadonlySet<Ikev1Event['type']> = new Set(['dropped', 'failed']);

const isEncrypted = ({ message }: Letter) => (message[FLAGS_AT]! & Flag.ENCRYPTION) !== 0;

/** Runs `attack` on an end and checks that it changed nothing there and, unless `counted` is false, was counted. */
function expectNothing(end: End, what: string, attack: () => void, counted = true): void {
  const before = snapshot(end);
  attack();
  const after = snapshot(end);
  const told = end.events.slice(before.told).map(({ type }) => type);
  assert.deepEqual({ ...after, told: 0 }, { ...before, told: 0 }, what);
  assert.ok(
    (told.length > 0 || !counted) && told.every((type) => HARMLESS.has(type)),
    `${what}: ${told.join(', ') || 'not counted'}`,
  );
}

function snapshot({ sa, events, sent }: End) {
  const { carrier, local, remote } = sa!.path;
  const path = `${carrier} ${local.address.text} ${local.port} ${remote.address.text} ${remote.port}`;
  return {
    path,
    established: sa!.established !== undefined,
    ended: sa!.ended,
    timeout: sa!.pollTimeout(),
    sent: sent.length,
    told: events.length,
  };
}

function flipped(message: Bytes, at: number, mask: number): Bytes {
  const copy = message.slice();
  copy[at]! ^= mask;
  return copy;
}

/** Cut to `length`, with a header that says so. */
function cut(message: Bytes, length: number): Bytes {
  const copy = message.slice(0, length);
  if (length >= LENGTH_AT + 4) new DataView(copy.buffer).setUint32(LENGTH_AT, length);
  return copy;
}

for (const mode of MODES) {
  describe(`${mode} mode and all behind it`, () => {
    test('each byte of each protected message changed: nothing happens, and the true one still counts', () => {
      const pair = connectByItself(new Pair({ mode, client: { dpd: DPD }, gateway: { dpd: DPD } }));
      let tried = 0;
      pair.onWay = (letter) => {
        if (!isEncrypted(letter)) return true;
        const target = pair.end(letter.from === 'client' ? 'gateway' : 'client');
        const { message } = letter;
        for (let at = 16; at < message.length; at++) {
          // neither minor version nor flags are covered by any hash
          if (at === FLAGS_AT || at === VERSION_AT) continue;
          // nor the NAT-D payloads behind the hash of aggressive mode's third
          if (pair.record.indexOf(letter) === 2 && at >= HASH_I_ENDS) break;
          for (const mask of [0x01, 0x80, 0xff]) {
            const what = `message ${pair.record.indexOf(letter)}, byte ${at} ^ ${mask}`;
            expectNothing(target, what, () => pair.deliver({ ...letter, message: flipped(message, at, mask) }));
            tried++;
          }
        }
        return true;
      };
      pair.run();
      assert.ok(tried > 1000);
      assert.ok(keysMatch(quickMode(pair, 'client')));
      assert.ok(keysMatch(quickMode(pair, 'gateway')));
    });

    test('each protected message cut at every length: nothing happens, and the true one still counts', () => {
      const pair = connectByItself(new Pair({ mode }));
      pair.onWay = (letter) => {
        if (!isEncrypted(letter)) return true;
        const target = pair.end(letter.from === 'client' ? 'gateway' : 'client');
        for (let length = 0; length < letter.message.length; length++) {
          expectNothing(target, `cut to ${length}`, () => pair.deliverTo(target, cut(letter.message, length)));
        }
        return true;
      };
      assert.ok(keysMatch(quickMode(pair.run(), 'client')));
    });

    test('each byte of each clear message changed: never an exception, and in the end both know how it stands', () => {
      const clear = new Pair({ mode }).run().record.filter((letter) => !isEncrypted(letter));
      for (const [index, { message }] of clear.entries()) {
        for (let at = 0; at < message.length; at++) {
          const pair = new Pair({ mode });
          let count = 0;
          pair.onWay = (letter) => {
            if (count++ !== index) return true;
            pair.deliver({ ...letter, message: flipped(letter.message, at, 1 << (at & 7)) });
            return false;
          };
          pair.advance(2 * MINUTE);
          const { client, gateway } = pair;
          if (client.sa!.established && gateway.sa?.established)
            assert.deepEqual(client.sa!.cipherKey, gateway.sa.cipherKey, `message ${index}, byte ${at}`);
          else if (!client.sa!.established) assert.ok(client.sa!.ended, `message ${index}, byte ${at}`);
        }
      }
    });

    test('noise under the true cookies changes nothing', () => {
      const pair = connectedPair({ mode });
      const random = new Seeded(7);
      const from = [pair.client, pair.gateway];
      for (let round = 0; round < 3000; round++) {
        const end = random.pick(from);
        const message = random.pick(pair.record).message.slice();
        message.set(random.bytes(4 + random.below(8)), random.pick([16, 20]));
        const noise = random.bytes(random.below(80));
        message.set(noise.subarray(0, Math.max(0, message.length - 28)), 28);
        const whole = random.chance(0.8) ? cut(message, message.length) : message;
        expectNothing(end, `round ${round}`, () => pair.deliverTo(end, whole));
      }
      assert.ok(
        keysMatch(quickMode(pair, 'client')),
        'what was not authentic leaves no trace in the table of exchanges',
      );
      assert.ok(keysMatch(quickMode(pair, 'gateway')));
    });

    test('each message sent back to its sender changes nothing', () => {
      const pair = connectByItself(new Pair({ mode, gateway: { dpd: DPD } }));
      const attacker = { ...pair.pathTo('gateway'), remote: { address: parseIp('198.51.100.66')!, port: 666 } };
      pair.onWay = (letter) => {
        const sender = pair.end(letter.from);
        if (sender.sa && letter.from === 'gateway')
          expectNothing(
            sender,
            `message ${pair.record.indexOf(letter)}`,
            () => pair.deliverTo(sender, letter.message, attacker),
            // a question of our own is passed over in silence
            false,
          );
        return true;
      };
      pair.advance(MINUTE);
      assert.ok(pair.gateway.all('dropped').length > 3);
      assert.ok(keysMatch(quickMode(pair, 'client')));
    });

    test('each message repeated to the same SA is answered from cache at most', () => {
      const pair = connectedPair({ mode });
      checkReplays(pair, pair.record.slice());
      assert.ok(keysMatch(quickMode(pair, 'client')));
    });

    test('each message repeated an hour later moves nobody and makes no tunnel', () => {
      const pair = connectedPair({ mode });
      const record = pair.record.slice();
      pair.advance(60 * MINUTE);
      quickMode(pair, 'client');
      checkReplays(pair, record);
      assert.ok(keysMatch(quickMode(pair, 'client')));
    });

    test('messages of another SA with the same secret count for nothing', () => {
      const [pair, other] = [connectedPair({ mode, seed: 1 }), connectedPair({ mode, seed: 2 })];
      for (const letter of other.record) {
        for (const end of [pair.client, pair.gateway])
          expectNothing(end, 'foreign', () => pair.deliverTo(end, letter.message));
      }
      assert.ok(keysMatch(quickMode(pair, 'client')));
    });
  });
}

/** What no repeat may change; that a question repeated late waits for its answer is no harm. */
function standing(end: End) {
  const { path, established, ended } = snapshot(end);
  return { path, established, ended };
}

/** No tunnel, no move, no end; answers from cache alone, and of them not many. */
function checkReplays(pair: Pair, record: readonly Letter[]): void {
  pair.onEvent = () => undefined;
  const elsewhere = { address: parseIp('198.51.100.66')!, port: 666 };
  for (const { from, message } of record) {
    const target = pair.end(from === 'client' ? 'gateway' : 'client');
    const before = standing(target);
    const [told, sent] = [target.events.length, target.sent.length];
    for (let i = 0; i < 20; i++) pair.deliverTo(target, message, { ...pair.pathTo(target.name), remote: elsewhere });
    assert.deepEqual(standing(target), before);
    const types = target.events.slice(told).map(({ type }) => type);
    assert.ok(
      !types.some((type) => type.startsWith('esp') || type === 'path-changed' || type === 'established'),
      types.join(),
    );
    assert.ok(target.sent.length - sent <= 1 + 8, `${target.sent.length - sent} answers`);
  }
  pair.wire.length = 0;
}

describe('quick mode message IDs', () => {
  test('an ID is served once per SA, and a repeat is answered from cache', () => {
    const pair = connectedPair();
    const [first] = pair.record.filter(({ message }) => message[18] === 32);
    const answers = pair.gateway.sent.length;
    pair.deliver(first!);
    assert.equal(pair.gateway.all('esp-prepared').length, 1);
    assert.equal(pair.gateway.sent.length, answers, 'message 3 has come: nothing is left to say');
    assert.deepEqual(pair.gateway.drops, ['ike_message_id_reused']);
  });

  test('two clients with the same ID under different phase 1s both succeed', () => {
    const pairs = [1, 2].map((seed) => connectedPair({ seed }));
    const fixed = Uint8Array.of(0, 0, 0, 1);
    for (const pair of pairs) {
      const { random } = pair.client.crypto;
      let used = false;
      // the message ID is the first that is drawn of four bytes
      (pair.client.crypto as { random: typeof random }).random = (length) => {
        if (length !== 4 || used) return random(length);
        used = true;
        return fixed.slice();
      };
      assert.ok(keysMatch(quickMode(pair, 'client')));
      assert.equal(pair.gateway.last('esp-established').pair.messageId, 1);
    }
  });
});

describe('dead peer detection under attack', () => {
  const options = { gateway: { dpd: DPD }, client: { dpd: undefined } };

  test('a question sent back is no answer and moves nobody', () => {
    const pair = connectedPair(options);
    const attacker = { address: parseIp('198.51.100.66')!, port: 666 };
    let asked = 0;
    pair.onWay = ({ from, message }) => {
      if (from === 'client') return false;
      asked++;
      pair.deliverTo(pair.gateway, message, { ...pair.pathTo('gateway'), remote: attacker });
      return false;
    };
    pair.advance(3 * MINUTE);
    assert.ok(asked > 3);
    assert.ok(!pair.gateway.has('path-changed'));
    assert.equal(pair.gateway.last('ended').reason, 'peer is dead');
  });

  test('old messages keep nobody alive', () => {
    const pair = connectedPair(options);
    pair.advance(40 * SECOND);
    const record = pair.record.filter(({ from }) => from === 'client');
    pair.onWay = () => false;
    for (let i = 0; i < 30 && !pair.gateway.sa!.ended; i++) {
      for (const letter of record) if (!pair.gateway.sa!.ended) pair.deliver(letter);
      pair.wire.length = 0;
      pair.advance(10 * SECOND);
    }
    assert.equal(pair.gateway.last('ended').reason, 'peer is dead');
  });
});
