import assert from 'node:assert/strict';
import { test } from 'node:test';
import { REPLAY_WINDOW, ReplayWindow, ReplayWindows } from '../../src/dataplane/replay.ts';
import { Seeded } from '../seeded.ts';

test('the window is at least 1024', () => assert.ok(REPLAY_WINDOW >= 1024));

test('zero is never accepted', () => assert.equal(new ReplayWindow().accepts(0), false));

test('the lower edge', () => {
  const window = new ReplayWindow();
  const top = 100_003;
  window.record(top);
  assert.equal(window.accepts(top), false);
  assert.equal(window.accepts(top - REPLAY_WINDOW + 1), true);
  assert.equal(window.accepts(top - REPLAY_WINDOW), false);
});

test('agrees with a set of all numbers seen, near the end of the numbers too', () => {
  for (const start of [1, 2 ** 31 - 5000, 2 ** 32 - 40_000]) {
    const random = new Seeded(start);
    const window = new ReplayWindow();
    const seen = new Set<number>();
    let highest = start;
    for (let i = 0; i < 30_000; i++) {
      const jump = random.below(20) === 0 ? random.below(3000) : random.below(3);
      const sequence = Math.min(random.below(2) === 0 ? highest + jump : highest - random.below(2500), 2 ** 32 - 1);
      if (sequence < 1) continue;
      const expected = !seen.has(sequence) && sequence > highest - REPLAY_WINDOW;
      if (seen.size > 0) assert.equal(window.accepts(sequence), expected, `${sequence} below ${highest}`);
      if (!expected && seen.size > 0) continue;
      window.record(sequence);
      seen.add(sequence);
      highest = Math.max(highest, sequence);
      assert.equal(window.highest, seen.size === 1 ? sequence : highest);
      if (seen.size === 1) highest = sequence;
    }
  }
});

test('windows in one memory know nothing of each other, and one that is given back begins anew', () => {
  const windows = new ReplayWindows();
  const [one, two, three] = [windows.take(), windows.take(), windows.take()];
  for (let sequence = 1; sequence <= REPLAY_WINDOW; sequence++) two.record(sequence);
  for (const other of [one, three]) {
    other.record(REPLAY_WINDOW);
    assert.equal(other.accepts(1), true);
    assert.equal(other.accepts(REPLAY_WINDOW), false);
  }
  windows.giveBack(two);
  const again = windows.take();
  assert.equal(again.at, two.at);
  again.record(REPLAY_WINDOW);
  for (let sequence = 1; sequence < REPLAY_WINDOW; sequence++) assert.equal(again.accepts(sequence), true);
});
