/** Datagrams put together from fragments, and what holds when somebody sends fragments without end. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type Bytes, concat } from '../../../src/core/bytes/bytes.ts';
import { parseIp } from '../../../src/core/net/address.ts';
import {
  type Fragment,
  Fragments,
  LOST_AFTER,
  MAX_DATAGRAMS,
  MAX_HELD_BYTES,
  MAX_PIECES,
} from '../../../src/doctor/capture/fragments.ts';
import { Seeded } from '../../seeded.ts';
import { ethernet, fragment6, ike, ip4, ip6, pcapFile, udp } from './files.ts';
import { lineOf, readBytes } from './read.ts';

const IKE = udp(500, 500, ike(3000));
const UNWANTED = udp(53, 53, ike(3000).fill(0xff));

function pieces(datagram: Bytes, size: number, identification = 1): Bytes[] {
  return Array.from({ length: Math.ceil(datagram.length / size) }, (_, i) => {
    const offset = i * size;
    const more = offset + size < datagram.length;
    return ethernet(ip4(17, datagram.subarray(offset, offset + size), { identification, offset, more }));
  });
}

/** @param times of the frames in milliseconds; without it all come at once */
function file(frames: readonly Bytes[], times: readonly number[] = []): Bytes {
  const begin = 1_795_250_000_000_000n;
  return pcapFile(frames.map((bytes, i) => ({ bytes, units: begin + BigInt((times[i] ?? 0) * 1000) })));
}

const WHOLE = '3 192.0.2.7 198.51.100.9 udp 500>500 3000 in 3';

test('in any order, and twice: one datagram, of the last fragment', async () => {
  const [a, b, c] = pieces(IKE, 1480) as [Bytes, Bytes, Bytes];
  for (const order of [
    [a, b, c],
    [a, c, b],
    [b, a, c],
    [b, c, a],
    [c, a, b],
    [c, b, a],
  ]) {
    const read = await readBytes(file(order));
    assert.deepEqual(read.sightings.map(lineOf), [WHOLE]);
    assert.deepEqual(read.sightings[0]!.payload, ike(3000));
  }
  const twice = await readBytes(file([a, a, b, b, c]));
  assert.deepEqual(twice.sightings.map(lineOf), ['5 192.0.2.7 198.51.100.9 udp 500>500 3000 in 3']);
});

test('in IPv6, with extension headers on either side of the fragment header', async () => {
  const options = Uint8Array.of(17, 0, 1, 4, 0, 0, 0, 0);
  const datagram = concat(options, IKE);
  const frame = (from: number, to: number, more: boolean) => {
    const fragment = fragment6(60, datagram.subarray(from, to), { offset: from, more });
    return ethernet(ip6(60, concat(Uint8Array.of(44, 0, 1, 4, 0, 0, 0, 0), fragment)));
  };
  const read = await readBytes(file([frame(1440, datagram.length, false), frame(0, 1440, true)]));
  assert.deepEqual(read.sightings.map(lineOf), ['2 2001:db8::7 2001:db8:1::9 udp 500>500 3000 in 2']);
});

test('datagrams of several senders, mixed; those that nobody wants leave nothing behind', async () => {
  const [a, b] = [pieces(IKE, 1480, 1), pieces(IKE, 1480, 2)];
  const unwanted = pieces(UNWANTED, 1480, 3);
  const mixed = [0, 1, 2].flatMap((i) => [a[i]!, unwanted[i]!, b[i]!]);
  const read = await readBytes(file(mixed));
  assert.deepEqual(
    read.sightings.map(({ packet, fragments }) => [packet, fragments]),
    [
      [7, 3],
      [9, 3],
    ],
  );
  assert.deepEqual(read.fragments, { lost: 0, crowdedOut: 0, contradictory: 0 });
});

test('what was cut in capturing says so', async () => {
  const [a, b, c] = pieces(IKE, 1480) as [Bytes, Bytes, Bytes];
  const frames = [a, b, c].map((bytes) => ({ bytes: bytes.subarray(0, 200), length: bytes.length }));
  const read = await readBytes(pcapFile(frames));
  assert.deepEqual(read.sightings.map(lineOf), ['3 192.0.2.7 198.51.100.9 udp 500>500 158 of 3000 in 3']);
});

test('lost: told once it is late, with what is there from the beginning on', async () => {
  const [a, b, c] = pieces(IKE, 1480) as [Bytes, Bytes, Bytes];
  const other = ethernet(ip4(17, udp(500, 500, ike())));
  const late = await readBytes(file([a, b, other, other], [0, 1, LOST_AFTER, LOST_AFTER + 1]));
  assert.deepEqual(late.sightings.map(lineOf), [
    '3 192.0.2.7 198.51.100.9 udp 500>500 40',
    '2 192.0.2.7 198.51.100.9 udp 500>500 2952 of 3000 in 2 (lost)',
    '4 192.0.2.7 198.51.100.9 udp 500>500 40',
  ]);
  assert.equal(late.fragments.lost, 1);
  const withGap = await readBytes(file([a, c, other], [0, 1, 2 * LOST_AFTER]));
  assert.equal(lineOf(withGap.sightings[0]!), '2 192.0.2.7 198.51.100.9 udp 500>500 1472 of 3000 in 2 (lost)');
  const headless = await readBytes(file([b, c, other], [0, 1, 2 * LOST_AFTER]));
  assert.deepEqual(headless.sightings.map(lineOf), ['3 192.0.2.7 198.51.100.9 udp 500>500 40']);
  assert.equal(headless.fragments.lost, 1);
});

