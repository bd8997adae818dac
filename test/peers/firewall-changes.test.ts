/** A firewall that changes under a tunnel that stands: ESP moves to the carrier that passes now, without another login. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Carrier } from '../../src/core/openings/openings.ts';
import { Client } from '../lab/client.ts';
import { dropFirewall, type OpeningName, raiseFirewall } from '../lab/firewall.ts';
import { until } from '../lab/poll.ts';
import { lacking } from '../lab/requirements.ts';
import { scene } from '../lab/scene.ts';
import { reaches } from '../lab/traffic.ts';

/** From each carrier to another kind: on the IKE port, beside it, floated, in TCP. */
const steps: readonly { readonly open: readonly OpeningName[]; readonly carrier: Carrier }[] = [
  { open: ['udp/4500'], carrier: 'nat-t' },
  { open: ['udp/500', 'udp/10000'], carrier: 'cisco-udp' },
  { open: ['tcp/10000'], carrier: 'cisco-tcp' },
  { open: ['udp/500', 'protocol/50'], carrier: 'esp' },
  { open: ['udp/4500'], carrier: 'nat-t' },
];

describe('a firewall that changes', { skip: lacking(), timeout: 900_000 }, () => {
  const stage = scene({
    label: 'fc',
    config: { carriers: { 'nat-t': true, esp: true, 'cisco-udp': 10000, 'cisco-tcp': [10000] } },
  });

  for (const variant of ['strict', 'stateful'] as const) {
    it(`${variant}: the session goes on by ${steps.map(({ carrier }) => carrier).join(', ')}`, async () => {
      const { net, gateway } = stage;
      await raiseFirewall(net.cl, steps[0]!.open, { variant });
      const { client, up } = await Client.connect(net.cl, { profile: { dpd: { idle: 5, timeout: 60 } } });
      assert.equal(up.carrier, steps[0]!.carrier);
      assert.ok(await reaches(net.cl));
      const [before] = await gateway.holds(1);
      for (const { open, carrier } of steps.slice(1)) {
        await raiseFirewall(net.cl, open, { variant });
        await until(
          () => carrierOf(client) === carrier,
          120_000,
          () => `${carrier}; the client said\n${client.log}`,
        );
        assert.ok(await reaches(net.cl), client.log);
      }
      const [after] = await gateway.holds(1);
      assert.equal(after?.id, before?.id, 'the same session, so no other login');
      assert.equal(after?.carrier, 'nat-t');
      assert.ok(!client.reports.some(({ type }) => type === 'reconnecting'), client.log);
      await client.stop();
      await gateway.holds(0);
      await dropFirewall(net.cl);
    });
  }
});

function carrierOf(client: Client): Carrier | undefined {
  const last = client.reports.findLast((report) => report.type === 'carrier-changed' || report.type === 'up');
  return last && 'carrier' in last ? last.carrier : undefined;
}
