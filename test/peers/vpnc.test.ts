/** vpnc on every carrier it knows, with every group and with and without PFS. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { lacking } from '../lab/requirements.ts';
import { scene } from '../lab/scene.ts';
import { gatewayAddress, gatewayPublicAddress } from '../lab/topology.ts';
import { isOutOfReach, ping, reaches, transfer } from '../lab/traffic.ts';
import { Vpnc, type VpncOptions } from '../lab/vpnc.ts';
import { carriesTraffic, isListed, MUCH, wasGivenAll } from './proof.ts';

const skip = lacking('vpnc');

interface Way {
  readonly mode: NonNullable<VpncOptions['mode']>;
  readonly from: 'cl' | 'c1';
  /** How ESP travels then. */
  readonly carrier: string;
}

const ways: readonly Way[] = [
  { mode: 'natt', from: 'c1', carrier: 'nat-t' },
  { mode: 'natt', from: 'cl', carrier: 'esp' },
  { mode: 'force-natt', from: 'cl', carrier: 'nat-t' },
  { mode: 'force-natt', from: 'c1', carrier: 'nat-t' },
  { mode: 'none', from: 'cl', carrier: 'esp' },
  { mode: 'cisco-udp', from: 'cl', carrier: 'cisco-udp' },
  { mode: 'cisco-udp', from: 'c1', carrier: 'cisco-udp' },
];

describe('vpnc', { skip, timeout: 900_000 }, () => {
  const stage = scene({ users: { alice: 'alicepass', bob: 'bobpass' } });
  const gatewayOf = (from: 'cl' | 'c1' | 'c2') => (from === 'cl' ? gatewayAddress : gatewayPublicAddress);

  for (const { mode, from, carrier } of ways) {
    it(`${mode} ${from === 'cl' ? 'directly' : 'from behind a NAT'}: ESP on ${carrier}`, async () => {
      const { net, gateway } = stage;
      const vpnc = await Vpnc.connect(net[from], { mode, gateway: gatewayOf(from) });
      wasGivenAll(vpnc);
      await carriesTraffic(net[from], gateway);
      const row = await isListed(gateway, { address: vpnc.address, carrier, group: 'labgroup' });
      assert.ok(row.bytesIn > 100_000 && row.bytesOut > 100_000, JSON.stringify(row));
      await vpnc.stop();
      await gateway.holds(0);
      assert.ok(await isOutOfReach(net[from]), 'the LAN is out of reach again');
    });
  }

  for (const dhGroup of ['dh2', 'dh5', 'dh14', 'dh15'] as const) {
    for (const pfs of ['nopfs', dhGroup] as const) {
      it(`${dhGroup}, ${pfs === 'nopfs' ? 'without PFS' : 'with PFS'}`, async () => {
        const { net, gateway } = stage;
        const vpnc = await Vpnc.connect(net.cl, { mode: 'force-natt', dhGroup, pfs });
        assert.ok(await reaches(net.cl));
        assert.deepEqual(await ping(net.cl, { count: 10, interval: 0.05, size: 1300 }), { sent: 10, received: 10 });
        assert.ok((await transfer(net.cl, gateway.netns, { bytes: MUCH })).bytes > 100_000);
        const row = await isListed(gateway, { address: vpnc.address });
        assert.match(row.phase1, new RegExp(modpNames[dhGroup]));
        await vpnc.stop();
        await gateway.holds(0);
      });
    }
  }

  it('two behind one NAT, both at once', async () => {
    const { net, gateway } = stage;
    const options = { gateway: gatewayPublicAddress } as const;
    const [alice, bob] = await Promise.all([
      Vpnc.connect(net.c1, options),
      Vpnc.connect(net.c2, { ...options, user: 'bob', password: 'bobpass' }),
    ]);
    assert.notEqual(alice.address, bob.address);
    await carriesTraffic(net.c1, gateway);
    await carriesTraffic(net.c2, gateway);
    const pings = await Promise.all([net.c1, net.c2].map((from) => ping(from, { count: 100, interval: 0.02 })));
    assert.deepEqual(pings, [
      { sent: 100, received: 100 },
      { sent: 100, received: 100 },
    ]);
    await isListed(gateway, { user: 'alice', address: alice.address });
    await isListed(gateway, { user: 'bob', address: bob.address });
    await alice.stop();
    await gateway.holds(1);
    assert.equal((await ping(net.c2)).received, 3, 'the one goes, the other stays');
    await bob.stop();
    await gateway.holds(0);
  });

  for (const from of ['cl', 'c1'] as const) {
    it(`cisco-udp on another port, ${from === 'cl' ? 'directly' : 'from behind a NAT'}`, async () => {
      const { net, gateway } = stage;
      assert.deepEqual(await gateway.stop(), []);
      gateway.configure({ carriers: { 'nat-t': true, esp: false, 'cisco-udp': 20000 } });
      await gateway.serve();
      const vpnc = await Vpnc.connect(net[from], { mode: 'cisco-udp', gateway: gatewayOf(from) });
      await carriesTraffic(net[from], gateway);
      await isListed(gateway, { address: vpnc.address, carrier: 'cisco-udp' });
      await vpnc.stop();
      await gateway.holds(0);
    });
  }
});

const modpNames = { dh2: 'modp1024', dh5: 'modp1536', dh14: 'modp2048', dh15: 'modp3072' } as const;
