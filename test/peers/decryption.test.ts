/** tshark, given the key log, reads what vpnc and strongSwan say with us: an independent judge of every byte. */
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { Capture, decode, fields } from '../lab/capture.ts';
import { lacking } from '../lab/requirements.ts';
import { scene } from '../lab/scene.ts';
import { StrongSwan } from '../lab/strongswan.ts';
import { clientConfiguration } from '../lab/swanctl.ts';
import { clientAddress, gatewayAddress } from '../lab/topology.ts';
import { ping, reaches } from '../lab/traffic.ts';
import { Vpnc } from '../lab/vpnc.ts';

const skip = lacking('tcpdump', 'tshark', 'vpnc', 'charon-systemd', 'swanctl');

describe('the key log', { skip, timeout: 900_000 }, () => {
  const stage = scene({ config: { keylog: 'keys' } });
  // A relative path starts at the configuration's folder.
  const tables = () => join(stage.gateway.directory, 'keys');

  /** A session while the wire is watched; gives the capture's file. */
  async function watched(session: () => Promise<void>): Promise<string> {
    const capture = await Capture.start(stage.net.gw, 'direct');
    await session();
    await capture.stop();
    return capture.file;
  }

  async function pings(): Promise<void> {
    assert.ok(await reaches(stage.net.cl));
    assert.equal((await ping(stage.net.cl)).received, 3);
  }

  async function isReadable(file: string): Promise<void> {
    const ike = await decode(file, { tables: tables(), filter: 'isakmp' });
    assert.match(ike, /XAUTH_USER_NAME: alice/, 'XAUTH is readable');
    assert.match(ike, /INTERNAL IP4 ADDRESS: 10\.77\.0\./, 'Mode-Config is readable');
    assert.match(ike, /Payload: Security Association \(1\)/);
    assert.match(ike, /Payload: Hash \(8\)/);
    assert.doesNotMatch(ike, /Malformed|Expert Info \(Error/i);
    const inner = await fields(file, ['ip.src', 'ip.dst', 'icmp.type'], { tables: tables(), filter: 'icmp && esp' });
    assert.ok(inner.some(([, , type]) => type === '8') && inner.some(([, , type]) => type === '0'), 'both ways');
    const unproven = await fields(file, ['frame.number'], {
      tables: tables(),
      filter: 'esp.spi && !esp.icv_good == 1',
    });
    assert.deepEqual(unproven, [], 'packets whose check value tshark did not find right');
  }

  for (const mode of ['force-natt', 'none'] as const) {
    it(`lets tshark read a session of vpnc, ${mode}`, async () => {
      const file = await watched(async () => {
        const vpnc = await Vpnc.connect(stage.net.cl, { mode });
        await pings();
        await vpnc.stop();
      });
      await isReadable(file);
    });
  }

  for (const [mode, ike, esp] of [
    ['aggressive', 'aes128-sha256-ecp256', 'aes128gcm16'],
    ['main', 'aes256-sha384-modp2048', 'aes256-sha512'],
  ] as const) {
    it(`lets tshark read a session of strongSwan, ${mode} mode, ${ike}, ESP ${esp}`, async () => {
      const options = { local: clientAddress, remote: gatewayAddress, mode, ike, esp };
      const file = await watched(async () => {
        const client = await StrongSwan.start(stage.net.cl, clientConfiguration(options));
        await client.connect();
        await pings();
        await client.stop();
      });
      await isReadable(file);
    });
  }
});
