/** SYN cookies: what they remember, for how long, and that nobody makes one by guessing. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { CTCP_WINDOW_SHIFT } from '../../../src/core/carrier/ctcp-flow.ts';
import { type FlowHash, makeCookie, openCookie } from '../../../src/core/carrier/syn-cookie.ts';
import { Seeded } from '../../seeded.ts';

const hashOf =
  (endpoints: number): FlowHash =>
  (period, content) =>
    Math.imul(Math.imul(period ^ endpoints, 0x9e3779b1) ^ (content + 0x5bd1e995), 0x85ebca6b);
const hash = hashOf(77);
const NOW = 10 * 60_000 + 30_000;

test('a cookie tells the MSS, rounded down, and whether windows are scaled', () => {
  for (const [mss, remembered] of [
    [0, 536],
    [536, 536],
    [1219, 536],
    [1220, 1220],
    [1400, 1380],
    [1460, 1440],
    [65535, 1440],
  ] as const)
    for (const windowShift of [undefined, CTCP_WINDOW_SHIFT]) {
      const cookie = makeCookie({ mss, windowShift }, hash, NOW);
      assert.ok(cookie >= 0 && cookie <= 0xffff_ffff);
      assert.deepEqual(openCookie(cookie, hash, NOW), { mss: remembered, windowShift });
    }
  const other = makeCookie({ mss: 1460, windowShift: CTCP_WINDOW_SHIFT - 1 }, hash, NOW);
  assert.equal(openCookie(other, hash, NOW)?.windowShift, undefined, 'another scale than ours is none');
});

test('a cookie is good for one to two minutes', () => {
  const cookie = makeCookie({ mss: 1460, windowShift: undefined }, hash, NOW);
  assert.ok(openCookie(cookie, hash, NOW + 89_000));
  assert.equal(openCookie(cookie, hash, NOW + 91_000), undefined);
});

test("another flow's, and a guess, are none", () => {
  const cookie = makeCookie({ mss: 1460, windowShift: undefined }, hash, NOW);
  assert.equal(openCookie(cookie, hashOf(78_000), NOW), undefined);
  const random = new Seeded(6);
  for (let i = 0; i < 10_000; i++) assert.equal(openCookie(random.below(2 ** 32), hash, NOW), undefined);
});
