/**
 * Cisco IPsec over TCP, our client to our gateway, and Wireshark's own dissector as the judge of what is on the wire. No
 * implementation of Cisco's was at hand.
 */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { Capture, decode, fields } from '../lab/capture.ts';
import { Client } from '../lab/client.ts';
import { lacking } from '../lab/requirements.ts';
import { scene } from '../lab/scene.ts';
import { gatewayAddress, gatewayPublicAddress } from '../lab/topology.ts';
import { ping, reaches } from '../lab/traffic.ts';
import { carriesTraffic, isListed } from './proof.ts';

const skip = lacking('tcpdump', 'tshark');

describe('Cisco IPsec over TCP', { skip, timeout: 900_000 }, () => {
  const stage = scene({ config: { keylog: 'keys', carriers: { 'cisco-tcp': [10_000] } } });
  const decodeAs = ['tcp.port==10000,tcpencap'];
  const profile = { carrier: 'cisco-tcp' };

  it("Wireshark's dissector finds ISAKMP and ESP in every segment with a payload, each with its trailer", async () => {
    const capture = await Capture.start(stage.net.gw, 'direct', 'tcp port 10000');
    const { client, up } = await Client.connect(stage.net.cl, { profile });
    assert.equal(up.carrier, 'cisco-tcp');
    assert.ok(await reaches(stage.net.cl));
    assert.equal((await ping(stage.net.cl, { count: 20, interval: 0.05 })).received, 20);
    await isListed(stage.gateway, { carrier: 'cisco-tcp' });
    assert.equal(await client.stop(), 0);
    await capture.stop();

    const read = { decodeAs, tables: join(stage.gateway.directory, 'keys') };
    const payloads = { ...read, filter: 'tcp.len > 0' };
    const all = await fields(
      capture.file,
      ['tcp.len', 'frame.protocols', 'tcpencap.proto', 'tcpencap.magic'],
      payloads,
    );
    assert.ok(all.length > 50);
    for (const [length, protocols = '', proto, magic] of all) {
      assert.match(protocols, proto === '0x11' ? /:tcp:tcpencap:udp:isakmp/ : /:tcp:tcpencap:esp/, `${length} bytes`);
      assert.ok(proto === '0x11' || proto === '0x32');
      assert.equal(magic?.replaceAll(':', ''), '21456c6910');
    }
    const ike = await fields(capture.file, ['tcp.dstport', 'tcpencap.ikedirection', 'isakmp.exchangetype'], {
      ...read,
      filter: 'isakmp',
    });
    assert.ok(ike.length >= 8);
    for (const [port, direction] of ike) assert.equal(direction, port === '10000' ? '0x4000' : '0x0000');
    const tree = await decode(capture.file, { ...read, filter: 'isakmp' });
    assert.match(tree, /XAUTH_USER_NAME: alice/, 'and with the keys it reads the login');
    assert.doesNotMatch(tree, /Malformed/);
    // here the dissector takes ESP for cut, and decrypts none; but it finds the numbers where they are
    const sas = readFileSync(join(read.tables, 'esp_sa'), 'utf8');
    const esp = await fields(capture.file, ['ip.src', 'ip.dst', 'esp.spi', 'esp.sequence'], { ...read, filter: 'esp' });
    for (const [source, destination, spi] of esp) assert.ok(sas.includes(`"${source}","${destination}","${spi}"`), spi);
    const sequences = esp.filter(([source]) => source === gatewayAddress).map(([, , , sequence]) => Number(sequence));
    assert.deepEqual(
      sequences,
      sequences.map((_, i) => i + 1),
    );
  });

  it('as TCP it is orderly: SYN, SYN-ACK, ACK, right checksums, nothing sent twice, an RST at the end', async () => {
    const capture = await Capture.start(stage.net.gw, 'direct', 'tcp port 10000');
    const { client } = await Client.connect(stage.net.cl, { profile });
    assert.ok(await reaches(stage.net.cl));
    assert.equal((await ping(stage.net.cl, { count: 20, interval: 0.05, size: 1200 })).received, 20);
    await client.stop();
    await capture.stop();
    const preferences = ['tcp.check_checksum:TRUE'];
    const flags = await fields(capture.file, ['tcp.flags', 'tcp.len', 'tcp.window_size_value'], { preferences });
    assert.deepEqual(
      flags.slice(0, 3).map(([bits, length]) => [Number(bits), length]),
      [
        [0x02, '0'],
        [0x12, '0'],
        [0x10, '0'],
      ],
    );
    // what was under way then crosses the RST
    const end = flags.findIndex(([bits]) => (Number(bits) & 0x04) !== 0);
    assert.ok(end > 40 && end >= flags.length - 6, `RST at ${end} of ${flags.length}`);
    for (const [bits, length, window] of flags.slice(3, end)) {
      assert.equal(Number(bits), length === '0' ? 0x10 : 0x18);
      assert.equal(window, '65535');
    }
    const wrong = 'tcp.checksum.status == 0 || tcp.analysis.retransmission || tcp.analysis.lost_segment';
    assert.deepEqual(await fields(capture.file, ['frame.number', 'tcp.len'], { preferences, filter: wrong }), []);
  });

  it('from behind a NAT', async () => {
    const { client, up } = await Client.connect(stage.net.c1, {
      profile: { ...profile, gateway: gatewayPublicAddress },
    });
    assert.equal(up.carrier, 'cisco-tcp');
    await carriesTraffic(stage.net.c1, stage.gateway);
    assert.equal(await client.stop(), 0);
  });
});
