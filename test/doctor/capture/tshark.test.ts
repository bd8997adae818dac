/**
 * Wireshark as the judge: what we see of a capture is field by field what tshark sees of it. Hand-built files for each link
 * layer and format, and captures of a network by tcpdump and dumpcap, each in several forms at the same time.
 */
import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { gzipSync } from 'node:zlib';
import { type Bytes, concat, u16 } from '../../../src/core/bytes/bytes.ts';
import { fromHex } from '../../../src/core/bytes/text.ts';
import type { Sighting } from '../../../src/core/diagnosis/sighting.ts';
import { fields } from '../../lab/capture.ts';
import { Netns } from '../../lab/netns.ts';
import { until } from '../../lab/poll.ts';
import { lacking } from '../../lab/requirements.ts';
import type { Program } from '../../lab/run.ts';
import { scratch } from '../../lab/scratch.ts';
import { link } from '../../lab/topology.ts';
import { Blocks, EPOCH_SECONDS, ethernet, etherType, fragment6, ike, ip4, ip6, pcapFile, tcp, udp } from './files.ts';
import { readBytes } from './read.ts';

const skip = lacking('tshark', 'tcpdump');
const folder = scratch('judged');

const FIELDS = [
  ...['frame.number', 'frame.time_epoch', 'frame.protocols', 'ip.src', 'ip.dst', 'ipv6.src', 'ipv6.dst'],
  ...['udp.srcport', 'udp.dstport', 'udp.length', 'tcp.srcport', 'tcp.dstport', 'tcp.len', 'tcp.flags', 'tcp.seq_raw'],
] as const;

/** What we look at, in tshark's words. */
const INTEREST =
  '(udp.port in {500,1701,4500,10000} or tcp.port in {4500,10000} or esp or ah or isakmp or ' +
  'icmp.type in {3,4,5,11,12} or icmpv6.type in {1,2,3,4}) and not udp.port == 53';

/** With Wireshark's words for layers. */
const LAYERS: Readonly<Record<string, Sighting['protocol']>> = {
  udp: 'udp',
  tcp: 'tcp',
  esp: 'esp',
  ah: 'ah',
  icmp: 'icmp',
  icmpv6: 'icmp6',
};

interface Seen {
  readonly line: string;
  /** Seconds. */
  readonly at: number;
}

async function asTsharkSees(file: string): Promise<Seen[]> {
  const rows = await fields(file, FIELDS, { filter: INTEREST, preferences: ['tcp.analyze_sequence_numbers:FALSE'] });
  return rows.map((row) => {
    const of = (name: (typeof FIELDS)[number]) => row[FIELDS.indexOf(name)]?.split(',')[0] ?? '';
    const [layer = ''] = of('frame.protocols')
      .split(':')
      .filter((name) => name in LAYERS);
    const addresses = `${of('ip.src') || of('ipv6.src')} ${of('ip.dst') || of('ipv6.dst')}`;
    const rest =
      layer === 'udp'
        ? `${of('udp.srcport')} ${of('udp.dstport')} ${Number(of('udp.length')) - 8}`
        : layer === 'tcp'
          ? `${of('tcp.srcport')} ${of('tcp.dstport')} ${of('tcp.len')} ${Number(of('tcp.flags'))} ${of('tcp.seq_raw')}`
          : '';
    const line = `${of('frame.number')} ${addresses} ${LAYERS[layer]} ${rest}`.trimEnd();
    return { line, at: Number(of('frame.time_epoch')) };
  });
}

async function asWeSee(file: string): Promise<Seen[]> {
  const { sightings, problem } = await readBytes(readFileSync(file));
  assert.equal(problem, undefined);
  return sightings.map((sighting) => {
    const { packet, at, source, destination, protocol, sourcePort, destinationPort, length, tcp: head } = sighting;
    const ports = protocol === 'udp' || head ? ` ${sourcePort} ${destinationPort} ${length}` : '';
    const numbers = head ? ` ${head.flags} ${head.sequence}` : '';
    const line = `${packet} ${source.text} ${destination.text} ${protocol}${ports}${numbers}`;
    return { line, at: at / 1000 };
  });
}

