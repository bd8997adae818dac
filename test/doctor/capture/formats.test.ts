/** Files of each format, byte order and clock tell the same; what isn't a packet is passed by. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { gzipSync } from 'node:zlib';
import { type Bytes, concat } from '../../../src/core/bytes/bytes.ts';
import { Blocks, EPOCH_SECONDS, ethernet, type Frame, ike, ip4, pcapFile, udp } from './files.ts';
import { lineOf, readBytes } from './read.ts';

const first = ethernet(ip4(17, udp(500, 500, ike())));
const second = ethernet(ip4(17, udp(4500, 4500, ike(60))));
const noise = ethernet(ip4(17, udp(53, 4000, ike().subarray(0, 30))));
const LINES = linesOf(1, 3);

function linesOf(one: number, other: number): string[] {
  const [a, b] = ['192.0.2.7', '198.51.100.9'];
  return [`${one} ${a} ${b} udp 500>500 40`, `${other} ${a} ${b} udp 4500>4500 60`];
}

const SECONDS = Number(EPOCH_SECONDS);

function at(units: bigint): Frame[] {
  return [first, noise, second].map((bytes, i) => ({ bytes, units: units + BigInt(i) }));
}

for (const isLittle of [true, false])
  for (const isNano of [true, false])
    test(`pcap, ${isLittle ? 'little' : 'big'} endian, in ${isNano ? 'nano' : 'micro'}seconds`, async () => {
      const perSecond = isNano ? 1_000_000_000n : 1_000_000n;
      const frames = at(EPOCH_SECONDS * perSecond + perSecond / 2n);
      const read = await readBytes(pcapFile(frames, { isLittle, isNano }));
      assert.deepEqual(read.sightings.map(lineOf), LINES);
      assert.equal(read.format, 'pcap');
      assert.equal(read.packets, 3);
      assert.equal(read.problem, undefined);
      assert.equal(read.firstAt, SECONDS * 1000 + 500);
      assert.ok(Math.abs(read.lastAt! - read.firstAt - (isNano ? 0.000002 : 0.002)) < 0.0003);
    });

for (const isLittle of [true, false])
  test(`pcapng, ${isLittle ? 'little' : 'big'} endian: packets of three kinds among other blocks`, async () => {
    const blocks = new Blocks(isLittle);
    const comment = blocks.option(1, new TextEncoder().encode('a comment'));
    const file = concat(
      blocks.section(),
      blocks.interface(1),
      blocks.enhanced({ bytes: first }, 0, comment),
      blocks.block(0x0a, blocks.fields().u32(0x544c534b).u32(3).padded(new Uint8Array(3))), // secrets
      blocks.block(4, blocks.fields().u32(0)), // names
      blocks.block(0xbad, blocks.fields().u32(32473).padded(new Uint8Array(70_000))), // somebody's own
      blocks.old({ bytes: noise }),
      blocks.simple({ bytes: second }),
      blocks.block(5, blocks.fields().u32(0).u32(0).u32(0)), // statistics
    );
    for (const chunk of [1 << 16, 5]) {
      const read = await readBytes(file, chunk);
      // Wireshark gives somebody's own a number
      assert.deepEqual(read.sightings.map(lineOf), linesOf(1, 4));
      assert.equal(read.format, 'pcapng');
      assert.equal(read.problem, undefined);
      // a simple packet has no time: the last one known
      assert.deepEqual(
        read.sightings.map((sighting) => sighting.at),
        [SECONDS * 1000, SECONDS * 1000],
      );
    }
  });

const CLOCKS: readonly [name: string, resolution: number | undefined, unitsPerSecond: bigint][] = [
  ['microseconds unless it is said', undefined, 1_000_000n],
  ['nanoseconds', 9, 1_000_000_000n],
  ['milliseconds', 3, 1000n],
  ['seconds', 0, 1n],
  ['1024ths of a second', 0x80 | 10, 1024n],
];
for (const [name, resolution, unitsPerSecond] of CLOCKS)
  test(`pcapng's clock: ${name}`, async () => {
    const blocks = new Blocks(false);
    const options = resolution === undefined ? blocks.fields() : blocks.option(9, Uint8Array.of(resolution));
    const frame = { bytes: first, units: EPOCH_SECONDS * unitsPerSecond + unitsPerSecond / 4n };
    const read = await readBytes(concat(blocks.section(), blocks.interface(1, { options }), blocks.enhanced(frame)));
    const expected = SECONDS * 1000 + (unitsPerSecond === 1n ? 0 : 250);
    // a number has room for a quarter of a microsecond
    assert.ok(Math.abs(read.sightings[0]!.at - expected) < 0.0003);
  });

test("pcapng's clock may be told by how far it is from the epoch", async () => {
  for (const isLittle of [true, false]) {
    const blocks = new Blocks(isLittle);
    for (const offset of [3600, -3600]) {
      const seconds = isLittle ? [offset, offset < 0 ? -1 : 0] : [offset < 0 ? -1 : 0, offset];
      const value = blocks.fields().u32(seconds[0]!).u32(seconds[1]!).finish();
      const interfaceBlock = blocks.interface(1, { options: blocks.option(14, value) });
      const read = await readBytes(concat(blocks.section(), interfaceBlock, blocks.enhanced({ bytes: first })));
      assert.equal(read.sightings[0]!.at, (SECONDS + offset) * 1000);
    }
  }
});

test('each interface has its own link layer, and each section its own interfaces and byte order', async () => {
  const [little, big] = [new Blocks(true), new Blocks(false)];
  const raw = first.subarray(14);
  const file = concat(
    ...[little.section(), little.interface(1), little.interface(101)],
    ...[little.enhanced({ bytes: raw }, 1), little.enhanced({ bytes: first }, 0)],
    ...[big.section(), big.interface(228), big.enhanced({ bytes: raw }, 0)],
  );
  const read = await readBytes(file);
  assert.deepEqual(
    read.sightings.map(lineOf),
    [1, 2, 3].map((packet) => `${packet} 192.0.2.7 198.51.100.9 udp 500>500 40`),
  );
});

test('a simple packet is cut at the snapshot length of the first interface', async () => {
  const blocks = new Blocks();
  const cut = { bytes: second.subarray(0, 60), length: second.length };
  const read = await readBytes(concat(blocks.section(), blocks.interface(1, { snapLength: 60 }), blocks.simple(cut)));
  assert.deepEqual(read.sightings.map(lineOf), ['1 192.0.2.7 198.51.100.9 udp 4500>4500 18 of 60']);
});

test('gzip around either, in one piece or several, whatever pieces it comes in', async () => {
  const blocks = new Blocks();
  const ng = concat(blocks.section(), blocks.interface(1), ...at(0n).map((frame) => blocks.enhanced(frame)));
  for (const plain of [pcapFile(at(0n)), ng]) {
    const half = plain.length >> 1;
    const packed: Bytes[] = [
      gzipSync(plain),
      concat(gzipSync(plain.subarray(0, half)), gzipSync(plain.subarray(half))),
    ];
    for (const file of packed)
      for (const chunk of [1, 7, 65_536]) {
        const read = await readBytes(file, chunk);
        assert.deepEqual(read.sightings.map(lineOf), LINES);
        assert.equal(read.problem, undefined);
      }
  }
});

test('link layers that are not read are counted, and no reason to stop', async () => {
  const blocks = new Blocks();
  const file = concat(
    ...[blocks.section(), blocks.interface(147), blocks.interface(1)],
    ...[blocks.enhanced({ bytes: first }, 0), blocks.enhanced({ bytes: first }, 1)],
  );
  const read = await readBytes(file);
  assert.deepEqual([...read.unknownLinkTypes], [[147, 1]]);
  assert.deepEqual(read.sightings.map(lineOf), ['2 192.0.2.7 198.51.100.9 udp 500>500 40']);
});
