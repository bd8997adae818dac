import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Worker } from 'node:worker_threads';
import { Ring, ringBytes } from '../../src/dataplane/ring.ts';
import { Seeded } from '../seeded.ts';

const CAPACITY = 1024;

function ringOf(capacity: number): Ring {
  return new Ring(new SharedArrayBuffer(ringBytes(capacity)), 0, capacity);
}

function put(ring: Ring, bytes: Uint8Array): boolean {
  const at = ring.reserve(bytes.length);
  if (at < 0) return false;
  ring.bytes.set(bytes, at);
  ring.publish();
  return true;
}

function take(ring: Ring): Uint8Array | undefined {
  const at = ring.peek();
  if (at < 0) return undefined;
  const bytes = ring.bytes.slice(at, at + ring.lengthAt(at));
  ring.release(at);
  return bytes;
}

test('records come out as they went in, over many rounds of the ring', () => {
  const random = new Seeded(1);
  const ring = ringOf(CAPACITY);
  const waiting: Uint8Array[] = [];
  for (let i = 0; i < 20_000; i++) {
    const bytes = random.bytes(random.below(200));
    if (random.below(2) === 0 && put(ring, bytes)) waiting.push(bytes);
    else if (random.below(2) === 0) assert.deepEqual(take(ring), waiting.shift());
  }
  while (waiting.length > 0) assert.deepEqual(take(ring), waiting.shift());
  assert.equal(take(ring), undefined);
});

test('a full ring takes no more, keeps what it has, and has room again after a release', () => {
  const ring = ringOf(CAPACITY);
  let records = 0;
  while (put(ring, Uint8Array.of(records))) records++;
  assert.equal(records, CAPACITY / 16);
  assert.equal(ring.reserve(0), -1);
  assert.deepEqual(take(ring), Uint8Array.of(0));
  assert.ok(put(ring, Uint8Array.of(99)));
  assert.equal(put(ring, Uint8Array.of(100)), false);
  for (let i = 1; i < records; i++) assert.deepEqual(take(ring), Uint8Array.of(i));
  assert.deepEqual(take(ring), Uint8Array.of(99));
});

test('it knows what waits in it, and the most that ever did', () => {
  const ring = ringOf(CAPACITY);
  assert.deepEqual([ring.waiting, ring.highest], [0, 0]);
  for (let i = 0; i < 3; i++) put(ring, new Uint8Array(100));
  assert.deepEqual([ring.waiting, ring.highest], [3 * 112, 3 * 112]);
  for (let i = 0; i < 3; i++) take(ring);
  assert.deepEqual([ring.waiting, ring.highest], [0, 3 * 112]);
  while (put(ring, new Uint8Array(8)));
  assert.deepEqual([ring.waiting, ring.highest], [CAPACITY, CAPACITY]);
});

test('a reserve is left to those who ask for none', () => {
  const ring = ringOf(CAPACITY);
  assert.equal(ring.reserve(600, 512), -1);
  assert.ok(ring.reserve(600) >= 0);
});

test('the largest payload fits an empty ring wherever it begins', () => {
  for (let start = 0; start < CAPACITY; start += 8) {
    const ring = ringOf(CAPACITY);
    for (let moved = 0; moved < start; moved += 16) {
      put(ring, Uint8Array.of(1));
      take(ring);
    }
    assert.ok(put(ring, new Uint8Array(ring.maxPayload)), `beginning at ${start}`);
    assert.equal(take(ring)?.length, ring.maxPayload);
  }
});

test('head and tail go on past 2^31 bytes', () => {
  const memory = new SharedArrayBuffer(ringBytes(CAPACITY));
  new Int32Array(memory, 0, 2).fill(2 ** 31 - 64);
  const ring = new Ring(memory, 0, CAPACITY);
  for (let i = 0; i < 64; i++) {
    assert.ok(put(ring, Uint8Array.of(i)));
    assert.deepEqual(take(ring), Uint8Array.of(i));
  }
});

test('a released record is wiped', () => {
  const ring = ringOf(CAPACITY);
  put(ring, new Uint8Array(32).fill(0xaa));
  take(ring);
  assert.ok(!ring.bytes.includes(0xaa));
});

test('between two threads nothing is lost or torn, and a waiting producer is woken', async () => {
  const memory = new SharedArrayBuffer(ringBytes(CAPACITY));
  const ring = new Ring(memory, 0, CAPACITY);
  const code = `
    const { workerData, parentPort } = await import('node:worker_threads');
    const { Ring } = await import(workerData.module);
    const ring = new Ring(workerData.memory, 0, ${CAPACITY});
    let next = 0;
    while (next < 20000) {
      const at = ring.peek();
      if (at < 0) continue;
      const length = ring.lengthAt(at);
      const value = ring.bytes[at] | (ring.bytes[at + 1] << 8);
      if (value !== (next & 0xffff) || length !== 2 + (next % 90)) throw new Error('torn at ' + next);
      ring.release(at);
      next++;
    }
    parentPort.postMessage(next);`;
  const module = new URL('../../src/dataplane/ring.ts', import.meta.url).href;
  const worker = new Worker(new URL(`data:text/javascript,${encodeURIComponent(code)}`), {
    workerData: { memory, module },
  });
  const result = new Promise((resolve, reject) => {
    worker.once('message', resolve);
    worker.once('error', reject);
  });
  for (let i = 0; i < 20_000; i++) {
    const at = ring.reserveWaiting(2 + (i % 90), 120_000);
    assert.ok(at >= 0);
    ring.bytes[at] = i;
    ring.bytes[at + 1] = i >> 8;
    ring.publish();
  }
  assert.equal(await result, 20_000);
});

test('a producer gives up when the consumer does not move', () => {
  const ring = ringOf(CAPACITY);
  while (put(ring, new Uint8Array(100)));
  const before = performance.now();
  assert.equal(ring.reserveWaiting(100, 30), -1);
  assert.ok(performance.now() - before >= 25);
});

test('a consumer that waits is woken by the next record', async () => {
  const ring = ringOf(CAPACITY);
  const woken = ring.waitForRecord();
  setTimeout(() => put(ring, Uint8Array.of(5)), 5);
  await woken;
  assert.deepEqual(take(ring), Uint8Array.of(5));
});
