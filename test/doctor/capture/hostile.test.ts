/** Captures that lie: what was read before the lie is still told, and nothing crashes, hangs or grows. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { gzipSync } from 'node:zlib';
import { type Bytes, concat } from '../../../src/core/bytes/bytes.ts';
import { CaptureError } from '../../../src/doctor/capture/damage.ts';
import { MAX_BLOCK, MAX_PACKET } from '../../../src/doctor/capture/format.ts';
import { MAX_HELD_BYTES } from '../../../src/doctor/capture/fragments.ts';
import { MAX_INTERFACES } from '../../../src/doctor/capture/pcapng.ts';
import { readCapture } from '../../../src/doctor/capture/read-capture.ts';
import type { ByteSource } from '../../../src/doctor/capture/source.ts';
import { Seeded } from '../../seeded.ts';
import { Blocks, ethernet, fragment6, ike, ip4, ip6, pcapFile, tcp, udp } from './files.ts';
import { lineOf, readBytes } from './read.ts';

const blocks = new Blocks();
const begin = concat(blocks.section(), blocks.interface(1));
const frames = [
  ethernet(ip4(17, udp(500, 500, ike()))),
  ethernet(ip6(44, fragment6(17, udp(4500, 4500, ike(60)).subarray(0, 32), { more: true })), 0x8100),
  ethernet(ip6(44, fragment6(17, udp(4500, 4500, ike(60)).subarray(32), { offset: 32 }))),
  ethernet(ip4(6, tcp(1025, 10000, 2, new Uint8Array(0)))),
  ethernet(ip4(50, new Uint8Array(40))),
  ethernet(ip4(1, concat(Uint8Array.of(3, 3, 0, 0, 0, 0, 0, 0), ip4(17, udp(500, 500, ike()))))),
].map((bytes) => ({ bytes }));
const PCAP = pcapFile(frames);
const PCAPNG = concat(begin, ...frames.map((frame) => blocks.enhanced(frame)));
const LINES = [
  '1 192.0.2.7 198.51.100.9 udp 500>500 40',
  '3 2001:db8::7 2001:db8:1::9 udp 4500>4500 60 in 2',
  '4 192.0.2.7 198.51.100.9 tcp 1025>10000 0',
  '5 192.0.2.7 198.51.100.9 esp 40',
  '6 192.0.2.7 198.51.100.9 icmp 76',
];

for (const [name, file] of Object.entries({ PCAP, PCAPNG }))
  test(`${name}, cut at every byte: what came before is told, and where it ends`, async () => {
    assert.deepEqual((await readBytes(file)).sightings.map(lineOf), LINES);
    let whole = 0;
    for (let length = 1; length <= file.length; length++) {
      const read = await readBytes(file.subarray(0, length)).catch((error) => error);
      if (length < 4) {
        assert.ok(read instanceof CaptureError, `${length}`);
        continue;
      }
      assert.deepEqual(read.sightings.map(lineOf), LINES.slice(0, read.sightings.length));
      if (read.problem === undefined) whole++;
      else assert.ok(read.problem.offset <= length && /ends in the middle/.test(read.problem.says));
    }
    // between two blocks nobody can tell that there was more
    assert.equal(whole, name === 'PCAP' ? 1 + frames.length : 2 + frames.length);
  });

test('gzip, cut at every byte: what can be inflated is told', async () => {
  const random = new Seeded(5);
  const packed = gzipSync(concat(PCAP, pcapFile([{ bytes: random.bytes(3000) }]).subarray(24)));
  for (let length = 2; length < packed.length; length += length < 64 || length > packed.length - 64 ? 1 : 41) {
    const read = await readBytes(packed.subarray(0, length), 100).catch((error) => error);
    if (read instanceof CaptureError) continue;
    assert.deepEqual(read.sightings.map(lineOf), LINES.slice(0, read.sightings.length));
    assert.match(read.problem.says, /unexpected end of file|Z_BUF_ERROR/);
  }
});

test('gzip whose middle is damaged: what came before is told', async () => {
  const random = new Seeded(6);
  const packed = gzipSync(
    concat(PCAP, ...Array.from({ length: 9 }, () => pcapFile([{ bytes: random.bytes(60_000) }]).subarray(24))),
  );
  packed.fill(0xff, 300_000, 301_000);
  const read = await readBytes(packed);
  assert.deepEqual(read.sightings.map(lineOf), LINES);
  assert.ok(read.problem && read.problem.offset > 100_000);
});

test('bits flipped all over: an answer each time', async () => {
  for (const file of [PCAP, PCAPNG])
    for (let bit = 0; bit < file.length * 8; bit += 11) {
      const flipped = file.slice();
      flipped[bit >> 3]! ^= 1 << (bit & 7);
      await readBytes(flipped).catch((error) => assert.ok(error instanceof CaptureError, String(error)));
    }
});

test("noise behind a good beginning: an answer each time, and never a sighting that isn't there", async () => {
  const random = new Seeded(9);
  for (let i = 0; i < 300; i++) {
    const noise = random.bytes(random.below(5000));
    for (const start of [PCAP, PCAPNG, PCAP.subarray(0, 24), begin, new Uint8Array(0)]) {
      const read = await readBytes(concat(start, noise)).catch((error) => error);
      if (read instanceof CaptureError) continue;
      assert.ok(Array.isArray(read.sightings), String(read));
      for (const { payload, length } of read.sightings) assert.ok(payload.length <= length);
    }
  }
});

test('what is no capture', async () => {
  for (const text of [
    '',
    'x',
    'Nov 21 charon: 07[IKE] received NO_PROPOSAL_CHOSEN',
    '\x1f\x8b',
    '\x1f\x8b\x08nonsense',
  ])
    await assert.rejects(readBytes(Buffer.from(text, 'latin1')), CaptureError);
});

test('lengths that no packet has', async () => {
  const header = (length: number) => blocks.fields().u32(1).u32(1).u32(length).u32(length).finish();
  for (const length of [MAX_PACKET + 1, 0x7fffffff, 0xffffffff]) {
    const read = await readBytes(concat(PCAP, header(length), new Uint8Array(100)));
    assert.deepEqual(read.sightings.map(lineOf), LINES);
    assert.equal(read.problem?.offset, PCAP.length);
    assert.match(read.problem.says, new RegExp(`a packet of ${length} bytes`));
  }
  const most = { bytes: new Uint8Array(MAX_PACKET) };
  const read = await readBytes(concat(pcapFile([most]), PCAP.subarray(24)));
  assert.deepEqual([read.packets, read.problem], [1 + frames.length, undefined]);
});

test('blocks that no section has', async () => {
  const block = (type: number, length: number, body: Bytes = new Uint8Array(100)) =>
    concat(blocks.fields().u32(type).u32(length).finish(), body);
  const packet = (index: number, captured: number) =>
    blocks.block(6, blocks.fields().u32(index).u32(0).u32(0).u32(captured).u32(captured).u32(0));
  const lies: readonly [Bytes, RegExp][] = [
    [block(6, MAX_BLOCK + 4), /a block of 524292 bytes/],
    [block(6, 0xfffffffc), /a block of 4294967292 bytes/],
    [block(1, 0xfffffffc), /a block of 4294967292 bytes/],
    [block(6, 0), /a block of 0 bytes/],
    [block(99, 8), /a block of 8 bytes/],
    [block(99, 13), /a block of 13 bytes/],
    [block(6, 40), /ends saying/],
    [block(0x0a0d0d0a, 28), /byte order/],
    [blocks.block(6, blocks.fields().u32(0)), /cut short/],
    [blocks.block(3, blocks.fields()), /cut short/],
    [blocks.block(1, blocks.fields().u32(0)), /cut short/],
    [packet(1, 4), /interface 1/],
    [packet(0, 5), /in a block that has 4/],
    [packet(0, 0xffffffff), /a packet of 4294967295 bytes/],
  ];
  for (const [lie, says] of lies) {
    const read = await readBytes(concat(PCAPNG, lie, PCAPNG));
    assert.deepEqual(read.sightings.map(lineOf), LINES);
    assert.equal(read.problem?.offset, PCAPNG.length);
    assert.match(read.problem.says, says);
  }
});

/** Gives `beginning`, then `more` again and again up to `length` bytes. */
class Endless implements ByteSource {
  /** Bytes in buffers that are alive, at most. */
  held = 0;
  readonly #more: (i: number) => Bytes;
  readonly #length: number;
  #pending: Bytes;
  #given = 0;
  #lookAt = 0;

