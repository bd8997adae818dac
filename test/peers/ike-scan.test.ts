/** What ike-scan may have is what the configuration says: with `legacy` and without, and never single DES. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { group } from '../lab/gateway.ts';
import { chosenGroup, scan, type Transform } from '../lab/ikescan.ts';
import { lacking } from '../lab/requirements.ts';
import { scene } from '../lab/scene.ts';
import { StrongSwan } from '../lab/strongswan.ts';
import { clientConfiguration } from '../lab/swanctl.ts';
import { clientAddress, gatewayAddress } from '../lab/topology.ts';

const skip = lacking('ike-scan', 'charon-systemd', 'swanctl');

const base: Transform = { cipher: 7, keyLength: 128, hash: 4, authentication: 65001, group: 14 };
const modern: readonly Partial<Transform>[] = [
  { keyLength: 128 },
  { keyLength: 192 },
  { keyLength: 256 },
  { hash: 2 },
  { hash: 5 },
  { hash: 6 },
  { group: 15 },
  { group: 16 },
  { group: 19 },
  { group: 20 },
  { authentication: 1 },
];
const aged: readonly Partial<Transform>[] = [
  { cipher: 5, keyLength: undefined },
  { hash: 1 },
  { group: 2 },
  { group: 5 },
];
const never: readonly Partial<Transform>[] = [
  { cipher: 1, keyLength: undefined },
  { cipher: 3, keyLength: undefined },
  { cipher: 11, keyLength: undefined },
  { group: 1 },
  { group: 22 },
  { authentication: 3 },
  { keyLength: 64 },
];

describe('what ike-scan is offered', { skip, timeout: 900_000 }, () => {
  const stage = scene({ config: { legacy: false } });

  async function answers(changes: readonly Partial<Transform>[], expected: 'handshake' | 'refused'): Promise<void> {
    for (const change of changes) {
      const transform = { ...base, ...change };
      assert.equal(await scan(stage.net.cl, transform), expected, JSON.stringify(transform));
    }
  }

  it('without legacy: what is sound, and only that', async () => {
    await answers(modern, 'handshake');
    await answers([...aged, ...never], 'refused');
  });

  it('of several groups its own choice: 19, 14, 20, 15', async () => {
    const offer = (...groups: number[]) => groups.map((number) => ({ ...base, group: number }));
    assert.equal(await chosenGroup(stage.net.cl, offer(16, 15, 20, 14, 19)), 19);
    assert.equal(await chosenGroup(stage.net.cl, offer(16, 15, 20, 14)), 14);
    assert.equal(await chosenGroup(stage.net.cl, offer(16, 15, 20)), 20);
    assert.equal(await chosenGroup(stage.net.cl, offer(16, 15)), 15);
  });

  it('a refusal names the nearest proposal and the line to change', async () => {
    assert.equal(await scan(stage.net.cl, { ...base, group: 2 }), 'refused');
    await stage.gateway.logs(/modp1024.*legacy/, stage.mark);
  });

  it('with legacy: also what is aged, and never single DES', async () => {
    await stage.gateway.stop();
    stage.gateway.configure({ legacy: true });
    await stage.gateway.serve();
    await answers([...modern, ...aged], 'handshake');
    await answers(never, 'refused');
  });

  it('aggressive mode answers a group that is known and one that is not alike', async () => {
    for (const name of [group, 'nosuchgroup']) {
      assert.equal(await scan(stage.net.cl, { ...base, hash: 2 }, { aggressive: name }), 'handshake', name);
    }
  });

  for (const esp of ['null-sha1', 'des-sha1'] as const) {
    it(`ESP with ${esp} never`, async () => {
      const { net, gateway, mark } = stage;
      const client = await StrongSwan.start(
        net.cl,
        clientConfiguration({ local: clientAddress, remote: gatewayAddress, esp }),
      );
      assert.notEqual((await client.initiate(10)).status, 0);
      await gateway.logs(/proposal/i, mark);
      await client.stop();
      await gateway.holds(0);
    });
  }
});