async function agree(name: string, content: Bytes, least: number): Promise<void> {
  const file = join(folder, name);
  writeFileSync(file, content);
  const [ours, theirs] = [await asWeSee(file), await asTsharkSees(file)];
  assert.ok(ours.length >= least, `${ours.length} seen`);
  assert.deepEqual(
    ours.map(({ line }) => line),
    theirs.map(({ line }) => line),
  );
  for (const [i, { at }] of ours.entries()) assert.ok(Math.abs(at - theirs[i]!.at) < 1e-6, `${at} ${theirs[i]!.at}`);
}

const long = udp(4500, 4500, ike(3000));
const error = (type: number, about: Bytes) => concat(Uint8Array.of(type, 3, 0, 0, 0, 0, 0, 0), about);
const ESP = concat(fromHex('12345678 00000001'), new Uint8Array(60).fill(9));

/** Of both families, what is seen and what isn't. */
const PACKETS: readonly Bytes[] = [
  ip4(17, udp(500, 500, ike())),
  ip6(17, udp(500, 500, ike(60, 0x20))),
  ip4(17, long.subarray(0, 1480), { identification: 7, more: true }),
  ip4(17, udp(53, 4000, new Uint8Array(30))),
  ip4(17, long.subarray(2960), { identification: 7, offset: 2960 }),
  ip4(17, long.subarray(1480, 2960), { identification: 7, offset: 1480, more: true }),
  ip6(44, fragment6(17, long.subarray(0, 1448), { identification: 9, more: true })),
  ip6(44, fragment6(17, long.subarray(1448), { identification: 9, offset: 1448 })),
  ip6(0, concat(fromHex('3c00010400000000 1100010400000000'), udp(4500, 1024, ike(80)))),
  ip4(6, tcp(1025, 10000, 2, new Uint8Array(0))),
  ip6(6, tcp(4500, 1025, 24, new Uint8Array(100))),
  ip4(6, tcp(443, 1025, 24, new Uint8Array(100))),
  ip4(50, ESP),
  ip6(50, ESP),
  ip4(51, concat(fromHex('32040000 00001234 00000001'), new Uint8Array(12), ESP)),
  ip4(1, error(3, ip4(17, udp(500, 500, ike())))),
  ip6(58, error(1, ip6(17, udp(500, 500, ike())))),
  ip4(1, fromHex('0800f7ff00000000')),
  ip4(17, udp(1701, 1701, fromHex('c802000c 00000000 00000000'))),
];
const SEEN = 13;

const LINKS: readonly (readonly [linkType: number, frame: (packet: Bytes) => Bytes])[] = [
  [1, (packet) => ethernet(packet)],
  [1, (packet) => ethernet(packet, 0x8100)],
  [1, (packet) => ethernet(packet, 0x88a8, 0x8100)],
  [1, pppoe],
  [276, (packet) => concat(u16(etherType(packet)), fromHex('0000 00000002 0001 00 06 0200000000010000'), packet)],
  [101, (packet) => packet],
  [0, (packet) => concat(fromHex(isIpv6(packet) ? '1e000000' : '02000000'), packet)],
  [108, (packet) => concat(fromHex(isIpv6(packet) ? '0000001e' : '00000002'), packet)],
  [113, (packet) => concat(fromHex('0000 0001 0006 0200000000010000'), u16(etherType(packet)), packet)],
];

function pppoe(packet: Bytes): Bytes {
  const length = u16(packet.length + 2);
  return concat(
    new Uint8Array(12),
    fromHex('8864 1100 0001'),
    length,
    fromHex(isIpv6(packet) ? '0057' : '0021'),
    packet,
  );
}

function isIpv6(packet: Bytes): boolean {
  return etherType(packet) === 0x86dd;
}

function framesOf(frame: (packet: Bytes) => Bytes, unitsPerMillisecond: bigint) {
  return PACKETS.map((packet, i) => ({
    bytes: frame(packet),
    units: (EPOCH_SECONDS * 1000n + BigInt(i)) * unitsPerMillisecond,
  }));
}