  constructor(beginning: Bytes, more: (i: number) => Bytes, length: number) {
    this.#pending = beginning;
    this.#more = more;
    this.#length = length;
  }

  read(into: Uint8Array): number {
    const parts: Bytes[] = [this.#pending];
    let ready = this.#pending.length;
    for (let i = 0; ready < into.length && this.#given + ready < this.#length; i++) {
      const part = this.#more(i);
      parts.push(part);
      ready += part.length;
    }
    const all = concat(...parts);
    const now = Math.min(all.length, into.length, this.#length - this.#given);
    into.set(all.subarray(0, now));
    this.#pending = all.subarray(now);
    this.#given += now;
    this.#look();
    return now;
  }

  close(): void {}

  #look(): void {
    if (this.#given < this.#lookAt) return;
    this.#lookAt = this.#given + (8 << 20);
    this.held = Math.max(this.held, buffersHeld());
  }
}

setFlagsFromString('--expose-gc');
const collectGarbage: () => void = runInNewContext('gc');
/** The window, and what the source above makes at a time. */
const AT_A_TIME = 24 << 20;

/** V8 frees buffers beside its work, and the next collection waits for what the one before it found. */
function buffersHeld(): number {
  collectGarbage();
  collectGarbage();
  return process.memoryUsage().arrayBuffers;
}

test('a block of 4 GB that nobody reads is passed by without being held, and its end is missed', async () => {
  const zeros = new Uint8Array(1 << 20);
  const lie = concat(PCAPNG, blocks.fields().u32(0x0a).u32(0xfffffffc).finish());
  const before = buffersHeld();
  const source = new Endless(lie, () => zeros, 128 << 20);
  const summary = await readCapture(source, () => {});
  assert.deepEqual([summary.packets, summary.problem?.says], [frames.length, 'it ends in the middle of a block']);
  assert.ok(source.held - before < AT_A_TIME, `${source.held - before}`);
});

test('interfaces without end', async () => {
  const many = concat(...Array.from({ length: 1000 }, () => blocks.interface(1)));
  const summary = await readCapture(new Endless(begin, () => many, 1 << 30), () => {});
  assert.match(summary.problem!.says, new RegExp(`more than ${MAX_INTERFACES} interfaces`));
});

test('fragments without end: what they hold is bounded, and packets go on being seen', async () => {
  const payload = new Uint8Array(1480).fill(1);
  const honest = pcapFile([{ bytes: frames[0]!.bytes }]).subarray(24);
  let sent = 0;
  const records = (i: number) => {
    if (i === 0) return honest;
    const fragment = ip4(17, payload, { identification: sent & 0xffff, offset: 8 * (1 + (sent >> 16)), more: true });
    sent++;
    return pcapFile([{ bytes: ethernet(fragment) }]).subarray(24);
  };
  const before = buffersHeld();
  const source = new Endless(PCAP.subarray(0, 24), records, 64 << 20);
  let seen = 0;
  const summary = await readCapture(source, () => seen++);
  assert.ok(seen > 10 && summary.fragments.crowdedOut > 1000);
  assert.ok(source.held - before < MAX_HELD_BYTES + AT_A_TIME, `${source.held - before}`);
});
