/** A whole day in virtual time: both phases are renewed over and over, and no packet notices. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { parseIp } from '../../src/core/net/address.ts';
import { HOUR, MINUTE, SECOND } from '../../src/core/net/time.ts';
import type { Client, ClientOptions } from './client.ts';
import { World, type WorldOptions } from './world.ts';

const DIRECT = parseIp('198.51.100.10')!;
const PROBE_EVERY = 10 * SECOND;

/** Runs a day with one client; gives the longest time between two packets that came back. */
function day(world: World, client: Client): number {
  client.start(world.now);
  world.run(MINUTE);
  assert.ok(client.isConnected(world.now));
  let longest = 0;
  for (const end = world.now + 24 * HOUR; world.now < end; ) {
    world.run(SECOND);
    longest = Math.max(longest, world.now - client.lastEcho);
  }
  return longest;
}

const WHO: readonly { readonly name: string; readonly nat: boolean; readonly options: Partial<ClientOptions> }[] = [
  { name: 'main mode, native ESP', nat: false, options: { mode: 'main', pfs: false } },
  { name: 'main mode behind NAT, PFS', nat: true, options: { mode: 'main', pfs: true } },
  { name: 'aggressive mode behind NAT', nat: true, options: { mode: 'aggressive', pfs: false } },
];

for (const { name, nat, options } of WHO) {
  describe(name, () => {
    test('the client renews both phases and loses no packet, nor its address', () => {
      const world = new World({ seed: 1, phase1Lifetime: 8 * 3600, phase2Lifetime: 3600 });
      const client = dial(world, nat, { ...options, phase1Lifetime: 3600, phase2Lifetime: 1200 });
      assert.ok(day(world, client) <= PROBE_EVERY + SECOND);
      assert.ok(client.logins >= 24, `${client.logins} logins`);
      assert.ok(world.dataplane.installed >= 2 * 72, `${world.dataplane.installed} SAs`);
      checkOneSession(world);
    });

    test('the gateway renews phase 2 when the client does not, and no packet is lost', () => {
      const world = new World({ seed: 2, phase1Lifetime: 8 * 3600, phase2Lifetime: 600 });
      const client = dial(world, nat, { ...options, phase1Lifetime: 8 * 3600, phase2Lifetime: 600, rekeys: false });
      assert.ok(day(world, client) <= PROBE_EVERY + SECOND);
      assert.ok(world.dataplane.installed >= 2 * 144, `${world.dataplane.installed} SAs`);
      checkOneSession(world);
    });
  });
}

function dial(world: World, nat: boolean, options: Partial<ClientOptions>): Client {
  const address = nat ? world.addNat(0, parseIp('100.64.0.1')!).insideAddress(10) : DIRECT;
  return world.addClient({ ...options, address });
}

function checkOneSession({ gateway, events, dataplane }: World): void {
  assert.equal(gateway.sessions().length, 1);
  assert.equal(events.filter(({ type }) => type === 'session-up').length, 1);
  assert.deepEqual(
    events.filter(({ type }) => type === 'failure' || type === 'dropped' || type === 'session-down'),
    [],
  );
  assert.ok(dataplane.inbound.size <= 3, `${dataplane.inbound.size} inbound SAs at the end`);
}

test('two clients behind one NAT, a third with the same user: three sessions all day', () => {
  const options: WorldOptions = { seed: 3, phase1Lifetime: 3600, phase2Lifetime: 900 };
  const world = new World(options);
  const nat = world.addNat(0, parseIp('100.64.0.1')!);
  const clients = ['ann', 'bob', 'ann'].map((user, i) => world.addClient({ user, address: nat.insideAddress(10 + i) }));
  for (const client of clients) client.start(world.now);
  world.run(MINUTE);
  const addresses = world.gateway.sessions().map(({ address }) => address);
  assert.equal(new Set(addresses).size, 3);
  world.run(24 * HOUR);
  for (const client of clients) assert.ok(client.isConnected(world.now));
  assert.deepEqual(
    world.gateway.sessions().map(({ address }) => address),
    addresses,
  );
});