test('by hand: every link layer, in one file of both byte orders, with packets of both kinds and other blocks', {
  skip,
}, async () => {
  const parts = [true, false].flatMap((isLittle) => {
    const blocks = new Blocks(isLittle);
    const secrets = blocks.block(0x0a, blocks.fields().u32(0x544c534b).u32(4).padded(fromHex('23200a0a')));
    const names = blocks.block(4, blocks.fields().u32(0));
    const custom = blocks.block(0x0bad, blocks.fields().u32(32473).padded(new Uint8Array(100)));
    const nano = blocks.option(9, Uint8Array.of(9));
    return [
      ...[blocks.section(), secrets],
      ...LINKS.map(([linkType], i) => blocks.interface(linkType, i % 2 === 0 ? {} : { options: nano })),
      ...LINKS.flatMap(([, frame], i) => [
        ...framesOf(frame, i % 2 === 0 ? 1000n : 1_000_000n).map((packet) =>
          isLittle ? blocks.enhanced(packet, i) : blocks.old(packet, i),
        ),
        ...[names, custom],
      ]),
    ];
  });
  await agree('links.pcapng', concat(...parts), 2 * LINKS.length * SEEN);
});

test('by hand: pcap, in big endian, nanoseconds, Linux cooked and gzip', { skip }, async () => {
  const [linkType, frame] = LINKS.at(-1)!;
  const frames = framesOf(frame, 1_000_000n);
  await agree('nano.pcap.gz', gzipSync(pcapFile(frames, { isLittle: false, isNano: true, linkType })), SEEN);
});

/** Datagrams small and large, of both families, to ports where nobody listens; a connection that is refused. */
const TALK = `
  const dgram = require('node:dgram'), net = require('node:net');
  (async () => {
    for (const [type, to] of [['udp4', '192.0.2.1'], ['udp6', '2001:db8::1']])
      for (const port of [500, 4500, 1701, 10000, 53])
        for (const size of [40, 1300, 4000]) {
          const socket = dgram.createSocket(type);
          await new Promise((done) => socket.send(Buffer.alloc(size, 7), port, to, done));
          socket.close();
        }
    for (const [host, port] of [['192.0.2.1', 10000], ['2001:db8::1', 4500], ['192.0.2.1', 443]])
      await new Promise((done) => net.connect(port, host).on('error', done));
  })();`;

/** With room for all of the talk between the kernel and tcpdump: the usual 2 MB are full with 32 packets. */
const TCPDUMP = ['tcpdump', '-U', '--immediate-mode', '-B', '16384', '-Z', 'root'];

const CAPTURES: Readonly<Record<string, readonly string[]>> = {
  'dumpcap.pcapng': ['dumpcap', '-q', '-i', 'sp0'],
  'any.pcap': [...TCPDUMP, '-i', 'any', '-y', 'LINUX_SLL'],
  'any2.pcap': [...TCPDUMP, '-i', 'any', '-y', 'LINUX_SLL2'],
  'nano.pcap': [...TCPDUMP, '-i', 'sp0', '--time-stamp-precision=nano'],
};

test('of a network, by tcpdump and dumpcap', { skip, timeout: 300_000 }, async () => {
  const [near, far] = [await Netns.create('near'), await Netns.create('far')];
  try {
    await link(near, 'sp0', ['192.0.2.2/24', '2001:db8::2/64'], far, 'sp1', ['192.0.2.1/24', '2001:db8::1/64']);
    await far.sysctl('net.ipv4.icmp_ratelimit=0', 'net.ipv6.icmp.ratelimit=0');
    const programs: Program[] = [];
    for (const [name, argv] of Object.entries(CAPTURES)) {
      const program = near.start([...argv, '-w', join(folder, name)]);
      programs.push(program);
      await program.prints(/listening on|Capturing on/);
    }
    await near.must([process.execPath, '-e', TALK]);
    // what the kernel has buffered comes in its own time
    for (const name of Object.keys(CAPTURES)) await until(() => hasAll(name), 60_000, name);
    for (const program of programs) await program.stop('SIGINT', 60_000);
    for (const name of Object.keys(CAPTURES)) await agree(name, readFileSync(join(folder, name)), 40);
  } finally {
    near.remove();
    far.remove();
  }
});

/** Whether a capture that is still being written has the last that is looked at of the talk: the refusal of TCP 4500. */
async function hasAll(name: string): Promise<boolean> {
  const read = await readBytes(readFileSync(join(folder, name))).catch(() => undefined);
  return read?.sightings.some(({ protocol, sourcePort }) => protocol === 'tcp' && sourcePort === 4500) === true;
}
