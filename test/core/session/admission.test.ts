/** Admission at its bounds: each rate to its last token, who comes first when there is more, and for how long. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { u32 } from '../../../src/core/bytes/bytes.ts';
import { type Endpoint, ipFromBytes, parseIp } from '../../../src/core/net/address.ts';
import { SECOND } from '../../../src/core/net/time.ts';
import { Admission, MAX_SOURCES, SPENT_FOR } from '../../../src/core/session/admission.ts';

const NOW = 5000;
const at = (address: string, port = 500): Endpoint => ({ address: parseIp(address)!, port });
const elsewhere = (i: number): Endpoint => ({ address: ipFromBytes(u32(0x64000000 + i)), port: 500 });
const count = (times: number, what: (i: number) => boolean) =>
  Array.from({ length: times }, (_, i) => what(i)).filter(Boolean).length;

test('an endpoint has eight tries, then one a second', () => {
  const admission = new Admission();
  const tries = (now: number) => count(20, () => admission.admits(at('192.0.2.1'), now));
  assert.equal(tries(NOW), 8);
  assert.equal(tries(NOW + SECOND - 1), 0);
  assert.equal(tries(NOW + SECOND), 1);
  assert.equal(tries(NOW + 3600 * SECOND), 8);
});

test('an address has its share when others take the rest', () => {
  const admission = new Admission();
  // down to half of what there is for all
  for (let i = 0; i < 301; i++) admission.admits(elsewhere(i), NOW);
  const tries = (now: number) => count(1000, (i) => admission.admits(at('192.0.2.1', 1024 + i), now));
  assert.equal(tries(NOW), 100);
  const later = new Admission();
  assert.equal(
    count(1000, (i) => later.admits(at('192.0.2.1', 1024 + i), NOW)),
    301,
    'alone it has half of all, to the token at which half is left',
  );
});

test('all together have 600, then 300 a second', () => {
  const admission = new Admission();
  let next = 0;
  const tries = (now: number) => count(2000, () => admission.admits(elsewhere(next++), now));
  assert.equal(tries(NOW), 600);
  assert.equal(tries(NOW + SECOND), 300);
});

test('who came to nothing stands back under pressure for a while, and no longer', () => {
  const admission = new Admission();
  const failed = at('192.0.2.1', 30_000);
  assert.ok(admission.admits(failed, NOW));
  assert.ok(admission.admits(failed, NOW), 'there is no pressure');
  const press = (now: number) => {
    for (let i = 0; i < 1000; i++) admission.admits(at('192.0.2.1', 1024 + i), now);
  };
  press(NOW);
  const soon = NOW + 100;
  assert.ok(!admission.admits(failed, soon));
  assert.ok(admission.admits(at('192.0.2.1', 30_001), soon), 'one that is new has its try');
  admission.handleProof(failed);
  assert.ok(admission.admits(failed, soon), 'one that proved itself has not come to nothing');
  const late = soon + SPENT_FOR;
  press(late);
  assert.ok(admission.admits(failed, late + 100));
});

test('who logged in has a share beside all others, and it has an end', () => {
  const admission = new Admission();
  const users = Array.from({ length: 300 }, (_, i) => at('192.0.2.1', 1024 + i));
  for (const user of users) admission.handleLogin(user, NOW);
  for (let i = 0; i < 2000; i++) admission.admits(elsewhere(i), NOW);
  assert.equal(
    count(300, (i) => admission.admits(users[i]!, NOW)),
    200,
  );
});

test('of so many who logged in and no more is known', () => {
  const admission = new Admission();
  const first = at('192.0.2.1');
  admission.handleLogin(first, NOW);
  for (let i = 0; i < MAX_SOURCES - 1; i++) admission.handleLogin(elsewhere(i), NOW);
  for (let i = 0; i < 2000; i++) admission.admits(elsewhere(0x200000 + i), NOW);
  assert.ok(admission.admits(first, NOW));
  admission.handleLogin(elsewhere(MAX_SOURCES), NOW);
  assert.ok(!admission.admits(first, NOW), 'the one whose login is oldest was forgotten');
});

test('reports and notifications have their bursts and rates', () => {
  const admission = new Admission();
  for (const [may, burst] of [
    [(now: number) => admission.mayReport(now), 100],
    [(now: number) => admission.mayReportError(now), 100],
    [(now: number) => admission.mayNotify(now), 20],
  ] as const) {
    assert.equal(
      count(500, () => may(NOW)),
      burst,
    );
    assert.equal(
      count(500, () => may(NOW + SECOND)),
      10,
    );
  }
});
