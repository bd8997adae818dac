/**
 * An hour of life: a dozen clients come, roam, renew, crash and hang up without rest, in fair weather and foul. At every
 * minute the gateway holds no more than there are clients; at the end, when all have gone, it holds nothing.
 *
 * SOAK_SEEDS=n sets how many hours, SEED=x repeats one.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ipFromBytes, parseIp } from '../../src/core/net/address.ts';
import { HOUR, MINUTE } from '../../src/core/net/time.ts';
import { Seeded } from '../seeded.ts';
import type { Client } from './client.ts';
import { FAIR, type Nat } from './network.ts';
import { World } from './world.ts';

const CLIENTS = 12;
const SEEDS = Number(process.env.SOAK_SEEDS ?? 30);
const only = process.env.SEED === undefined ? undefined : Number(process.env.SEED);
const seeds = only === undefined ? Array.from({ length: SEEDS }, (_, i) => i + 1) : [only];
/** An old session of a client that crashed stays until dead peer detection is sure. */
const SESSIONS_EACH = 4;
/** Who died last is noticed by then. */
const AFTERMATH = 10 * MINUTE;

for (const seed of seeds) {
  test(`an hour, SEED=${seed}`, () => {
    const script = new Seeded(seed ^ 0x50a4);
    const world = new World({ seed, pool: '10.77.0.0/24', phase1Lifetime: 900, phase2Lifetime: 300 });
    const nats = [0, 1, 2].map((i) => world.addNat(i, parseIp(`100.64.0.${i + 1}`)!));
    const clients = Array.from({ length: CLIENTS }, (_, i) => addClient(world, nats, script, i));
    for (const client of clients) live(world, client, nats, script, 10 + clients.indexOf(client));

    const end = world.now + HOUR;
    while (world.now < end) {
      world.network.weather = script.chance(0.8) ? FAIR : { ...FAIR, loss: 0.2, duplicate: 0.1, latency: [20, 400] };
      world.run(MINUTE);
      checkBounds(world);
    }

    world.network.weather = FAIR;
    for (const client of clients) script.chance(0.5) ? client.stop(world.now) : client.crash();
    world.run(AFTERMATH);
    checkNothingLeft(world);
    assert.ok(clients.reduce((sum, { logins }) => sum + logins, 0) > CLIENTS * 3, 'they lived');
  });
}

function addClient(world: World, nats: readonly Nat[], script: Seeded, i: number): Client {
  const behind = script.chance(0.75) ? script.pick(nats) : undefined;
  const address = behind?.insideAddress(10 + i) ?? ipFromBytes(Uint8Array.of(198, 51, 100, 10 + i));
  return world.addClient({ address, phase1Lifetime: 900, phase2Lifetime: 300, rekeys: script.chance(0.7) });
}

/** Something happens to the client every few minutes, for an hour; who has gone comes back. */
function live(world: World, client: Client, nats: readonly Nat[], script: Seeded, host: number): void {
  const end = world.now + HOUR - MINUTE;
  const start = () => client.start(world.now);
  world.plan(world.now + script.below(MINUTE), start);
  for (let at = world.now + MINUTE; at < end; at += MINUTE + script.below(6 * MINUTE)) {
    const happens = script.pick(['hangs up', 'crashes', 'moves', 'its NAT restarts'] as const);
    const nat = script.pick(nats);
    const back = at + script.below(MINUTE);
    world.plan(at, () => {
      if (happens === 'moves') return client.moveTo(nat.insideAddress(host), world.now);
      if (happens === 'its NAT restarts') return nat.restart();
      if (happens === 'hangs up') client.stop(world.now);
      else client.crash();
      world.plan(back, start);
    });
  }
}

function checkBounds({ gateway, dataplane, clients }: World): void {
  const most = clients.length * SESSIONS_EACH;
  assert.ok(gateway.sessions().length <= most, `${gateway.sessions().length} sessions`);
  assert.ok(gateway.halfOpen <= most, `${gateway.halfOpen} half-open`);
  assert.ok(dataplane.sessions.size <= most, `${dataplane.sessions.size} sessions in the dataplane`);
  assert.ok(dataplane.inbound.size <= most * 4, `${dataplane.inbound.size} SAs in the dataplane`);
}

function checkNothingLeft({ gateway, dataplane, clients }: World): void {
  assert.deepEqual(gateway.sessions(), []);
  assert.equal(gateway.halfOpen, 0, 'half-open negotiations');
  assert.equal(dataplane.sessions.size, 0, 'sessions in the dataplane');
  assert.equal(dataplane.inbound.size, 0, 'SAs in the dataplane');
  assert.equal(gateway.pollTimeout(), undefined, 'timers');
  for (const client of clients) assert.ok(client.sleeps);
}
