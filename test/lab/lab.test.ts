/** The lab proves itself: real clients against a strongSwan gateway, so that what fails with ours is ours. */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { Capture, fields } from './capture.ts';
import { dropFirewall, raiseFirewall } from './firewall.ts';
import { dns, group, groupSecret, password, poolPattern, user } from './gateway.ts';
import { scan } from './ikescan.ts';
import { lacking } from './requirements.ts';
import { StrongSwan } from './strongswan.ts';
import { clientConfiguration, standInConfiguration } from './swanctl.ts';
import { clientAddress, gatewayAddress, gatewayPublicAddress, Topology } from './topology.ts';
import { isOutOfReach, ping, reaches, transfer } from './traffic.ts';
import { Vpnc } from './vpnc.ts';

const skip = lacking('vpnc', 'charon-systemd', 'swanctl', 'tcpdump', 'tshark', 'ike-scan');

describe('the lab, with strongSwan as the gateway', { skip, timeout: 180_000 }, () => {
  let net: Topology;
  let standIn: StrongSwan;

  before(async () => {
    net = await Topology.create();
    const configuration = standInConfiguration([gatewayAddress, gatewayPublicAddress], { [user]: password });
    standIn = await StrongSwan.start(net.gw, configuration);
  });

  after(async () => {
    await standIn?.stop();
    net?.remove();
  });

  it('keeps the LAN out of reach without a tunnel', async () => {
    assert.equal((await ping(net.cl, { target: gatewayAddress })).received, 3);
    assert.ok(await isOutOfReach(net.cl));
    assert.equal((await ping(net.c1, { target: gatewayPublicAddress })).received, 3);
    assert.ok(await isOutOfReach(net.c1));
  });

  it('lets vpnc in, which pings and transfers', async () => {
    const capture = await Capture.start(net.gw, 'direct');
    const vpnc = await Vpnc.connect(net.cl, { mode: 'force-natt' });
    assert.match(vpnc.address, poolPattern);
    assert.equal(vpnc.given('INTERNAL_IP4_DNS'), dns);
    assert.ok(await reaches(net.cl));
    assert.deepEqual(await ping(net.cl), { sent: 3, received: 3 });
    await capture.stop();
    const seen = await fields(capture.file, ['frame.protocols'], { filter: 'esp' });
    assert.ok(seen.length > 6);
    assert.ok((await transfer(net.cl, net.gw)).bytes > 0);
    await vpnc.stop();
    assert.ok(await isOutOfReach(net.cl));
  });

  it('ends a vpnc that has the wrong secret or password', async () => {
    for (const wrong of [{ groupSecret: 'wrong' }, { password: 'wrong' }]) {
      const vpnc = await Vpnc.start(net.cl, { mode: 'force-natt', ...wrong });
      assert.ok(!vpnc.up, vpnc.log);
      await vpnc.stop();
    }
  });

  it('lets two vpnc in from behind one NAT', async () => {
    const options = { gateway: gatewayPublicAddress };
    const first = await Vpnc.connect(net.c1, options);
    const second = await Vpnc.connect(net.c2, options);
    assert.notEqual(first.address, second.address);
    assert.ok((await reaches(net.c1)) && (await reaches(net.c2)));
    await first.stop();
    await second.stop();
  });

  it('lets strongSwan in, which rekeys and transfers', async () => {
    const configuration = clientConfiguration({ local: clientAddress, remote: gatewayAddress, psk: groupSecret });
    const client = await StrongSwan.start(net.cl, configuration);
    await client.connect();
    assert.match(await client.address(), poolPattern);
    assert.deepEqual(await ping(net.cl), { sent: 3, received: 3 });
    assert.ok((await transfer(net.cl, net.gw)).bytes > 0);
    const before = client.log.length;
    await client.rekeyPhase2();
    await client.logs(/CHILD_SA home\{2\} established/, before);
    assert.deepEqual(await ping(net.cl), { sent: 3, received: 3 });
    await client.stop();
  });

  it('tells what ike-scan may have', async () => {
    const aes = { cipher: 7, keyLength: 128, hash: 4, authentication: 65001, group: 14 };
    assert.equal(await scan(net.cl, { ...aes, cipher: 1 }), 'refused');
  });

  it('raises a firewall that lets in only what is named', async () => {
    const modest = { cipher: 7, keyLength: 128, hash: 2, authentication: 65001, group: 2 };
    const question = () => scan(net.cl, modest, { aggressive: group });
    await raiseFirewall(net.cl, ['udp/4500']);
    assert.equal(await question(), 'silence');
    await raiseFirewall(net.cl, ['udp/500', 'udp/4500']);
    const vpnc = await Vpnc.connect(net.cl, { mode: 'force-natt' });
    assert.ok(await reaches(net.cl));
    await vpnc.stop();
    await dropFirewall(net.cl);
    assert.equal(await question(), 'handshake');
  });
});
