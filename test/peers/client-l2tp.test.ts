/** Our client by L2TP/IPsec and our own gateway: carriers, neighbours behind one NAT, personas, what is refused, what ends. */
import assert from 'node:assert/strict';
import { afterEach, describe, it } from 'node:test';
import { Capture, fields } from '../lab/capture.ts';
import { Client, type ClientOptions } from '../lab/client.ts';
import { mainSecret, password, poolPattern, user } from '../lab/gateway.ts';
import { until } from '../lab/poll.ts';
import { lacking } from '../lab/requirements.ts';
import { scene } from '../lab/scene.ts';
import { gatewayPublicAddress, lanPrefix, natPublicAddress } from '../lab/topology.ts';
import { isOutOfReach, reaches } from '../lab/traffic.ts';
import { carriesTraffic, isListed } from './proof.ts';

const skip = lacking('tcpdump', 'tshark');

describe('our client by L2TP, and our gateway', { skip, timeout: 900_000 }, () => {
  const stage = scene({
    config: { l2tp: true, carriers: { 'nat-t': true, esp: true, 'cisco-tcp': [10_000] } },
    users: { [user]: password, bob: password },
    label: 'cl2',
  });
  const clients: Client[] = [];

  afterEach(async () => {
    for (const client of clients.splice(0)) await client.stop();
  });

  const calling = (profile: ClientOptions['profile'] = {}) => ({
    profile: { group: undefined, psk: mainSecret, l2tp: true, routes: [lanPrefix], ...profile },
  });

  async function calls(from: 'cl' | 'c1' | 'c2', profile: ClientOptions['profile'] = {}) {
    const netns = stage.net[from];
    const { client, up } = await Client.connect(netns, calling(profile));
    clients.push(client);
    assert.match(up.address, poolPattern);
    return { netns, client, up };
  }

  for (const carrier of ['nat-t', 'esp', 'cisco-tcp'] as const) {
    it(`carries traffic both ways by ${carrier}, and nothing of L2TP is seen on the way`, async () => {
      const { gateway, net } = stage;
      const capture = await Capture.start(net.gw, 'direct', 'udp port 1701');
      const wanted = carrier === 'nat-t' ? { routes: undefined } : {};
      const { netns, client, up } = await calls('cl', { carrier, ...wanted });
      assert.equal(up.carrier, carrier);
      assert.deepEqual(up.routes, carrier === 'nat-t' ? 'all' : [lanPrefix]);
      const row = await isListed(gateway, { user: 'alice', carrier, protocol: 'l2tp' });
      assert.equal(row.address, up.address);
      await carriesTraffic(netns, gateway);
      assert.equal(await client.stop(), 0, client.log);
      await gateway.holds(0);
      await capture.stop();
      assert.deepEqual(await fields(capture.file, ['frame.number']), []);
      assert.ok(await isOutOfReach(netns));
    });
  }

  for (const [persona, esp] of [
    ['windows-xp', '3des-sha1'],
    ['windows-vista', 'aes128-sha1'],
    ['windows-11', 'aes128-sha1'],
    ['macos', 'aes128-sha1'],
  ] as const) {
    it(`gets in as ${persona}`, async () => {
      const { netns, up } = await calls('cl', { persona, legacy: persona === 'windows-xp' });
      assert.equal(up.esp, esp);
      assert.ok(await reaches(netns));
    });
  }

  it('gets in twice from behind one NAT, with equal message IDs, and one of them leaves', async () => {
    const gateway = gatewayPublicAddress;
    const first = await calls('c1', { gateway, persona: 'windows-vista' });
    const second = await calls('c2', { gateway, persona: 'windows-vista', user: 'bob' });
    const rows = await stage.gateway.holds(2);
    assert.ok(rows.every(({ remote }) => remote.startsWith(`${natPublicAddress}:`)));
    for (const { netns } of [first, second]) assert.ok(await reaches(netns));
    assert.equal(await first.client.stop(), 0);
    await stage.gateway.holds(1);
    assert.ok(await reaches(second.netns));
  });

  it('says in words what the gateway has against it', async () => {
    for (const [profile, reason] of [
      [{ user: 'nobody' }, /the gateway refused/],
      [{ psk: 'another secret that is long' }, /the (?:pre-shared keys|secrets) differ/],
    ] as const) {
      const client = Client.start(stage.net.cl, calling(profile));
      clients.push(client);
      const report = await client.decided();
      assert.ok(report.type === 'down' && report.ending === 'refused', client.log);
      assert.match(report.reason, reason);
    }
  });

  it('calls anew when it is hung up on', async () => {
    const { gateway } = stage;
    const { netns, client } = await calls('cl');
    const [row] = await gateway.holds(1);
    await gateway.command('kick', String(row!.id));
    const ups = () => client.reports.filter(({ type }) => type === 'up').length === 2;
    await until(ups, 60_000, () => `another call; the client said:\n${client.log}`);
    assert.ok(await reaches(netns));
  });
});
