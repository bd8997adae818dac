/**
 * Ten hours in the life of our client, with trouble every few minutes: the link drops, the NAT forgets, the address changes, the
 * gateway restarts, a carrier's port is closed, the client is killed. When the trouble has passed, it is connected again, without
 * anybody having been asked anything.
 *
 * Every other life has cTCP too. SEEDS=n sets how many lives, SEED=x repeats one.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseIp } from '../../src/core/net/address.ts';
import { HOUR, MINUTE, SECOND } from '../../src/core/net/time.ts';
import { Seeded } from '../seeded.ts';
import type { Dialer } from './dialer.ts';
import { FAIR, type Nat } from './network.ts';
import { World } from './world.ts';

const SEEDS = Number(process.env.SEEDS ?? 4);
const only = process.env.SEED === undefined ? undefined : Number(process.env.SEED);
const seeds = only === undefined ? Array.from({ length: SEEDS }, (_, i) => i + 1) : [only];
const DURATION = 10 * HOUR;
/** The longest wait between two attempts is a minute. */
const HEALING = 2 * MINUTE;

const TROUBLES = [
  'the link drops',
  'the NAT forgets',
  'the address changes',
  'the gateway restarts',
  'a port is closed',
  'the client is killed',
  'much is lost',
] as const;

for (const seed of seeds) {
  test(`ten hours, SEED=${seed}`, () => {
    const script = new Seeded(seed ^ 0xc4a05);
    const world = new World({ seed, phase1Lifetime: 3600, phase2Lifetime: 900 });
    const nat = world.addNat(1, parseIp('100.64.0.1')!);
    const flows = seed % 2 === 0 ? (['cisco-tcp'] as const) : [];
    const dialer = world.addDialer({
      address: nat.insideAddress(10),
      carriers: ['nat-t', 'esp', 'cisco-udp', ...flows],
    });
    dialer.start(world.now);
    world.run(10 * SECOND);
    const end = world.now + DURATION;
    const seen: Record<string, number> = {};
    while (world.now < end) {
      const trouble = script.pick(TROUBLES);
      seen[trouble] = (seen[trouble] ?? 0) + 1;
      befall(world, dialer, nat, trouble, script);
      world.run(HEALING);
      assert.ok(
        dialer.isConnected(world.now),
        `connected again after: ${trouble}, ${(end - world.now) / MINUTE} minutes to go`,
      );
      assert.ok(world.gateway.sessions().length <= 2, 'old sessions go');
      world.run(script.below(4 * MINUTE));
    }
    assert.equal(Object.keys(seen).length, TROUBLES.length, 'each befell it');
    assert.equal(dialer.questions, 0, 'nobody was asked again');
    dialer.stop(world.now);
    world.run(5 * MINUTE);
    assert.equal(world.gateway.sessions().length, 0);
    assert.equal(world.dataplane.inbound.size, 0);
  });
}

/** Comes back when the trouble is over. */
function befall(world: World, dialer: Dialer, nat: Nat, trouble: (typeof TROUBLES)[number], script: Seeded): void {
  const { network } = world;
  const duration = 5 * SECOND + script.below(4 * MINUTE);
  switch (trouble) {
    case 'the link drops':
      network.passes = () => false;
      break;
    case 'the NAT forgets':
      nat.restart(parseIp(`100.64.0.${1 + script.below(250)}`));
      return;
    case 'the address changes':
      if (script.chance(0.5)) {
        dialer.moveTo(undefined, world.now);
        world.run(duration);
      }
      dialer.moveTo(nat.insideAddress(10 + script.below(200)), world.now);
      return;
    case 'the gateway restarts':
      world.restartGateway();
      return;
    case 'a port is closed': {
      const closed = script.pick([500, 4500, 10_000, 'UDP'] as const);
      network.passes = ({ from, to, tcp }) =>
        tcp === true ? closed !== 10_000 : closed !== 'UDP' && from.port !== closed && to.port !== closed;
      break;
    }
    case 'the client is killed':
      world.run(script.below(MINUTE));
      dialer.restart(world.now);
      return;
    case 'much is lost':
      network.weather = { ...FAIR, loss: 0.3, duplicate: 0.1, latency: [20, 600] };
  }
  world.run(duration);
  network.passes = () => true;
  network.weather = FAIR;
}
