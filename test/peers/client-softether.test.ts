/** Our client by L2TP/IPsec, from profile to routes, with SoftEther's server as the gateway: IPsec, L2TP and PPP are not ours. */
import assert from 'node:assert/strict';
import { after, afterEach, before, describe, it } from 'node:test';
import { Capture, fields } from '../lab/capture.ts';
import { Client, type ClientOptions } from '../lab/client.ts';
import { password, user } from '../lab/gateway.ts';
import { lacking } from '../lab/requirements.ts';
import { SoftEther, softEtherPool, softEtherSecret } from '../lab/softether.ts';
import { gatewayPublicAddress, lanPrefix, Topology } from '../lab/topology.ts';
import { ping, reaches } from '../lab/traffic.ts';

const skip = lacking('vpnserver', 'vpncmd', 'tcpdump', 'tshark');

describe("our client and SoftEther's L2TP/IPsec server", { skip, timeout: 900_000 }, () => {
  const stage: { net?: Topology; server?: SoftEther; captures: Capture[]; clients: Client[] } = {
    captures: [],
    clients: [],
  };

  before(async () => {
    stage.net = await Topology.create('cse');
    stage.server = await SoftEther.start(stage.net.gw, { users: { [user]: password, bob: password } });
    stage.captures = [await Capture.start(stage.net.gw, 'direct'), await Capture.start(stage.net.gw, 'public')];
  });

  afterEach(async () => {
    for (const client of stage.clients.splice(0)) await client.stop();
  });

  after(async () => {
    await stage.server?.stop();
    stage.net?.remove();
  });

  const calling = (profile: ClientOptions['profile'] = {}) => ({
    profile: { group: undefined, psk: softEtherSecret, l2tp: true, routes: [lanPrefix], ...profile },
  });

  async function calls(from: 'cl' | 'c1' | 'c2', profile: ClientOptions['profile'] = {}) {
    const netns = stage.net![from];
    const { client, up } = await Client.connect(netns, calling(profile));
    stage.clients.push(client);
    assert.match(up.address, softEtherPool);
    assert.equal(up.carrier, 'nat-t');
    assert.ok(await reaches(netns), client.log);
    return { netns, client, up };
  }

  for (const [persona, phase1] of [
    ['sallyport', 'aes128-sha256-modp2048 (psk)'],
    ['windows-xp', '3des-sha1-modp2048 (psk)'],
    ['windows-vista', 'aes256-sha1-modp2048 (psk)'],
    ['windows-11', 'aes256-sha1-modp2048 (psk)'],
    ['macos', 'aes256-sha256-modp2048 (psk)'],
  ] as const) {
    it(`gets in as ${persona}, and leaves so that SoftEther knows`, async () => {
      const mark = stage.server!.log.length;
      const { netns, client, up } = await calls('cl', { persona, legacy: persona === 'windows-xp' });
      assert.equal(up.phase1, phase1);
      assert.deepEqual(up.dns, ['192.168.30.1']);
      assert.deepEqual(await ping(netns, { count: 5, interval: 0.05 }), { sent: 5, received: 5 });
      assert.equal((await ping(netns, { size: 4000 })).received, 3, 'inner packets larger than the path');
      assert.equal(await client.stop(), 0, client.log);
      await stage.server!.logs(/The PPP session is disconnected/, mark);
    });
  }

  it('gets in twice from behind one NAT', async () => {
    const gateway = gatewayPublicAddress;
    const first = await calls('c1', { gateway, persona: 'windows-vista' });
    const second = await calls('c2', { gateway, persona: 'windows-vista', user: 'bob' });
    assert.notEqual(first.up.address, second.up.address);
    for (const { netns } of [first, second]) assert.ok(await reaches(netns));
  });

  it('says in words what SoftEther has against it', async () => {
    for (const [profile, reason] of [
      [{ user: 'nobody' }, /the gateway refused/],
      [{ psk: 'another-secret' }, /the (?:pre-shared keys|secrets) differ/],
    ] as const) {
      const client = Client.start(stage.net!.cl, calling(profile));
      stage.clients.push(client);
      const report = await client.decided();
      assert.ok(report.type === 'down' && report.ending === 'refused', client.log);
      assert.match(report.reason, reason);
    }
  });

  it('has shown nothing of L2TP to anybody on the way', async () => {
    for (const capture of stage.captures) {
      await capture.stop();
      const seen = await fields(capture.file, ['udp.port'], { filter: 'udp.port == 1701 || l2tp || ppp' });
      assert.deepEqual(seen, []);
      assert.ok((await fields(capture.file, ['esp.spi'], { filter: 'esp' })).length > 20);
    }
  });
});
