/** Guessing gets slow, and nobody is locked out by somebody else. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { MINUTE, SECOND } from '../../src/core/net/time.ts';
import { FREE_FAILURES, LONGEST_WAIT, MAX_ENTRIES, Throttle } from '../../src/host/throttle.ts';

function fail(throttle: Throttle, user: string, source: string, now: number): void {
  throttle.began(user, source, now);
  throttle.failed(user, source, now);
}

describe('the throttle', () => {
  it('doubles the wait of a user who fails, up to a bound', () => {
    const throttle = new Throttle();
    const waits: number[] = [];
    for (let i = 0; i < 10; i++) {
      waits.push(throttle.wait('alice', `10.0.0.${i}`, 0));
      fail(throttle, 'alice', `10.0.0.${i}`, 0);
    }
    assert.deepEqual(
      waits,
      [0, 0, 0, 1, 2, 4, 8, 16, 30, 30].map((seconds) => seconds * SECOND),
    );
    assert.equal(throttle.wait('alice', '10.9.9.9', 10 * SECOND), 20 * SECOND);
    assert.equal(throttle.wait('bob', '10.9.9.9', 0), 0);
  });

  it('slows a source that tries one user after the other', () => {
    const throttle = new Throttle();
    for (let i = 0; i <= FREE_FAILURES.source; i++) fail(throttle, `user${i}`, '10.0.0.1', 0);
    assert.equal(throttle.wait('fresh', '10.0.0.1', 0), 2 * SECOND);
    assert.equal(throttle.wait('fresh', '10.0.0.2', 0), 0);
  });

  it('forgets one failure a minute', () => {
    const throttle = new Throttle();
    for (let i = 0; i < 20; i++) fail(throttle, 'alice', '10.0.0.1', 0);
    assert.equal(throttle.wait('alice', '10.0.0.9', 0), LONGEST_WAIT);
    assert.equal(throttle.wait('alice', '10.0.0.9', 18 * MINUTE), 0);
    fail(throttle, 'alice', '10.0.0.1', 18 * MINUTE);
    assert.equal(throttle.wait('alice', '10.0.0.9', 18 * MINUTE), SECOND, 'two and the new one remain');
  });

  it('counts attempts that are still being checked, so that guessing in parallel gains nothing', () => {
    const throttle = new Throttle();
    for (let i = 0; i < 5; i++) throttle.began('alice', '10.0.0.1', 0);
    assert.equal(throttle.wait('alice', '10.0.0.1', 0), 4 * SECOND);
  });

  it('an office behind a NAT may log in all at once', () => {
    const throttle = new Throttle();
    for (let i = 0; i < 100; i++) throttle.began(`user${i}`, '10.0.0.1', 0);
    assert.equal(throttle.wait('last', '10.0.0.1', 0), 0);
  });

  it('a user who got in from a source before waits for no neighbour and no stranger', () => {
    const throttle = new Throttle();
    throttle.began('alice', '10.0.0.1', 0);
    throttle.succeeded('alice', '10.0.0.1', 0);
    for (let i = 0; i < 50; i++) {
      fail(throttle, 'mallory', '10.0.0.1', 0);
      fail(throttle, 'alice', '10.6.6.6', 0);
    }
    assert.equal(throttle.wait('alice', '10.0.0.1', 0), 0);
    assert.equal(throttle.wait('alice', '10.6.6.6', 0), LONGEST_WAIT);
    for (let i = 0; i < 4; i++) fail(throttle, 'alice', '10.0.0.1', 0);
    assert.equal(throttle.wait('alice', '10.0.0.1', 0), 2 * SECOND, 'but for failures of its own it does');
  });

  it('a success cleans the slate of the user and half that of the source', () => {
    const throttle = new Throttle();
    for (let i = 0; i < 20; i++) fail(throttle, 'alice', '10.0.0.1', 0);
    throttle.succeeded('alice', '10.0.0.2', 0);
    assert.equal(throttle.wait('alice', '10.0.0.3', 0), 0);
    throttle.succeeded('bob', '10.0.0.1', 0);
    assert.equal(throttle.wait('carol', '10.0.0.1', 0), SECOND);
  });

  it('remembers a bounded number of users, sources and pairs', () => {
    const throttle = new Throttle();
    for (let i = 0; i < MAX_ENTRIES + 100; i++) {
      fail(throttle, `user${i}`, `source${i}`, 0);
      throttle.succeeded(`user${i}`, `source${i}`, 0);
    }
    assert.ok(throttle.size <= MAX_ENTRIES);
  });
});
