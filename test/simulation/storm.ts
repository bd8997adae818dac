/** One storm: a script of bad weather and trouble, drawn from a seed, and what must hold during and after it. */
import assert from 'node:assert/strict';
import { ipFromBytes } from '../../src/core/net/address.ts';
import { MINUTE, SECOND } from '../../src/core/net/time.ts';
import { Seeded } from '../seeded.ts';
import type { Client } from './client.ts';
import { FAIR, type Nat } from './network.ts';
import { World } from './world.ts';

/** How long after the weather cleared everybody is connected again, but for who waits for its next rekey. */
const HEALING = 5 * MINUTE;

export interface Outcome {
  readonly clients: number;
  /** Lost both the end of a quick mode and the word that it failed: their tunnels came back with the next rekey. */
  readonly late: number;
}

/** Runs a storm; throws when something is not as it should be. */
export function storm(seed: number, watch: (world: World) => void = () => undefined): Outcome {
  const script = new Seeded(seed ^ 0x5eed);
  const phase1Lifetime = script.pick([600, 1800, 3600]);
  const phase2Lifetime = script.pick([180, 600, 900]);
  const world = new World({ seed, phase1Lifetime, phase2Lifetime });
  watch(world);
  const nats = [0, 1].map((i) => world.addNat(i, publicAddress(script)));
  const clients = Array.from({ length: 1 + script.below(4) }, (_, i) => {
    const nat = script.chance(0.75) ? script.pick(nats) : undefined;
    const address = nat?.insideAddress(10 + i) ?? ipFromBytes(Uint8Array.of(198, 51, 100, 10 + i));
    return world.addClient({ address, phase1Lifetime, phase2Lifetime });
  });
  for (const client of clients) world.plan(world.now + script.below(MINUTE), () => client.start(world.now));
  const duration = script.pick([20, 40, 60]) * MINUTE;
  planTrouble(world, clients, nats, script, duration - 4 * MINUTE);
  world.run(duration);

  world.network.weather = FAIR;
  world.run(HEALING);
  const late = clients.filter((client) => !client.isConnected(world.now)).length;
  if (late > 0) world.run(phase2Lifetime * SECOND);
  for (const [i, client] of clients.entries())
    assert.ok(client.isConnected(world.now), `client ${i} stays without its tunnel`);

  for (const client of clients) script.chance(0.5) ? client.stop(world.now) : client.crash();
  world.run(10 * MINUTE);
  checkNothingLeft(world);
  return { clients: clients.length, late };
}

function checkNothingLeft({ gateway, dataplane, clients, now }: World): void {
  assert.deepEqual(gateway.sessions(), []);
  assert.equal(gateway.halfOpen, 0, 'half-open negotiations');
  assert.equal(dataplane.sessions.size, 0, 'sessions in the dataplane');
  assert.equal(dataplane.inbound.size, 0, 'SAs in the dataplane');
  assert.equal(gateway.pollTimeout(), undefined, `a timer at ${gateway.pollTimeout()}, now ${now}`);
  for (const client of clients) assert.ok(client.sleeps);
}

function planTrouble(
  world: World,
  clients: readonly Client[],
  nats: readonly Nat[],
  script: Seeded,
  until: number,
): void {
  world.network.weather = {
    latency: [script.below(50), 50 + script.below(script.pick([50, 400, 2000]))],
    loss: script.pick([0, 0.01, 0.1, 0.3]),
    duplicate: script.pick([0, 0.05, 0.3]),
    mtu: 1500,
  };
  const { weather } = world.network;
  for (let trouble = script.below(12); trouble > 0; trouble--) {
    const client = script.pick(clients);
    const nat = script.pick(nats);
    const at = world.now + script.below(until);
    const act = script.pick([
      () => nat.restart(),
      () => nat.restart(publicAddress(script)),
      () => {
        world.network.weather = { ...weather, loss: 1 };
        world.plan(world.now + script.below(3 * MINUTE), () => {
          world.network.weather = weather;
        });
      },
      () => {
        client.crash();
        world.plan(world.now + script.below(MINUTE), () => client.start(world.now));
      },
      () => {
        client.stop(world.now);
        world.plan(world.now + script.below(MINUTE), () => client.start(world.now));
      },
      () => client.moveTo(nat.insideAddress(10 + clients.indexOf(client)), world.now),
      () => {
        const session = world.gateway.sessions()[0];
        if (session) world.gateway.kick(session.id, 'an administrator said so', world.now);
        world.drain();
      },
      () => {
        for (const [id, session] of world.dataplane.sessions)
          for (const sa of session.outbound.slice(-1)) world.gateway.handleRekeyNeeded(id, sa.spi, world.now);
        world.drain();
      },
    ]);
    world.plan(at, act);
  }
}

function publicAddress(script: Seeded) {
  return ipFromBytes(Uint8Array.of(100, 64, script.below(256), 1 + script.below(250)));
}
