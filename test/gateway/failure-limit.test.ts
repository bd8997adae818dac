import assert from 'node:assert/strict';
import { test } from 'node:test';
import { FAILURES_TOLD, FailureLimit } from '../../src/gateway/failure-limit.ts';

test('failures are told up to a rate, and then how many were not', () => {
  const limit = new FailureLimit();
  const told = Array.from({ length: 1000 }, () => limit.take(0)).filter((untold) => untold !== undefined);
  assert.deepEqual(told, Array(FAILURES_TOLD.burst).fill(0));
  assert.equal(limit.take(1000), 1000 - FAILURES_TOLD.burst);
  assert.equal(limit.take(1000), 0);
  const more = Array.from({ length: 100 }, () => limit.take(1000)).filter((untold) => untold !== undefined);
  assert.equal(more.length, FAILURES_TOLD.perSecond - 2);
});
