import assert from 'node:assert/strict';
import { test } from 'node:test';
import { U32Table } from '../../src/dataplane/u32-table.ts';
import { Seeded } from '../seeded.ts';

test('agrees with a Map through random sets and deletes', () => {
  const random = new Seeded(2);
  const table = new U32Table(200);
  const map = new Map<number, number>();
  // Few keys, so that they meet again; multiples of a power of two, so that they collide.
  const key = () => (random.below(300) << 24) >>> 0 || random.below(300);
  for (let i = 0; i < 50_000; i++) {
    const k = key();
    if (random.below(2) === 0 && (map.size < 200 || map.has(k))) {
      table.set(k, i);
      map.set(k, i);
    } else {
      table.delete(k);
      map.delete(k);
    }
    const probe = key();
    assert.equal(table.lookup(probe), map.get(probe) ?? -1);
    assert.equal(table.size, map.size);
  }
});

test('a full table takes no new key, but a new value for an old one', () => {
  const table = new U32Table(3);
  for (const key of [0, 1, 0xffffffff]) table.set(key, key & 7);
  assert.throws(() => table.set(2, 2), RangeError);
  table.set(0xffffffff, 9);
  assert.deepEqual(
    [0, 1, 2, 0xffffffff].map((key) => table.lookup(key)),
    [0, 1, -1, 9],
  );
  table.delete(0);
  table.set(2, 2);
  assert.equal(table.lookup(2), 2);
});
