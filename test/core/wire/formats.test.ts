/** What holds for every wire format: a round trip, each cut, each flipped bit, and noise. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { Bytes } from '../../../src/core/bytes/bytes.ts';
import { MalformedError } from '../../../src/core/bytes/reader.ts';
import { Seeded } from '../../seeded.ts';
import { FORMATS, type Format } from './random-messages.ts';

const SEED = Number(process.env.SEED ?? 20_262);
const ROUNDS = 100;

for (const format of FORMATS) {
  describe(format.name, () => {
    test('what was encoded is parsed again', () => {
      forRandomValues(format, (value, bytes) => assert.deepEqual(format.parse(bytes), value));
    });

    test('cut at every length it is malformed or something shorter, never more', () => {
      forRandomValues(format, (_, bytes) => {
        for (let length = 0; length < bytes.length; length++) parseOrRefuse(format, bytes.slice(0, length));
      });
    });

    test('with each bit flipped it is malformed or something else', () => {
      const random = new Seeded(SEED);
      for (let round = 0; round < 6; round++) {
        const bytes = format.encode(format.random(random) as never).slice();
        for (let bit = 0; bit < bytes.length * 8; bit++) {
          bytes[bit >> 3]! ^= 1 << (bit & 7);
          parseOrRefuse(format, bytes);
          bytes[bit >> 3]! ^= 1 << (bit & 7);
        }
      }
    });

    test('noise, also within a true message, is malformed or something else', () => {
      const random = new Seeded(SEED);
      for (let round = 0; round < 3000; round++) {
        parseOrRefuse(format, random.bytes(random.below(120)));
        const bytes = format.encode(format.random(random) as never).slice();
        for (let hits = 1 + random.below(8); hits > 0 && bytes.length > 0; hits--)
          bytes[random.below(bytes.length)] = random.pick([0, 1, 0x7f, 0x80, 0xff, random.u32() & 255]);
        parseOrRefuse(format, bytes);
      }
    });
  });
}

function forRandomValues(format: Format, check: (value: unknown, bytes: Bytes) => void): void {
  const random = new Seeded(SEED);
  for (let round = 0; round < ROUNDS; round++) {
    const value = format.random(random);
    check(value, format.encode(value as never));
  }
}

/** Parsed values must encode and parse to themselves again; any error but MalformedError is a fault. */
function parseOrRefuse(format: Format, bytes: Bytes): void {
  let value: unknown;
  try {
    value = format.parse(bytes);
  } catch (error) {
    if (error instanceof MalformedError) return;
    throw new Error(`SEED=${SEED}, bytes ${Buffer.from(bytes).toString('hex')}`, { cause: error });
  }
  const again = format.parse(format.encode(value as never));
  assert.deepEqual(again, value, `SEED=${SEED}, bytes ${Buffer.from(bytes).toString('hex')}`);
}
