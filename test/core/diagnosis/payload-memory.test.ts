/** Payloads that many send alike become one fact; of those that never come again only so many are kept. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { u32 } from '../../../src/core/bytes/bytes.ts';
import { MAX_WORDS, readPayload } from '../../../src/core/diagnosis/payload-facts.ts';
import { MAX_COMMON, MAX_COMMON_LENGTH, MAX_NAMES, PayloadMemory } from '../../../src/core/diagnosis/payload-memory.ts';
import { PLAIN_READING } from '../../../src/core/diagnosis/reading.ts';
import { encodeId, IdType } from '../../../src/core/wire/ikev1.ts';
import { PayloadType } from '../../../src/core/wire/isakmp.ts';
import { ke, sa } from './stage.ts';

const vid = (body: Uint8Array) => ({ type: PayloadType.VID, body });

test('proposals and vendor IDs are read once; keys, of which no two are equal, each time', () => {
  const memory = new PayloadMemory(PLAIN_READING);
  assert.equal(memory.read(1, sa()), memory.read(1, sa()));
  assert.notEqual(memory.read(1, sa()), memory.read(1, sa({ group: 2 })));
  assert.notEqual(memory.read(1, sa()), memory.read(2, sa()));
  assert.notEqual(memory.read(1, ke()), memory.read(1, ke()));
  assert.deepEqual(memory.read(1, sa()), readPayload(1, sa(), PLAIN_READING));
});

test('payloads that are remembered', () => {
  const isKept = (others: number) => {
    const memory = new PayloadMemory(PLAIN_READING);
    const first = memory.read(1, sa());
    for (let i = 0; i < others; i++) memory.read(1, vid(u32(i)));
    return memory.read(1, sa()) === first;
  };
  assert.ok(isKept(MAX_COMMON - 1));
  assert.ok(!isKept(MAX_COMMON));
});

test('bytes of one that is remembered', () => {
  const memory = new PayloadMemory(PLAIN_READING);
  const isKept = (length: number) => {
    const [once, again] = [0, 1].map(() => memory.read(1, vid(new Uint8Array(length))));
    return once === again;
  };
  assert.ok(isKept(MAX_COMMON_LENGTH));
  assert.ok(!isKept(MAX_COMMON_LENGTH + 1));
});

test('names of algorithms in proposals that differ; what was read before is known, and all else is read', () => {
  const memory = new PayloadMemory(PLAIN_READING);
  const known = memory.read(1, sa());
  const transforms = 255;
  // of each its cipher, hash, group and method
  for (let group = 100, names = 4; names < MAX_NAMES; group++, names += 4 * transforms) {
    const fact = memory.read(1, sa(...Array.from({ length: transforms }, () => ({ group }))));
    assert.ok(fact.kind === 'SA' && fact.offer.length === transforms, `${names}`);
  }
  assert.equal(memory.read(1, sa({ group: 2 })).kind, 'other');
  assert.equal(memory.read(2, sa({ group: 2 })).kind, 'other');
  assert.equal(memory.read(1, sa()), known);
  assert.equal(memory.read(1, ke()).kind, 'KE');
});

test('letters kept of a name', () => {
  const textOf = (length: number) => {
    const data = new Uint8Array(length).fill(0x61);
    const fact = readPayload(1, encodeId({ type: IdType.KEY_ID, protocol: 0, port: 0, data }), PLAIN_READING);
    return fact.kind === 'ID' ? fact.text : assert.fail(fact.kind);
  };
  assert.equal(textOf(MAX_WORDS), 'a'.repeat(MAX_WORDS));
  assert.equal(textOf(MAX_WORDS + 1), 'a'.repeat(MAX_WORDS));
});
