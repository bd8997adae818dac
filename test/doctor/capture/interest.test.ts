/** Which packets of a capture are shown to the diagnosis, and what is shown of them. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { type Bytes, concat } from '../../../src/core/bytes/bytes.ts';
import { utf8 } from '../../../src/core/bytes/text.ts';
import { Writer } from '../../../src/core/bytes/writer.ts';
import type { Sighting } from '../../../src/core/diagnosis/sighting.ts';
import { CTCP_TRAILER, CtcpProtocol, writeTrailer } from '../../../src/core/wire/ctcp.ts';
import { emptyIpHead, readIp } from '../../../src/core/wire/ip.ts';
import { Dissector, MAX_LINK_TYPES } from '../../../src/doctor/capture/dissector.ts';
import { Interest, MAX_LEARNT } from '../../../src/doctor/capture/interest.ts';
import { A, B, ethernet, ike, ip4, ip6, pcapFile, tcp, udp } from './files.ts';
import { lineOf, readBytes } from './read.ts';

const ANY = new Uint8Array(20).fill(7);

async function see(...packets: readonly Bytes[]): Promise<readonly Sighting[]> {
  return (await readBytes(pcapFile(packets.map((packet) => ({ bytes: ethernet(packet) }))))).sightings;
}

async function linesOf(...packets: readonly Bytes[]): Promise<string[]> {
  return (await see(...packets)).map((sighting) => lineOf(sighting).replace(/^(\d+) \S+ \S+ /, '$1 '));
}

test('UDP: by port, on either side, whatever it carries', async () => {
  const ports = [500, 4500, 1701, 10000];
  const packets = ports.flatMap((port) => [ip4(17, udp(port, 40000, ANY)), ip6(17, udp(40000, port, ANY))]);
  assert.equal(
    (await see(...packets, ip4(17, udp(40000, 53, ANY)), ip4(17, udp(501, 4501, ANY)), ip4(17, udp(40000, 10001, ANY))))
      .length,
    8,
  );
});

test('IKE on a port of its own: by its version and length, with the marker or without', async () => {
  const marked = concat(new Uint8Array(4), ike(60));
  assert.deepEqual(
    await linesOf(
      ...[ip4(17, udp(40000, 1500, ike())), ip4(17, udp(1500, 40000, ike(60, 0x20)))],
      ...[ip4(17, udp(40000, 1500, marked)), ip6(17, udp(40000, 1500, ike()))],
      ...[ip4(17, udp(40001, 1501, concat(ike(), ANY))), ip4(17, udp(40001, 1501, ike(40, 0x30)))],
    ),
    ['1 udp 40000>1500 40', '2 udp 1500>40000 60', '3 udp 40000>1500 64', '4 udp 40000>1500 40'],
  );
});

describe('ports of their own', () => {
  const MARKER = new Uint8Array(4);
  const ESP = concat(Uint8Array.of(0, 0, 16, 0, 0, 0, 0, 1), new Uint8Array(40).fill(9));
  const trailed = (packet: Bytes) => {
    const trailer = new Uint8Array(CTCP_TRAILER);
    writeTrailer(trailer, 0, CtcpProtocol.ESP, 1, 0);
    return concat(packet, trailer);
  };

  test('NAT-T: by its first IKE with the marker; ESP of that port from then on, and of these hosts alone', async () => {
    const first = ip4(17, udp(40000, 4501, concat(MARKER, ike(60))));
    const elsewhere = ip4(17, udp(40001, 4502, ESP));
    const { sightings, learntPorts } = await readBytes(
      pcapFile(
        [
          ip4(17, udp(40000, 4501, ESP)),
          first,
          ip4(17, udp(40000, 4501, ESP)),
          ip4(17, udp(4501, 40009, ESP)),
          elsewhere,
        ].map((packet) => ({ bytes: ethernet(packet) })),
      ),
    );
    // both directions are between the same two here
    assert.deepEqual(
      sightings.map(({ packet }) => packet),
      [2, 3],
    );
    assert.deepEqual(learntPorts, [{ protocol: 'udp', port: 4501, packet: 2, before: 1 }]);
  });

  test("TCP: by Cisco's trailer or the prefix of RFC 9329, also its empty segments then", async () => {
    const opening = ip4(6, tcp(1025, 443, 2, new Uint8Array(0)));
    const carried = ip4(6, tcp(1025, 443, 24, trailed(ESP)));
    const { sightings, learntPorts } = await readBytes(
      pcapFile(
        [opening, carried, opening, ip4(6, tcp(1026, 80, 24, utf8('IKETCP')))].map((packet) => ({
          bytes: ethernet(packet),
        })),
      ),
    );
    assert.deepEqual(
      sightings.map(({ packet }) => packet),
      [2, 3, 4],
    );
    assert.deepEqual(
      learntPorts.map(({ protocol, port, before }) => `${protocol} ${port} ${before}`),
      ['tcp 443 1', 'tcp 80 0'],
    );
  });

  test('bounded: who comes later is known by each of its own packets alone', () => {
    const interest = new Interest();
    const head = emptyIpHead();
    const includes = (packet: Bytes) => {
      assert.ok(readIp(packet, 0, packet.length, packet.length, head));
      return interest.includes(packet, head, packet.length, 1);
    };
    const pair = (i: number, payload: Bytes) => ip4(17, udp(20_000 + i, 2000 + i, payload));
    for (let i = 0; i < MAX_LEARNT; i++) assert.ok(includes(pair(i, concat(MARKER, ike(60)))));
    assert.ok(includes(pair(0, ESP)));
    assert.ok(!includes(pair(MAX_LEARNT - 1, ESP)));
    assert.equal(interest.learnt.length, MAX_LEARNT / 2);
  });
});

test('TCP: the head is shown, and what follows its options', async () => {
  const [opening, carried] = await see(
    ip4(6, tcp(1025, 10000, 2, new Uint8Array(0))),
    ip6(6, tcp(4500, 1025, 24, ANY)),
    ip4(6, tcp(443, 1025, 24, ANY)),
  );
  assert.deepEqual(opening?.tcp, { flags: 2, sequence: 1000, acknowledgment: 2000 });
  assert.deepEqual([carried?.sourcePort, carried?.payload, carried?.length], [4500, ANY, 20]);
});

test('ESP, AH and IPv6 with them', async () => {
  const packets = [ip4(50, ANY), ip6(50, ANY), ip4(51, ANY), ip6(51, ANY), ip4(47, ANY), ip4(115, ANY)];
  assert.deepEqual(await linesOf(...packets), ['1 esp 20', '2 esp 20', '3 ah 20', '4 ah 20']);
});

test('ICMP: errors about IPsec, also where a router quotes eight bytes and no more', async () => {
  const error = (type: number, about: Bytes) => concat(Uint8Array.of(type, 1, 0, 0, 0, 0, 0, 0), about);
  const short = ip4(17, udp(500, 500, ike())).subarray(0, 28);
  assert.deepEqual(
    await linesOf(
      ...[ip4(1, error(3, short)), ip4(1, error(11, ip4(50, ANY))), ip6(58, error(2, ip6(17, udp(4500, 4500, ANY))))],
      ...[ip4(1, error(3, ip4(6, tcp(1025, 10000, 2, ANY)))), ip6(58, error(1, ip6(51, ANY)))],
      // an echo, errors about others, about errors, about nothing
      ...[
        ip4(1, error(8, short)),
        ip4(1, error(3, ip4(17, udp(53, 53, ANY)))),
        ip4(1, error(3, ip4(1, error(3, short)))),
      ],
      ...[ip4(1, error(3, new Uint8Array(0))), ip6(58, error(135, ip6(17, udp(500, 500, ANY))))],
    ),
    ['1 icmp 36', '2 icmp 48', '3 icmp6 76', '4 icmp 72', '5 icmp6 68'],
  );
});

test("padding of Ethernet's shortest frame is not part of the packet", async () => {
  const frame = concat(ethernet(ip4(17, udp(4500, 4500, Uint8Array.of(0xff)))), new Uint8Array(17));
  const { sightings } = await readBytes(pcapFile([{ bytes: frame }]));
  assert.deepEqual(sightings[0]?.payload, Uint8Array.of(0xff));
});

test('what was cut off in capturing is counted; what lies about its length is not believed', async () => {
  const whole = ethernet(ip4(17, udp(500, 500, ike(200))));
  const cut = { bytes: whole.subarray(0, 96), length: whole.length };
  const { sightings } = await readBytes(pcapFile([cut]));
  assert.deepEqual(sightings.map(lineOf), [`1 ${A} ${B} udp 500>500 54 of 200`]);
  const lie = (length: number) => new Writer().u16(500).u16(500).u16(length).u16(0).bytes(ANY).finish();
  // none, less than its own header, more than IP has
  assert.deepEqual(await linesOf(ip4(17, lie(0)), ip4(17, lie(7)), ip4(17, lie(9000))), [
    '1 udp 500>500 20',
    '3 udp 500>500 20',
  ]);
});

test('headers that are cut off or no headers show nothing', async () => {
  for (const packet of [ip4(17, udp(500, 500, ANY)), ip6(17, udp(500, 500, ANY)), ip4(6, tcp(1, 10000, 2, ANY))]) {
    const frame = ethernet(packet);
    const headers = frame.length - ANY.length;
    const frames = Array.from({ length: headers }, (_, i) => ({ bytes: frame.subarray(0, i), length: frame.length }));
    assert.deepEqual((await readBytes(pcapFile(frames))).sightings, []);
  }
});

test('link types that are counted one by one', () => {
  const dissector = new Dissector(() => {});
  for (let i = 0; i < MAX_LINK_TYPES + 3; i++) dissector.handleFrame(ANY, 0, ANY.length, ANY.length, 1000 + i, 0);
  dissector.handleFrame(ANY, 0, ANY.length, ANY.length, 1000, 0);
  assert.equal(dissector.unknownLinkTypes.size, MAX_LINK_TYPES);
  assert.equal(dissector.unknownLinkTypes.get(1000), 2);
});
