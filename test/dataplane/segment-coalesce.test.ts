/** Frames cut into packets and packets joined to frames, judged by checksums and bytes of the tests' own. */
import assert from 'node:assert/strict';
import { closeSync, mkdtempSync, openSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { concat } from '../../src/core/bytes/bytes.ts';
import { Arena } from '../../src/dataplane/arena.ts';
import { createSum } from '../../src/dataplane/checksum.ts';
import { TunWriter } from '../../src/dataplane/coalesce.ts';
import { COUNTER_COUNT, Counter } from '../../src/dataplane/counters.ts';
import { Fragmenter } from '../../src/dataplane/fragment.ts';
import { writeTooBig } from '../../src/dataplane/icmp.ts';
import { clampMss, isSyn } from '../../src/dataplane/mss.ts';
import { TcpSegmenter } from '../../src/dataplane/segment.ts';
import { Seeded } from '../seeded.ts';
import { ACK, checksum, checksumsRight, DF, ip4, PSH_ACK, SYN, setU16, tcp4, u16 } from './packets.ts';

const arena = new Arena();
const sum = createSum(arena);
const AT = arena.allocate(200_000) + 128;
const flow = { source: '10.8.0.1', destination: '10.8.0.2', flags: DF };

interface Frame {
  readonly flags: number;
  readonly gsoType: number;
  readonly gsoSize: number;
  readonly packet: Uint8Array;
}

/** The frames that `write` makes a TunWriter write; a file stands for the TUN. */
function framesOf(coalescing: boolean, write: (tun: TunWriter) => void): Frame[] {
  const folder = mkdtempSync(join(tmpdir(), 'sallyport-tun-'));
  const file = join(folder, 'frames');
  const fd = openSync(file, 'w');
  try {
    const tun = new TunWriter(arena, sum, new Float64Array(COUNTER_COUNT), fd, coalescing);
    write(tun);
    tun.flush();
    return parseFrames(readFileSync(file));
  } finally {
    closeSync(fd);
    rmSync(folder, { recursive: true });
  }
}

function parseFrames(bytes: Uint8Array): Frame[] {
  const frames: Frame[] = [];
  for (let at = 0; at < bytes.length; ) {
    const length = u16(bytes, at + 10 + 2);
    const gsoSize = bytes[at + 4]! | (bytes[at + 5]! << 8);
    frames.push({
      flags: bytes[at]!,
      gsoType: bytes[at + 1]!,
      gsoSize,
      packet: Uint8Array.from(bytes.subarray(at + 10, at + 10 + length)),
    });
    at += 10 + length;
  }
  return frames;
}

/** Puts packets into the arena one behind the other and writes them. */
function writeAll(tun: TunWriter, packets: readonly Uint8Array[]): void {
  let at = AT;
  for (const packet of packets) {
    arena.u8.set(packet, at);
    tun.write(at, packet.length);
    at += packet.length + 40;
  }
}

function segmentsOf(frame: Uint8Array, mss: number): Uint8Array[] {
  const packets: Uint8Array[] = [];
  arena.u8.set(frame, AT);
  const sink = { packet: (at: number, length: number) => packets.push(arena.u8.slice(at, at + length)) };
  assert.ok(new TcpSegmenter(arena, sum).split(AT, frame.length, mss, sink));
  return packets;
}

function streamOf(count: number, mss: number, last: number): Uint8Array[] {
  const random = new Seeded(count * 65_536 + mss);
  return Array.from({ length: count }, (_, i) => {
    const flags = i === count - 1 ? PSH_ACK : ACK;
    const payload = random.bytes(i === count - 1 ? last : mss);
    return tcp4({ ...flow, id: 100 + i }, { sequence: 0xfffffff0 + i * mss, flags }, payload);
  });
}

test('the checksum agrees with the plain one at every length and alignment', () => {
  const random = new Seeded(7);
  for (let length = 0; length < 200; length++) {
    const bytes = random.bytes(length);
    const at = AT + (length % 7);
    arena.u8.set(bytes, at);
    const found = ~sum(at, length, 0) & 0xffff;
    assert.equal(((found & 255) << 8) | (found >> 8), checksum(bytes), `${length} bytes`);
  }
  arena.u8.fill(255, AT, AT + 65_535);
  assert.equal(sum(AT, 65_535, 0), 0xff, 'no lane overflows: 32767 words of ffff and an odd byte');
});

test('a frame becomes packets with right headers, that hold its payload', () => {
  for (const [length, mss] of [
    [5000, 1348],
    [1348 * 3, 1348],
    [100, 1348],
    [60_000, 536],
    [1, 1],
  ] as const) {
    const payload = new Seeded(length).bytes(length);
    const options = Uint8Array.of(1, 1, 8, 10, 1, 2, 3, 4, 5, 6, 7, 8);
    const frame = tcp4({ ...flow, id: 0xfffe }, { sequence: 0xffffff00, flags: 0x80 | PSH_ACK | 1, options }, payload);
    const packets = segmentsOf(frame, mss);
    assert.equal(packets.length, Math.ceil(length / mss));
    assert.deepEqual(concat(...packets.map((packet) => packet.subarray(52))), payload);
    for (const [i, packet] of packets.entries()) {
      const last = i === packets.length - 1;
      assert.ok(checksumsRight(packet), `packet ${i}`);
      assert.equal(u16(packet, 2), packet.length);
      assert.equal(u16(packet, 4), (0xfffe + i) & 0xffff, 'identification goes on');
      assert.equal(new DataView(packet.buffer).getUint32(24), (0xffffff00 + i * mss) >>> 0, 'sequence goes on');
      assert.equal(packet[33]! & 0x09, last ? 0x09 : 0, 'FIN and PSH on the last alone');
      assert.equal(packet[33]! & 0x80, i === 0 ? 0x80 : 0, 'CWR on the first alone');
      assert.deepEqual(packet.subarray(40, 52), options);
    }
  }
});

test('what is no TCP frame is not cut', () => {
  const segmenter = new TcpSegmenter(arena, sum);
  const sink = { packet: () => assert.fail('no packet') };
  const udp = ip4(flow, new Uint8Array(3000));
  arena.u8.set(udp, AT);
  assert.equal(segmenter.split(AT, udp.length, 1000, sink), false);
  const frame = tcp4(flow, {}, new Uint8Array(3000));
  for (const [length, mss, offset] of [
    [39, 1000, 0x50],
    [frame.length, 0, 0x50],
    [50, 1000, 0xf0],
    [3040, 10, 0x40],
  ] as const) {
    arena.u8.set(frame, AT);
    arena.u8[AT + 32] = offset;
    assert.equal(segmenter.split(AT, length, mss, sink), false);
  }
});

test('packets that follow each other are joined, and cut again are what they were', () => {
  for (const [count, mss, last] of [
    [2, 1348, 1348],
    [20, 1348, 1],
    [48, 1348, 700],
    [3, 8, 8],
  ] as const) {
    const packets = streamOf(count, mss, last);
    const frames = framesOf(true, (tun) => writeAll(tun, packets));
    assert.equal(frames.length, 1);
    const [frame] = frames;
    assert.deepEqual([frame!.flags, frame!.gsoType, frame!.gsoSize], [1, 1, mss]);
    assert.equal(checksum(frame!.packet.subarray(0, 20)), 0);
    // The kernel's part: the field holds the sum of the pseudo-header, over which it completes the checksum.
    const segment = frame!.packet.slice(20);
    setU16(frame!.packet, 20 + 16, checksum(segment));
    assert.ok(checksumsRight(frame!.packet));
    assert.deepEqual(segmentsOf(frame!.packet, mss), packets);
  }
});

test('no frame is larger than IP allows, or of more packets than there are iovecs', () => {
  for (const [count, mss] of [
    [100, 1348],
    [200, 100],
  ] as const) {
    const packets = streamOf(count, mss, mss);
    const frames = framesOf(true, (tun) => {
      // As received from several messages: the arena is large enough for all of them at once.
      writeAll(tun, packets);
    });
    assert.ok(frames.length >= 2 && frames.length <= 4);
    assert.deepEqual(
      concat(...frames.flatMap(({ packet }) => [packet.subarray(40)])),
      concat(...packets.map((packet) => packet.subarray(40))),
    );
  }
});

test('what does not belong together stays apart, in its order', () => {
  const [first, second] = streamOf(2, 500, 500) as [Uint8Array, Uint8Array];
  const next = { sequence: 0xfffffff0 + 500 };
  const payload = new Uint8Array(500);
  const strangers: Record<string, Uint8Array> = {
    'a gap': tcp4(flow, { sequence: 0xfffffff0 + 501 }, payload),
    'another address': tcp4({ ...flow, source: '10.8.0.9' }, next, payload),
    'another TTL': tcp4({ ...flow, ttl: 63 }, next, payload),
    'another DF': tcp4({ ...flow, flags: 0 }, next, payload),
    'a fragment': tcp4({ ...flow, flags: 0x2000 }, next, payload),
    options: tcp4(flow, { ...next, options: Uint8Array.of(1, 1, 1, 1) }, payload),
    FIN: tcp4(flow, { ...next, flags: ACK | 1 }, payload),
    'no payload': tcp4(flow, next, new Uint8Array(0)),
    'a longer one': tcp4(flow, next, new Uint8Array(501)),
    UDP: ip4(flow, payload),
  };
  for (const [name, stranger] of Object.entries(strangers)) {
    const frames = framesOf(true, (tun) => writeAll(tun, [first, stranger]));
    assert.deepEqual(
      frames.map(({ packet }) => packet),
      [first, stranger],
      name,
    );
    assert.ok(
      frames.every(({ flags, gsoType }) => flags === 0 && gsoType === 0),
      name,
    );
  }
  const broken = second.slice();
  broken[45]! ^= 1;
  const frames = framesOf(true, (tun) => writeAll(tun, [first, broken]));
  assert.deepEqual(
    frames.map(({ packet }) => packet),
    [first, broken],
    'a wrong checksum stays visible',
  );
});

test('a packet with PSH or a short one ends its frame', () => {
  const packets = [...streamOf(2, 500, 500), tcp4(flow, { sequence: 0xfffffff0 + 1000 }, new Uint8Array(500))];
  assert.equal(framesOf(true, (tun) => writeAll(tun, packets)).length, 2);
});

test('without offload every packet goes alone', () => {
  const packets = streamOf(5, 500, 500);
  const frames = framesOf(false, (tun) => writeAll(tun, packets));
  assert.deepEqual(
    frames.map(({ packet }) => packet),
    packets,
  );
});

test('fragments fit, and put together are the packet', () => {
  const fragmenter = new Fragmenter(arena, sum);
  for (const [length, mtu] of [
    [2000, 1390],
    [4000, 576],
    [1371, 1390],
  ] as const) {
    const payload = new Seeded(length).bytes(length);
    // Itself the middle fragment of a larger one: its offset and its flag must live on.
    arena.u8.set(ip4({ ...flow, flags: 0x2000 | 10 }, payload), AT);
    const parts: Uint8Array[] = [];
    const sink = { packet: (at: number, size: number) => parts.push(arena.u8.slice(at, at + size)) };
    assert.ok(fragmenter.split(AT, 20 + length, mtu, sink));
    let offset = 80;
    for (const part of parts) {
      assert.ok(part.length <= mtu && checksum(part.subarray(0, 20)) === 0);
      assert.equal((u16(part, 6) & 0x1fff) * 8, offset);
      assert.ok((u16(part, 6) & 0x2000) !== 0);
      offset += part.length - 20;
    }
    assert.deepEqual(concat(...parts.map((part) => part.subarray(20))), payload);
  }
  arena.u8[AT] = 0x46;
  assert.equal(fragmenter.split(AT, 2000, 576, { packet: () => assert.fail() }), false);
});

test('the ICMP error names the MTU, quotes the packet and comes from its destination', () => {
  const packet = ip4(flow, new Seeded(9).bytes(1400));
  arena.u8.set(packet, AT);
  const length = writeTooBig(arena, sum, AT, 1300, AT + 2000);
  const error = arena.u8.slice(AT + 2000, AT + 2000 + length);
  assert.equal(checksum(error.subarray(0, 20)), 0);
  assert.equal(checksum(error.subarray(20)), 0);
  assert.deepEqual([error[9], error[20], error[21], u16(error, 26)], [1, 3, 4, 1300]);
  assert.deepEqual(error.subarray(12, 16), packet.subarray(16, 20));
  assert.deepEqual(error.subarray(16, 20), packet.subarray(12, 16));
  assert.deepEqual(error.subarray(28), packet.subarray(0, 28));
});

test('no ICMP error about an ICMP error or a later fragment', () => {
  arena.u8.set(ip4({ ...flow, protocol: 1 }, Uint8Array.of(3, 1, ...new Uint8Array(1400))), AT);
  assert.equal(writeTooBig(arena, sum, AT, 1300, AT + 2000), 0);
  arena.u8.set(ip4({ ...flow, flags: 100 }, new Uint8Array(1400)), AT);
  assert.equal(writeTooBig(arena, sum, AT, 1300, AT + 2000), 0);
});

test('the MSS of a SYN is lowered, never raised, and its checksum stays right at odd places too', () => {
  const mss = (value: number) => [2, 4, value >> 8, value & 255];
  for (const before of [[], [1], [1, 1], [3, 3, 7]]) {
    const fill = (4 - ((before.length + 4) % 4)) % 4;
    for (const value of [1460, 1350, 536, 65_535]) {
      const options = Uint8Array.of(...before, ...mss(value), ...new Array<number>(fill).fill(0));
      const packet = tcp4(flow, { flags: SYN, options }, new Uint8Array(0));
      arena.u8.set(packet, AT);
      assert.ok(isSyn(arena.u8, AT, packet.length));
      clampMss(arena, AT, packet.length, 1390, true);
      const clamped = arena.u8.slice(AT, AT + packet.length);
      assert.equal(u16(clamped, 40 + before.length + 2), Math.min(value, 1350));
      assert.ok(checksumsRight(clamped), `MSS ${value} behind ${before.length} bytes`);
    }
  }
});

test('options that lie are left alone', () => {
  for (const options of [
    [2, 4],
    [2, 0, 0, 0],
    [3, 200, 1, 1],
    [0, 2, 4, 255],
    [2, 3, 255, 255],
  ]) {
    const packet = tcp4(
      flow,
      { flags: SYN, options: Uint8Array.of(...options, ...new Array<number>(4 - options.length).fill(1)) },
      new Uint8Array(0),
    );
    arena.u8.set(packet, AT);
    clampMss(arena, AT, packet.length, 1390, true);
    assert.deepEqual(arena.u8.slice(AT, AT + packet.length), packet);
  }
});

test('a packet that the TUN refuses is counted', () => {
  const counters = new Float64Array(COUNTER_COUNT);
  const tun = new TunWriter(arena, sum, counters, -1, true);
  writeAll(tun, streamOf(3, 500, 500));
  tun.flush();
  assert.equal(counters[Counter.drop_tun_write], 3);
});
