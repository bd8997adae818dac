import assert from 'node:assert/strict';
import { test } from 'node:test';
import { REPLAY_WINDOW, ReplayWindow } from '../../../src/core/esp/replay.ts';

/** Receives `sequence` as an SA would; true if it was let in. */
function receive(window: ReplayWindow, sequence: number): boolean {
  const accepted = window.accepts(sequence);
  if (accepted) window.record(sequence);
  return accepted;
}

test('the window holds 1024 packets or more', () => assert.ok(REPLAY_WINDOW >= 1024));

test('sequence number 0 is never accepted', () => assert.equal(new ReplayWindow().accepts(0), false));

test('asking changes nothing', () => {
  const window = new ReplayWindow();
  assert.equal(window.accepts(5), true);
  assert.equal(window.accepts(5), true);
});

test('each number is accepted once, in order', () => {
  const window = new ReplayWindow();
  for (let n = 1; n <= 3 * REPLAY_WINDOW; n++) {
    assert.equal(receive(window, n), true);
    assert.equal(receive(window, n), false);
  }
});

test('the oldest number of the window is accepted, the one before it is not', () => {
  for (const highest of [REPLAY_WINDOW, REPLAY_WINDOW + 1, 2 * REPLAY_WINDOW, 100_000, 0xffffffff]) {
    const window = new ReplayWindow();
    receive(window, highest);
    assert.equal(window.accepts(highest - REPLAY_WINDOW), false, `${highest}`);
    assert.equal(receive(window, highest - REPLAY_WINDOW + 1), true, `${highest}`);
    assert.equal(receive(window, highest - REPLAY_WINDOW + 1), false, `${highest}`);
  }
});

test('a leap over the whole ring forgets what was seen, and nothing else is let in', () => {
  const window = new ReplayWindow();
  for (let n = 1; n <= 4096; n++) receive(window, n);
  const far = 4096 * 1000 + 17;
  assert.equal(receive(window, far), true);
  for (let n = far - REPLAY_WINDOW + 1; n < far; n++) assert.equal(receive(window, n), true, `${n}`);
  for (let n = far - REPLAY_WINDOW - 100; n <= far; n++) assert.equal(receive(window, n), false, `${n}`);
});

test('what was left out is accepted later, once, also where the ring has come round', () => {
  const window = new ReplayWindow();
  const last = 7001;
  for (let n = 1; n <= last; n++) if (n % 7 !== 0) assert.equal(receive(window, n), true, `${n}`);
  for (let n = 7; n <= last; n += 7) {
    assert.equal(receive(window, n), n > last - REPLAY_WINDOW, `${n}`);
    assert.equal(receive(window, n), false, `${n}`);
  }
});

test('numbers with the top bit set count as large', () => {
  const window = new ReplayWindow();
  for (const n of [0x7fffffff, 0x80000000, 0xfffffffe, 0xffffffff]) assert.equal(receive(window, n), true);
  for (const n of [1, 0x7fffffff, 0x80000000, 0xfffffffe, 0xffffffff]) assert.equal(receive(window, n), false);
});

test('agrees with a plain set over random walks', () => {
  for (let seed = 1; seed <= 40; seed++) {
    const random = lcg(seed);
    const window = new ReplayWindow();
    const seen = new Set<number>();
    let highest = 0;
    for (let i = 0; i < 3000; i++) {
      const n = Math.max(1, highest + Math.floor(random() * stride(random)) - Math.floor(random() * 2 * REPLAY_WINDOW));
      const expected = n > highest - REPLAY_WINDOW && !seen.has(n);
      assert.equal(receive(window, n), expected, `seed ${seed}, step ${i}, number ${n}, highest ${highest}`);
      if (expected) seen.add(n);
      highest = Math.max(highest, seen.has(n) ? n : 0);
    }
  }
});

/** Mostly small steps, sometimes further than the ring. */
function stride(random: () => number): number {
  const kind = random();
  return kind < 0.5 ? 64 : kind < 0.95 ? 2 * REPLAY_WINDOW : 10 * REPLAY_WINDOW;
}

/** Numerical Recipes' generator: repeatable, 0 to 1. */
function lcg(seed: number): () => number {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 32;
  };
}
