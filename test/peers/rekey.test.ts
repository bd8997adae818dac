/** Rekeys of both phases, from either side, under load: not one ping is lost. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Netns } from '../lab/netns.ts';
import { sleep } from '../lab/poll.ts';
import { lacking } from '../lab/requirements.ts';
import { scene } from '../lab/scene.ts';
import { StrongSwan } from '../lab/strongswan.ts';
import { clientConfiguration } from '../lab/swanctl.ts';
import { clientAddress, gatewayAddress, gatewayPublicAddress } from '../lab/topology.ts';
import { isOutOfReach, ping, reaches, transfer } from '../lab/traffic.ts';
import { Vpnc } from '../lab/vpnc.ts';

const skip = lacking('charon-systemd', 'swanctl', 'vpnc');
const peer = { id: '10.88.0.1', psk: 'peersecret', inner: '10.88.0.0/24' };
const direct = { local: clientAddress, remote: gatewayAddress };

/** A hundred pings a second for so long. */
const pings = (from: Netns, seconds: number, source?: string) =>
  ping(from, { count: seconds * 100, interval: 0.01, ...(source !== undefined && { source }) });

describe('a rekey under load', { skip, timeout: 400_000 }, () => {
  const stage = scene({ users: { alice: 'alicepass', bob: 'bobpass' }, config: { peers: [peer] } });

  for (const [mode, esp] of [
    ['aggressive', 'aes128gcm16'],
    ['main', 'aes256-sha256-modp2048'],
  ] as const) {
    it(`of phase 2, by a client in ${mode} mode, ESP ${esp}`, async () => {
      const { net, gateway } = stage;
      const client = await StrongSwan.start(net.cl, clientConfiguration({ ...direct, mode, esp }));
      await client.connect();
      assert.ok(await reaches(net.cl));
      const [before] = await gateway.sessions();
      const load = pings(net.cl, 6);
      const stream = transfer(net.cl, gateway.netns, { udp: '20M', seconds: 5, reverse: true });
      for (let rekey = 2; rekey <= 4; rekey++) {
        await sleep(1000);
        await client.rekeyPhase2();
        await client.logs(new RegExp(`CHILD_SA home\\{${rekey}\\} established`));
      }
      assert.deepEqual(await load, { sent: 600, received: 600 });
      assert.equal((await stream).lost, 0);
      const [after, ...others] = await gateway.sessions();
      assert.equal(others.length, 0);
      assert.equal(after?.id, before?.id, 'the session goes on');
      await client.stop();
      await gateway.holds(0);
    });

    it(`of phase 1, by a client in ${mode} mode`, async () => {
      const { net, gateway } = stage;
      const client = await StrongSwan.start(net.cl, clientConfiguration({ ...direct, mode, esp }));
      await client.connect();
      assert.ok(await reaches(net.cl));
      const address = await client.address();
      const load = pings(net.cl, 8);
      for (let rekey = 2; rekey <= 3; rekey++) {
        await sleep(1500);
        await client.rekeyPhase1();
        await client.logs(new RegExp(`IKE_SA home\\[${rekey}\\] established`));
      }
      assert.deepEqual(await load, { sent: 800, received: 800 });
      assert.equal(await client.address(), address, 'the address stays');
      await gateway.holds(1);
      await client.stop();
      await gateway.holds(0);
    });
  }

  it('of phase 2, by the gateway, to strongSwan and vpnc; of phase 1, to a peer without a user', async () => {
    const { net, gateway } = stage;
    await gateway.stop();
    gateway.configure({ peers: [peer], lifetimes: { phase1: 60, phase2: 60 } });
    await gateway.serve();
    // Lifetimes of a day: whoever rekeys here, it isn't the client.
    const lazy = { connection: { rekey_time: '24h' }, child: { rekey_time: '23h', life_time: '24h' } };

    await net.cl.ip('address', 'add', '10.88.0.1/32', 'dev', 'lo');
    const site = await StrongSwan.start(
      net.cl,
      clientConfiguration({ ...direct, mode: 'main', login: null, ...peer, ...lazy }),
    );
    await site.connect();
    const roamer = await StrongSwan.start(
      net.c1,
      clientConfiguration({ local: '10.9.0.11', remote: gatewayPublicAddress, ...lazy }),
    );
    await roamer.connect();
    const vpnc = await Vpnc.connect(net.c2, { gateway: gatewayPublicAddress, user: 'bob', password: 'bobpass' });
    assert.ok((await reaches(net.cl, { source: peer.id })) && (await reaches(net.c1)) && (await reaches(net.c2)));

    const seconds = 90;
    const results = await Promise.all([
      pings(net.cl, seconds, peer.id),
      pings(net.c1, seconds),
      pings(net.c2, seconds),
    ]);
    for (const result of results) assert.deepEqual(result, { sent: seconds * 100, received: seconds * 100 });
    assert.match(site.log, /parsed (ID_PROT|QUICK_MODE) request/, 'the gateway began exchanges with the peer');
    assert.match(site.log, /IKE_SA home\[2\] established/);
    assert.match(roamer.log, /CHILD_SA home\{2\} established/);
    assert.match(gateway.said(stage.mark), /rekey/i);
    await gateway.holds(3);
    await Promise.all([site.stop(), roamer.stop(), vpnc.stop()]);
    await gateway.holds(0);
    assert.ok(await isOutOfReach(net.c1));
  });
});
