/** What a carrier is said to need is what vpnc needs for it: with that open it gets through, with less it doesn't. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { openingName, openingsOf, STANDARD_PORTS } from '../../src/core/openings/openings.ts';
import { dropFirewall, type OpeningName, raiseFirewall } from '../lab/firewall.ts';
import { lacking } from '../lab/requirements.ts';
import { scene } from '../lab/scene.ts';
import { gatewayAddress, gatewayPublicAddress } from '../lab/topology.ts';
import { reaches } from '../lab/traffic.ts';
import { Vpnc } from '../lab/vpnc.ts';

const ways = [
  { mode: 'force-natt', carrier: 'nat-t' },
  { mode: 'none', carrier: 'esp' },
  { mode: 'cisco-udp', carrier: 'cisco-udp' },
] as const;

describe('vpnc behind a firewall', { skip: lacking('vpnc'), timeout: 900_000 }, () => {
  const stage = scene({ label: 'fv' });

  for (const variant of ['strict', 'stateful'] as const) {
    for (const { mode, carrier } of ways) {
      // vpnc's NAT-T begins on the IKE port.
      const needed = openingsOf(carrier, STANDARD_PORTS, 'ike').map(openingName) as OpeningName[];

      it(`${variant}: ${carrier} with ${needed.join(' and ')}`, async () => {
        const { net, gateway } = stage;
        await raiseFirewall(net.cl, needed, { variant });
        const vpnc = await Vpnc.connect(net.cl, { mode, gateway: gatewayAddress });
        assert.ok(await reaches(net.cl), vpnc.log);
        assert.equal((await gateway.holds(1))[0]?.carrier, carrier);
        await vpnc.stop();
        await gateway.holds(0);
        await dropFirewall(net.cl);
      });

      if (carrier === 'nat-t') continue;
      it(`${variant}: ${carrier} with UDP 500 alone logs in and carries nothing`, async () => {
        const { net, gateway } = stage;
        await raiseFirewall(net.cl, ['udp/500'], { variant });
        const vpnc = await Vpnc.connect(net.cl, { mode, gateway: gatewayAddress });
        assert.ok(!(await reaches(net.cl, { wait: 0.5 }, 3)), 'ESP does not pass');
        await vpnc.stop();
        await gateway.holds(0);
        await dropFirewall(net.cl);
      });
    }

    it(`${variant}, in front of the gateway, with a NAT: cisco-udp with UDP 500 and 10000`, async () => {
      const { net, gateway } = stage;
      await raiseFirewall(net.nat, ['udp/500', 'udp/10000'], { variant, towardsGateway: 'outside' });
      const vpnc = await Vpnc.connect(net.c1, { mode: 'cisco-udp', gateway: gatewayPublicAddress });
      assert.ok(await reaches(net.c1), vpnc.log);
      await vpnc.stop();
      await gateway.holds(0);
      await dropFirewall(net.nat);
    });
  }
});
