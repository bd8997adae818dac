/** The dataplane's L2TP and core's reference on the same bytes: same verdict, same packet, both ways. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Writer } from '../../src/core/bytes/writer.ts';
import { readTransport, writeTransport } from '../../src/core/l2tp/data.ts';
import { L2tpFlag, type PppCall } from '../../src/core/wire/l2tp.ts';
import { encodeUdp } from '../../src/core/wire/udp.ts';
import { Arena } from '../../src/dataplane/arena.ts';
import { COUNTER_NAMES } from '../../src/dataplane/counters.ts';
import { Call, Content, TransportReader } from '../../src/dataplane/l2tp.ts';
import { Seeded } from '../seeded.ts';

const SEED = Number(process.env.SEED ?? 77);
const CALL: PppCall = {
  port: 1701,
  localTunnel: 0x1234,
  localSession: 0x5678,
  peerTunnel: 0x9abc,
  peerSession: 0xdef0,
  mru: 1400,
  acfc: true,
  pfc: false,
};

const arena = new Arena();
const AT = arena.allocate(4096) + 64;
const reader = new TransportReader(arena);

/** A further call in the same tunnel, with a number that differs in little. */
const NEXT: PppCall = { ...CALL, localSession: 0x5679, peerSession: 0xdef1 };

interface Verdict {
  readonly kind: string;
  readonly port?: number;
  /** Our number of the call that a packet came by. */
  readonly call?: number;
  readonly bytes?: Uint8Array;
}

function readFast(payload: Uint8Array, calls: readonly PppCall[]): Verdict {
  // what lay there before must not matter
  arena.u8.fill(0xff, AT, AT + 2000);
  arena.u8.set(payload, AT);
  // one that isn't up yet stands among them
  const parties = [{ call: undefined }, ...calls.map((call) => ({ call: new Call(call) }))];
  const content = reader.read(AT, payload.length, parties);
  if (content > 0) return { kind: COUNTER_NAMES[content - 1]!.replace('drop_l2tp_', '') };
  const bytes = arena.u8.slice(reader.at, reader.at + reader.length);
  if (content !== Content.PACKET) return { kind: 'message', port: reader.port, bytes };
  return { kind: 'packet', call: parties[reader.index]!.call!.localSession, bytes };
}

function readSlow(payload: Uint8Array, calls: readonly PppCall[]): Verdict {
  const content = readTransport(payload, calls);
  if (content.kind === 'drop') return { kind: content.reason };
  if (content.kind !== 'packet') return { kind: 'message', port: content.port, bytes: content.message.slice() };
  return { kind: 'packet', call: content.call.localSession, bytes: content.packet.slice() };
}

/** A datagram with any of the header's parts, now and then one that lies. */
function randomPayload(random: Seeded): Uint8Array {
  const flag = (one: number, chance: number) => (random.chance(chance) ? one : 0);
  const flags =
    flag(L2tpFlag.CONTROL, 0.15) |
    flag(L2tpFlag.LENGTH, 0.5) |
    flag(L2tpFlag.SEQUENCE, 0.4) |
    flag(L2tpFlag.OFFSET, 0.3) |
    flag(L2tpFlag.PRIORITY, 0.2) |
    flag(0x3000, 0.1) |
    (random.chance(0.03) ? random.below(16) : 2);
  const w = new Writer().u16(flags);
  const lengthAt = w.length;
  if (flags & L2tpFlag.LENGTH) w.u16(0);
  w.u16(random.chance(0.95) ? CALL.localTunnel : random.u32() & 0xffff);
  w.u16(random.chance(0.95) ? CALL.localSession + random.below(2) : random.u32() & 0xffff);
  if (flags & L2tpFlag.SEQUENCE) w.u32(random.u32());
  if (flags & L2tpFlag.OFFSET) {
    const pad = random.below(20);
    w.u16(random.chance(0.9) ? pad : random.u32() & 0xffff).zeros(pad);
  }
  if (random.chance(0.5)) w.u16(0xff03);
  if (random.chance(0.4)) w.u8(0x21);
  else w.u16(random.pick([0x0021, 0x0021, 0xc021, 0x8021, 0x0057, 0x0020]));
  w.bytes(random.bytes(random.below(60)));
  if (flags & L2tpFlag.LENGTH) w.patchU16(lengthAt, random.chance(0.85) ? w.length : random.below(w.length + 8));
  if (random.chance(0.1)) w.zeros(random.below(8));
  const destination = random.chance(0.97) ? 1701 : random.u32() & 0xffff;
  const payload = encodeUdp({ source: random.u32() & 0xffff, destination, payload: w.finish() });
  if (random.chance(0.1)) payload[4 + random.below(2)]! ^= 1 << random.below(4);
  if (random.chance(0.05)) payload[random.below(payload.length)] = random.u32();
  return random.chance(0.1) ? payload.slice(0, random.below(payload.length + 1)) : payload;
}

test('inward: the same verdict and the same bytes for random and for mutated datagrams', () => {
  const random = new Seeded(SEED);
  const seen = new Map<string, number>();
  for (let round = 0; round < 60_000; round++) {
    const payload = randomPayload(random);
    const calls = random.pick([[], [CALL], [CALL, NEXT], [NEXT, CALL]]);
    const fast = readFast(payload, calls);
    assert.deepEqual(fast, readSlow(payload, calls), `SEED=${SEED} ${Buffer.from(payload).toString('hex')}`);
    seen.set(fast.kind, (seen.get(fast.kind) ?? 0) + 1);
  }
  for (const kind of ['packet', 'message', 'malformed', 'port', 'session'])
    assert.ok((seen.get(kind) ?? 0) > 500, `${kind} came ${seen.get(kind)} times`);
});

test('inward: cut at every length', () => {
  const payload = writeTransport(new Uint8Array(40), { ...CALL, port: 40_000 });
  const mine = { ...CALL, localTunnel: CALL.peerTunnel, localSession: CALL.peerSession };
  payload[2] = 1701 >> 8;
  payload[3] = 1701 & 0xff;
  for (let length = 0; length <= payload.length; length++)
    assert.deepEqual(
      readFast(payload.slice(0, length), [mine]),
      readSlow(payload.slice(0, length), [mine]),
      `${length}`,
    );
  assert.equal(readFast(payload, [mine]).kind, 'packet');
});

test('outward: the same headers for every framing', () => {
  const random = new Seeded(SEED);
  for (const acfc of [false, true]) {
    for (const pfc of [false, true]) {
      const packet = random.bytes(500);
      const call = { ...CALL, acfc, pfc, port: random.u32() & 0xffff };
      arena.u8.fill(0xff, AT, AT + 2000);
      const at = AT + 100;
      arena.u8.set(packet, at);
      const fast = new Call(call);
      fast.frame(arena, at, packet.length);
      const from = at - fast.overhead;
      assert.deepEqual(arena.u8.slice(from, at + packet.length), writeTransport(packet, call).slice());
      assert.equal(arena.u8[from - 1], 0xff, 'nothing before it is touched');
    }
  }
});
