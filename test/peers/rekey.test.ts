/** Rekeys of both phases, from either side, under load: not one packet is lost. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { sleep } from '../lab/poll.ts';
import { lacking } from '../lab/requirements.ts';
import { scene } from '../lab/scene.ts';
import { StrongSwan } from '../lab/strongswan.ts';
import { clientConfiguration } from '../lab/swanctl.ts';
import { clientAddress, gatewayAddress, gatewayPublicAddress } from '../lab/topology.ts';
import { isOutOfReach, reaches, transfer } from '../lab/traffic.ts';
import { Vpnc } from '../lab/vpnc.ts';
import { LAZY, losesAtMost, losesNone, pingsLost } from './rekeys.ts';

const skip = lacking('charon-systemd', 'swanctl', 'vpnc');
const peer = { id: '10.88.0.1', psk: 'peersecret', inner: '10.88.0.0/24' };
const direct = { local: clientAddress, remote: gatewayAddress };

describe('a rekey under load', { skip, timeout: 900_000 }, () => {
  const stage = scene();

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
      let child = 1;
      await losesNone([net.cl, net.gw], async () => {
        const load = pingsLost(net.cl, 6);
        for (let rekey = 1; rekey <= 3; rekey++) {
          await sleep(1000);
          await client.rekeyPhase2();
          await client.logs(new RegExp(`CHILD_SA home\\{${++child}\\} established`));
        }
        return load;
      });
      await losesNone([net.cl, net.gw], async () => {
        const stream = transfer(net.cl, net.gw, { udp: '20M', seconds: 3, reverse: true });
        await sleep(1000);
        await client.rekeyPhase2();
        await client.logs(new RegExp(`CHILD_SA home\\{${++child}\\} established`));
        return (await stream).lost;
      });
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
      let phase1 = 1;
      await losesNone([net.cl, net.gw], async () => {
        const load = pingsLost(net.cl, 6);
        for (let rekey = 1; rekey <= 2; rekey++) {
          await sleep(1500);
          await client.rekeyPhase1();
          await client.logs(new RegExp(`IKE_SA home\\[${++phase1}\\] established`));
        }
        return load;
      });
      assert.equal(await client.address(), address, 'the address stays');
      await gateway.holds(1);
      await client.stop();
      await gateway.holds(0);
    });
  }
});

// Both wait for a minute, which is the shortest lifetime: side by side.
describe('a rekey by the gateway under load', { skip, timeout: 900_000, concurrency: true }, () => {
  const seconds = 75;

  describe('of phase 2', () => {
    const users = { alice: 'alicepass', bob: 'bobpass' };
    const stage = scene({ label: 'a', users, config: { lifetimes: { phase2: 60 } } });

    it('to strongSwan and to vpnc', async () => {
      const { net, gateway } = stage;
      const ends = { local: '10.9.0.11', remote: gatewayPublicAddress };
      const client = await StrongSwan.start(net.c1, clientConfiguration({ ...ends, ...LAZY }));
      await client.connect();
      const vpnc = await Vpnc.connect(net.c2, { gateway: gatewayPublicAddress, user: 'bob', password: 'bobpass' });
      assert.ok((await reaches(net.c1)) && (await reaches(net.c2)));
      // vpnc forgets its old keys when it answers: what is under way to it until the gateway has that answer is lost, a few pings on a
      // busy machine; of a gateway that stays with those keys a thousand
      const toVpnc = losesAtMost(100, [net.c2, net.gw], () => pingsLost(net.c2, seconds));
      await Promise.all([losesNone([net.c1, net.gw], () => pingsLost(net.c1, seconds)), toVpnc]);
      assert.match(client.log, /parsed QUICK_MODE request/, 'the gateway began');
      assert.match(client.log, /CHILD_SA home\{2\} established/);
      assert.match(vpnc.log, /remote -> local spi/);
      await gateway.holds(2);
      await Promise.all([client.stop(), vpnc.stop()]);
      await gateway.holds(0);
      assert.ok(await isOutOfReach(net.c1));
    });
  });

  describe('of phase 1', () => {
    const stage = scene({ label: 'b', config: { peers: [peer], lifetimes: { phase1: 60, phase2: 3600 } } });

    it('to a peer without a user', async () => {
      const { net, gateway } = stage;
      await net.cl.ip('address', 'add', '10.88.0.1/32', 'dev', 'lo');
      const options = { ...direct, mode: 'main', login: null, ...peer, ...LAZY } as const;
      const site = await StrongSwan.start(net.cl, clientConfiguration(options));
      await site.connect();
      assert.ok(await reaches(net.cl, { source: peer.id }));
      await losesNone([net.cl, net.gw], () => pingsLost(net.cl, seconds, peer.id));
      assert.match(site.log, /parsed ID_PROT request/, 'the gateway began');
      assert.match(site.log, /IKE_SA home\[2\] established/);
      await gateway.holds(1);
      await site.stop();
      await gateway.holds(0);
    });
  });
});
