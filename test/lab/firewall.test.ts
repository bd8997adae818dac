/** The lab's firewalls let through what they are told and nothing else: found out with plain packets. */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { Echo, openTo } from './echo.ts';
import { dropFirewall, FIVE, type FirewallOptions, type OpeningName, raiseFirewall } from './firewall.ts';
import type { Netns } from './netns.ts';
import { lacking } from './requirements.ts';
import { clientAddress, gatewayAddress, gatewayPublicAddress, Topology } from './topology.ts';

describe('the firewalls of the lab', { skip: lacking(), timeout: 600_000 }, () => {
  let net: Topology;
  let echo: Echo;

  before(async () => {
    net = await Topology.create('fw');
    echo = await Echo.start(net.gw, FIVE);
  });

  after(async () => {
    await echo?.stop();
    net?.remove();
  });

  /** Each opening is open in one and shut in another, and 10000 is not the same port in UDP and TCP. */
  const sets: readonly (readonly OpeningName[])[] = [
    ['udp/500', 'udp/10000'],
    ['protocol/50', 'tcp/10000', 'udp/4500'],
    ['tcp/10000'],
    ['udp/10000'],
  ];

  async function passExactly(from: Netns, wall: Netns, gateway: string, options: FirewallOptions): Promise<void> {
    assert.deepEqual(await openTo(from, gateway, FIVE, FIVE), FIVE, 'without a firewall');
    for (const set of sets) {
      await raiseFirewall(wall, set, options);
      const expected = FIVE.filter((opening) => set.includes(opening));
      assert.deepEqual(await openTo(from, gateway, FIVE, expected), expected, `with ${set.join(', ')} open`);
    }
    await dropFirewall(wall);
  }

  for (const variant of ['strict', 'stateful'] as const) {
    it(`${variant}, on a host`, async () => {
      await passExactly(net.cl, net.cl, gatewayAddress, { variant });
    });

    it(`${variant}, on a host behind a NAT`, async () => {
      await passExactly(net.c1, net.c1, gatewayPublicAddress, { variant });
    });

    it(`${variant}, in front of the gateway`, async () => {
      await passExactly(net.c1, net.nat, gatewayPublicAddress, { variant, towardsGateway: 'outside' });
    });
  }

  it('stateful: from the gateway nobody begins', async () => {
    const other = await Echo.start(net.cl, FIVE);
    await raiseFirewall(net.cl, FIVE, { variant: 'stateful' });
    assert.deepEqual(await openTo(net.gw, clientAddress, ['udp/500', 'tcp/10000']), []);
    await raiseFirewall(net.cl, FIVE);
    assert.deepEqual(await openTo(net.gw, clientAddress, FIVE, FIVE), FIVE, 'strict: what is named comes in by itself');
    await dropFirewall(net.cl);
    await other.stop();
  });
});
