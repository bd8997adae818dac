import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { EspSa } from '../../src/core/esp/sa.ts';
import { parsePrefix } from '../../src/core/net/address.ts';
import { DataplaneError } from '../../src/dataplane/errors.ts';
import { MAX_SAS_PER_SESSION, MAX_SESSIONS } from '../../src/dataplane/limits.ts';
import { Registry } from '../../src/dataplane/registry.ts';
import { keysOf } from './lab/keys.ts';

const suite = { cipher: 'aes-gcm', keyBits: 128 } as const;
const all = parsePrefix('0.0.0.0/0')!;

function sa(sessionId: number, direction: 'in' | 'out', spi: number): EspSa {
  return { sessionId, direction, spi, suite, keys: keysOf(suite, 1, 0), localSelector: all, remoteSelector: all };
}

function code(wanted: string): (error: unknown) => boolean {
  return (error) => error instanceof DataplaneError && error.code === wanted;
}

test('sessions up to the bound, an error above it, and room again after one closed', () => {
  const registry = new Registry();
  const slots = new Set<number>();
  for (let id = 0; id < MAX_SESSIONS; id++) slots.add(registry.open(id).slot);
  assert.equal(slots.size, MAX_SESSIONS);
  assert.ok([...slots].every((slot) => slot < MAX_SESSIONS));
  assert.throws(() => registry.open(MAX_SESSIONS), code('too-many-sessions'));
  assert.throws(() => registry.open(5), code('session-open'));
  const { slot, generation } = registry.require(7);
  registry.close(registry.require(7));
  const next = registry.open(MAX_SESSIONS);
  assert.equal(next.slot, slot);
  assert.notEqual(next.generation, generation, "the counters of the predecessor are not the new one's");
});

test("SAs: ours are unique in the process, the peer's in its session, and each session has a bound", () => {
  const registry = new Registry();
  registry.open(1);
  registry.open(2);
  registry.addSa(sa(1, 'in', 500));
  assert.throws(() => registry.addSa(sa(2, 'in', 500)), code('spi-in-use'));
  registry.addSa(sa(1, 'out', 500));
  registry.addSa(sa(2, 'out', 500));
  assert.throws(() => registry.addSa(sa(2, 'out', 500)), code('spi-in-use'));
  for (let i = 1; i < MAX_SAS_PER_SESSION; i++) registry.addSa(sa(1, 'out', 1000 + i));
  assert.throws(() => registry.addSa(sa(1, 'out', 5000)), code('too-many-sas'));
  assert.throws(() => registry.addSa(sa(3, 'in', 600)), code('session-unknown'));
});

test('a closed session frees its SPIs; removing twice is nothing', () => {
  const registry = new Registry();
  const session = registry.open(1);
  registry.addSa(sa(1, 'in', 500));
  assert.equal(registry.removeSa(session, 'in', 500), true);
  assert.equal(registry.removeSa(session, 'in', 500), false);
  registry.addSa(sa(1, 'in', 500));
  registry.close(session);
  registry.open(2);
  registry.addSa(sa(2, 'in', 500));
});

test('sessions that share the SAs of another take a slot each, and close by themselves or with it', () => {
  const registry = new Registry();
  const host = registry.open(1);
  for (const id of [2, 3]) registry.open(id, host);
  const slots = new Set([1, 2, 3].map((id) => registry.require(id).slot));
  assert.equal(slots.size, 3);
  registry.close(registry.require(2));
  assert.deepEqual([host.guests.map(({ id }) => id), registry.find(2)], [[3], undefined]);
  const before = host.generation;
  registry.renew(host);
  assert.notEqual(host.generation, before);
  registry.close(host);
  assert.equal(registry.find(3), undefined);
  for (const id of [4, 5, 6]) assert.ok(slots.has(registry.open(id).slot), 'all slots are free again');
});