test('the last datagram of a capture is lost if the capture went on without the rest of it', async () => {
  const arp = new Uint8Array(60);
  const [a] = pieces(IKE, 1480) as [Bytes];
  const read = await readBytes(file([a, arp], [0, LOST_AFTER]));
  assert.deepEqual(read.sightings.map(lineOf), ['1 192.0.2.7 198.51.100.9 udp 500>500 1472 of 3000 (lost)']);
});

test('a capture that ends meanwhile proves nothing lost', async () => {
  const read = await readBytes(file(pieces(IKE, 1480).slice(0, 2), [0, 1]));
  assert.deepEqual(read.sightings, []);
  assert.equal(read.fragments.lost, 0);
});

test('fragments that contradict each other make no datagram', async () => {
  const [a, b, c] = pieces(IKE, 1480) as [Bytes, Bytes, Bytes];
  const overlapping = ethernet(ip4(17, IKE.subarray(1472, 2960), { offset: 1472, more: true }));
  const otherEnd = ethernet(ip4(17, IKE.subarray(2960, 2990), { offset: 2960 }));
  const behindEnd = ethernet(ip4(17, IKE.subarray(0, 8), { offset: 3200, more: true }));
  const beyond = ethernet(ip4(17, IKE.subarray(0, 1000), { offset: 65_000, more: true }));
  const uneven = ethernet(ip4(17, IKE.subarray(0, 1001), { more: true }));
  for (const frames of [[a, overlapping], [c, otherEnd], [c, behindEnd], [a, beyond], [uneven]]) {
    const read = await readBytes(file([...frames, b]));
    assert.deepEqual(read.sightings, []);
    assert.equal(read.fragments.contradictory, 1);
  }
});

const [source, destination] = [parseIp('192.0.2.7')!, parseIp('198.51.100.9')!];

function fragment(identification: number, offset: number, length: number, at = 0): Fragment {
  const bytes = new Uint8Array(length);
  return { source, destination, protocol: 17, identification, offset, more: true, bytes, length, packet: 1, at };
}

test('datagrams that wait: the oldest makes room', () => {
  const fragments = new Fragments(() => true);
  for (let i = 0; i <= MAX_DATAGRAMS + 9; i++) fragments.add(fragment(i, 8, 8));
  assert.equal(fragments.waiting, MAX_DATAGRAMS);
  assert.equal(fragments.counts.crowdedOut, 10);
  assert.equal(fragments.heldBytes, 8 * MAX_DATAGRAMS);
});

test('bytes that are held: the oldest makes room', () => {
  const fragments = new Fragments(() => true);
  const size = 32_768;
  for (let i = 0; i < MAX_HELD_BYTES / size + 3; i++) fragments.add(fragment(i, 8, size));
  assert.equal(fragments.heldBytes, MAX_HELD_BYTES);
  assert.equal(fragments.counts.crowdedOut, 3);
});

test('one datagram in too many pieces is given up', () => {
  const fragments = new Fragments(() => true);
  for (let i = 0; i < MAX_PIECES; i++) fragments.add(fragment(1, 16 * i, 8));
  assert.equal(fragments.heldBytes, 8 * MAX_PIECES);
  fragments.add(fragment(1, 16 * MAX_PIECES, 8));
  assert.deepEqual([fragments.waiting, fragments.heldBytes, fragments.counts.contradictory], [0, 0, 1]);
});

test('nothing is held of what nobody wants, whether its beginning comes first or last', () => {
  const fragments = new Fragments(() => false);
  fragments.add(fragment(1, 8, 800));
  assert.equal(fragments.heldBytes, 800);
  fragments.add(fragment(1, 0, 8));
  fragments.add(fragment(1, 808, 800));
  assert.equal(fragments.heldBytes, 0);
  assert.deepEqual([...fragments.takeLost(LOST_AFTER)], []);
  assert.deepEqual([fragments.waiting, fragments.counts.lost], [0, 0]);
});

test('what is held is what is counted, whatever comes', () => {
  const random = new Seeded(3);
  const fragments = new Fragments(() => random.chance(0.7));
  for (let i = 0; i < 50_000; i++) {
    const one = fragment(random.below(60), 8 * random.below(30), 8 * random.below(5), i);
    fragments.add({ ...one, more: random.chance(0.9) });
    if (i % 1000 === 0) for (const lost of fragments.takeLost(i)) assert.ok(lost.isLost);
  }
  for (const lost of fragments.takeLost(1e9)) assert.ok(lost.bytes.length <= lost.length);
  assert.deepEqual([fragments.waiting, fragments.heldBytes], [0, 0]);
});
