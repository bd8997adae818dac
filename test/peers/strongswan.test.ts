/** strongSwan in both modes of phase 1, with the suites and groups that modern clients speak, directly and through a NAT. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { poolPattern } from '../lab/gateway.ts';
import { lacking } from '../lab/requirements.ts';
import { scene } from '../lab/scene.ts';
import { StrongSwan } from '../lab/strongswan.ts';
import { clientConfiguration } from '../lab/swanctl.ts';
import {
  clientAddress,
  clientAddress6,
  gatewayAddress,
  gatewayAddress6,
  gatewayPublicAddress,
} from '../lab/topology.ts';
import { isOutOfReach } from '../lab/traffic.ts';
import { carriesTraffic, isListed } from './proof.ts';

const skip = lacking('charon-systemd', 'swanctl');

interface Suite {
  readonly mode: 'aggressive' | 'main';
  readonly ike: string;
  readonly esp: string;
  readonly from: 'cl' | 'c1';
}

const suites: readonly Suite[] = [
  { mode: 'aggressive', ike: 'aes128-sha256-ecp256', esp: 'aes128gcm16', from: 'cl' },
  { mode: 'aggressive', ike: 'aes256-sha384-ecp384', esp: 'aes256gcm16', from: 'c1' },
  { mode: 'aggressive', ike: 'aes128-sha256-modp2048', esp: 'aes128-sha256', from: 'c1' },
  { mode: 'aggressive', ike: 'aes256-sha512-modp3072', esp: 'aes256-sha512-modp3072', from: 'cl' },
  { mode: 'aggressive', ike: '3des-md5-modp1024', esp: '3des-md5', from: 'cl' },
  { mode: 'main', ike: 'aes128-sha256-ecp256', esp: 'aes128gcm16-ecp256', from: 'c1' },
  { mode: 'main', ike: 'aes192-sha1-modp2048', esp: 'aes192-sha1', from: 'cl' },
  { mode: 'main', ike: 'aes256-sha256-modp4096', esp: 'aes256-sha256-modp4096', from: 'cl' },
  { mode: 'main', ike: 'aes256-sha384-ecp384', esp: 'aes256gcm16-ecp384', from: 'cl' },
  { mode: 'main', ike: 'aes128-sha1-modp1536', esp: 'aes128-sha384', from: 'c1' },
];

describe('strongSwan', { skip, timeout: 900_000 }, () => {
  const peer = { id: '10.88.0.1', psk: 'peersecret', inner: '10.88.0.0/24' };
  const stage = scene({ config: { peers: [peer] } });
  const ends = {
    cl: { local: clientAddress, remote: gatewayAddress },
    c1: { local: '10.9.0.11', remote: gatewayPublicAddress },
  };

  for (const { mode, ike, esp, from } of suites) {
    const where = from === 'cl' ? 'directly' : 'from behind a NAT';
    it(`${mode} mode with XAUTH, ${ike}, ESP ${esp}, ${where}`, async () => {
      const { net, gateway } = stage;
      const client = await StrongSwan.start(net[from], clientConfiguration({ ...ends[from], mode, ike, esp }));
      await client.connect();
      const address = await client.address();
      assert.match(address, poolPattern);
      await carriesTraffic(net[from], gateway);
      await isListed(gateway, { address, carrier: 'nat-t', group: mode === 'main' ? null : 'labgroup' });
      await client.stop();
      await gateway.holds(0);
      assert.ok(await isOutOfReach(net[from]));
    });
  }

  it('set to IKEv2 hears at once that there is none', async () => {
    const { net, gateway } = stage;
    const connection = { version: '2', aggressive: 'no' };
    const client = await StrongSwan.start(net.cl, clientConfiguration({ ...ends.cl, login: null, connection }));
    assert.notEqual((await client.initiate()).status, 0);
    assert.match(client.log, /received INVALID_MAJOR_VERSION notify error/);
    assert.doesNotMatch(client.log, /retransmit/);
    await client.stop();
    await gateway.holds(0);
  });

  it('over IPv6', async () => {
    const { net, gateway } = stage;
    const configuration = clientConfiguration({ local: clientAddress6, remote: gatewayAddress6 });
    const client = await StrongSwan.start(net.cl, configuration);
    await client.connect();
    await carriesTraffic(net.cl, gateway);
    const row = await isListed(gateway, { carrier: 'nat-t' });
    assert.match(row.remote, /2001:db8::2/);
    await client.stop();
    await gateway.holds(0);
  });

  it('everything through the tunnel', async () => {
    const { net, gateway } = stage;
    const client = await StrongSwan.start(net.c1, clientConfiguration({ ...ends.c1, remoteTs: '0.0.0.0/0' }));
    await client.connect();
    await carriesTraffic(net.c1, gateway);
    await client.stop();
    await gateway.holds(0);
  });

  for (const mode of ['aggressive', 'main'] as const) {
    it(`IKE messages in fragments, ${mode} mode`, async () => {
      const { net, gateway } = stage;
      const configuration = clientConfiguration({
        ...ends.cl,
        mode,
        ike: 'aes256-sha256-modp4096',
        esp: 'aes256gcm16-modp4096',
        connection: { fragmentation: 'force' },
      });
      const client = await StrongSwan.start(net.cl, configuration, { fragment_size: '400' });
      await client.connect();
      assert.match(client.log, /splitting IKE message .* into \d+ fragments/);
      await carriesTraffic(net.cl, gateway);
      await client.stop();
      await gateway.holds(0);
    });
  }

  it('is given its address unasked (Mode-Config push)', async () => {
    const { net, gateway } = stage;
    const client = await StrongSwan.start(net.cl, clientConfiguration({ ...ends.cl, connection: { pull: 'no' } }));
    await client.connect();
    assert.match(client.log, /parsed TRANSACTION request .* CPS?\(.*ADDR/);
    assert.match(await client.address(), /^10\.77\.0\./);
    await carriesTraffic(net.cl, gateway);
    await client.stop();
    await gateway.holds(0);
  });

  it('IKE messages from the gateway in fragments', async () => {
    const { net, gateway } = stage;
    await gateway.stop();
    // 101 routes of 14 bytes: more than one datagram should hold
    const others = Array.from({ length: 100 }, (_, i) => `10.2.${i}.0/24`);
    gateway.configure({ peers: [peer], routes: ['10.1.0.0/24', ...others] });
    await gateway.serve();
    const client = await StrongSwan.start(net.cl, clientConfiguration(ends.cl), { cisco_unity: 'yes' });
    await client.connect();
    assert.match(client.log, /received fragment #\d, reassembled fragmented IKE message/);
    await carriesTraffic(net.cl, gateway);
    await client.stop();
    await gateway.holds(0);
  });

  it('asks whether the gateway is alive, and is asked', async () => {
    const { net, gateway } = stage;
    await gateway.stop();
    gateway.configure({ peers: [peer], dpd: { idle: 5, timeout: 60 } });
    await gateway.serve();
    const connection = { dpd_delay: '2s', dpd_timeout: '30s' };
    const client = await StrongSwan.start(net.cl, clientConfiguration({ ...ends.cl, connection }));
    await client.connect();
    await client.logs(/parsed INFORMATIONAL_V1 request .*N\(DPD_ACK\)/);
    await client.stop();
    // One that never asks is asked.
    const silent = await StrongSwan.start(net.cl, clientConfiguration(ends.cl));
    await silent.connect();
    await silent.logs(/parsed INFORMATIONAL_V1 request .*N\(DPD\)/);
    await silent.stop();
    await gateway.holds(0);
  });

  it('a peer without a user, main mode, its own network behind it', async () => {
    const { net, gateway } = stage;
    await net.cl.ip('address', 'add', '10.88.0.1/32', 'dev', 'lo');
    const configuration = clientConfiguration({ ...ends.cl, mode: 'main', login: null, ...peer });
    const client = await StrongSwan.start(net.cl, configuration);
    await client.connect();
    await carriesTraffic(net.cl, gateway, { source: '10.88.0.1' });
    const [row] = await gateway.sessions();
    assert.equal(row?.user, null);
    assert.equal(row?.peer, peer.id);
    await client.stop();
    await gateway.holds(0);
  });
});
