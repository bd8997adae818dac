/** The signals that end a program, with a clock of the test's. */
import assert from 'node:assert/strict';
import { it } from 'node:test';
import { onEndSignal, SAME_WISH } from '../../src/cli/signals.ts';

it('takes a signal that comes twice at once for one, and a later one for impatience', (test) => {
  const seen: (string | number)[] = [];
  let clock = 1000;
  const signals = ['SIGCONT', 'SIGWINCH'] as const;
  test.after(() => signals.forEach((signal) => void process.removeAllListeners(signal)));
  onEndSignal(signals, (signal) => seen.push(signal), { now: () => clock, exit: (status) => seen.push(status) });
  process.emit('SIGCONT');
  clock += 1900;
  process.emit('SIGWINCH');
  clock += SAME_WISH - 1901;
  process.emit('SIGCONT');
  assert.deepEqual(seen, ['SIGCONT']);
  clock += 1;
  process.emit('SIGCONT');
  assert.deepEqual(seen, ['SIGCONT', 1]);
});
