/** The dataplane's ESP and core's reference on the same packets: same verdict, same bytes, for every suite. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { suiteName } from '../../src/core/crypto/algorithms.ts';
import { openEsp } from '../../src/core/esp/open.ts';
import { type EspContext, icvLength, ivLength } from '../../src/core/esp/packet.ts';
import { ReplayWindow as ReferenceWindow } from '../../src/core/esp/replay.ts';
import { sealEsp } from '../../src/core/esp/seal.ts';
import { parsePrefix } from '../../src/core/net/address.ts';
import { Arena } from '../../src/dataplane/arena.ts';
import { COUNTER_NAMES, Counter } from '../../src/dataplane/counters.ts';
import { SEQUENCE_END } from '../../src/dataplane/limits.ts';
import { Net4 } from '../../src/dataplane/net4.ts';
import { openPacket, payloadAt, payloadLength } from '../../src/dataplane/open.ts';
import { OpensslCiphers } from '../../src/dataplane/openssl-ciphers.ts';
import { ReplayWindow } from '../../src/dataplane/replay.ts';
import { type InboundSa, largestInner, type OutboundSa, sealedLength } from '../../src/dataplane/sa.ts';
import { sealPacket } from '../../src/dataplane/seal.ts';
import { nodeCrypto } from '../../src/host/crypto/node-crypto.ts';
import { ALL_SUITES, exampleSa } from '../core/esp/suites.ts';
import { Seeded } from '../seeded.ts';

const arena = new Arena();
const ciphers = new OpensslCiphers(arena);
const INNER = arena.allocate(70_000) + 64;
const SEALED = arena.allocate(70_000) + 64;
const ANY = new Net4(parsePrefix('0.0.0.0/0')!);
const IPV4 = 4;

function outbound(sa: EspContext): OutboundSa {
  const sealer = ciphers.sealer(sa.suite, sa.keys);
  const common = { slot: 0, localSelector: ANY, remoteSelector: ANY, softBytes: Number.POSITIVE_INFINITY };
  return { ...common, spi: sa.spi, sealer, sequence: 0, bytes: 0, rekeyAsked: false, maxContent: 1400 };
}

function inbound(sa: EspContext): InboundSa {
  const opener = ciphers.opener(sa.suite, sa.keys);
  return {
    spi: sa.spi,
    slot: 0,
    localSelector: ANY,
    remoteSelector: ANY,
    opener,
    window: new ReplayWindow(),
    used: false,
  };
}

/** The verdict in the reference's words, and the payload. */
function openFast(sa: InboundSa, packet: Uint8Array): { verdict: string; payload?: Uint8Array } {
  arena.u8.set(packet, SEALED);
  const refusal = openPacket(arena, sa, SEALED, packet.length);
  if (refusal !== 0) return { verdict: wordsFor(refusal) };
  const length = payloadLength(arena, sa, SEALED, packet.length);
  if (length < 0) return { verdict: wordsFor(-length) };
  const at = payloadAt(sa, SEALED);
  return { verdict: 'ok', payload: arena.u8.slice(at, at + length) };
}

function wordsFor(counter: number): string {
  const name = COUNTER_NAMES[counter - 1]!;
  const words: Record<string, string> = {
    drop_malformed: 'length',
    drop_replay: 'replay',
    drop_authentication: 'authentication',
    drop_padding: 'padding',
    drop_dummy: 'next header 59',
    drop_inner_ipv6: 'next header 41',
    drop_next_header: 'next header',
  };
  return words[name] ?? name;
}

function openSlow(
  sa: EspContext,
  window: ReferenceWindow,
  packet: Uint8Array,
): { verdict: string; payload?: Uint8Array } {
  const opened = openEsp(nodeCrypto, sa, window, packet);
  if (!opened.ok) return { verdict: opened.reason };
  if (opened.nextHeader === IPV4) return { verdict: 'ok', payload: opened.payload };
  const named = opened.nextHeader === 59 || opened.nextHeader === 41;
  return { verdict: named ? `next header ${opened.nextHeader}` : 'next header' };
}

for (const suite of ALL_SUITES) {
  const sa = exampleSa(suite);
  const name = suiteName(suite);

  test(`${name}: the reference opens what the dataplane seals`, () => {
    const random = new Seeded(3);
    const out = outbound(sa);
    const window = new ReferenceWindow();
    const ivs = new Set<string>();
    for (let i = 1; i <= 120; i++) {
      const payload = random.bytes(i <= 70 ? i : random.below(1500));
      const after = random.bytes(24);
      arena.u8.set(payload, INNER);
      arena.u8.set(after, INNER + payload.length);
      const length = sealPacket(arena, out, INNER, payload.length, SEALED);
      assert.equal(length, sealedLength(out.sealer, payload.length));
      const packet = arena.u8.slice(SEALED, SEALED + length);
      ivs.add(packet.subarray(8, 8 + ivLength(suite)).toString());
      assert.deepEqual(openEsp(nodeCrypto, sa, window, packet), { ok: true, sequence: i, nextHeader: IPV4, payload });
      const behind = arena.u8.slice(INNER + payload.length, INNER + payload.length + 24);
      assert.deepEqual(behind, after, 'what follows the packet is as it was');
    }
    assert.equal(ivs.size, 120, 'no IV twice');
    out.sealer.free();
  });

  if (suite.cipher !== 'aes-gcm') {
    test(`${name}: the IV owes nothing to the key, the packet or its number`, () => {
      const ivs = [0, 1].map(() => {
        const out = outbound(sa);
        arena.u8.fill(0, INNER - 64, INNER + 100);
        sealPacket(arena, out, INNER, 60, SEALED);
        out.sealer.free();
        return arena.u8.slice(SEALED + 8, SEALED + 8 + ivLength(suite)).toString();
      });
      assert.notEqual(ivs[0], ivs[1]);
    });
  }

  test(`${name}: on random and mutated packets both say the same`, () => {
    const random = new Seeded(4);
    const fast = inbound(sa);
    const window = new ReferenceWindow();
    const verdicts = new Map<string, number>();
    for (let i = 0; i < 500; i++) {
      const packet = mutate(random, makePacket(random, sa, 1 + random.below(3000)));
      const expected = openSlow(sa, window, packet);
      const found = openFast(fast, packet);
      assert.deepEqual(found, expected, `packet ${i}: ${Buffer.from(packet).toString('hex')}`);
      verdicts.set(found.verdict, (verdicts.get(found.verdict) ?? 0) + 1);
    }
    for (const verdict of ['ok', 'length', 'replay', 'authentication', 'next header 59'])
      assert.ok((verdicts.get(verdict) ?? 0) > 0, `some packet had the verdict ${verdict}`);
    fast.opener.free();
  });

  test(`${name}: a packet cut at every length is refused, and the whole one still opens`, () => {
    const fast = inbound(sa);
    const iv = new Seeded(5).bytes(ivLength(suite));
    const packet = sealEsp(nodeCrypto, sa, 9, iv, new Uint8Array(50), IPV4);
    for (let length = 8; length < packet.length; length++)
      assert.notEqual(openFast(fast, packet.subarray(0, length)).verdict, 'ok', `${length} bytes`);
    assert.equal(openFast(fast, packet).verdict, 'ok');
    assert.equal(openFast(fast, packet).verdict, 'replay');
    fast.opener.free();
  });

  test(`${name}: padding that lies is refused though it is authentic`, () => {
    const fast = inbound(sa);
    const iv = new Seeded(6).bytes(ivLength(suite));
    // The reference pads by itself; a payload that ends like a trailer, cut at a block, is one that we choose.
    const opened = openEsp(nodeCrypto, sa, new ReferenceWindow(), forgeTrailer(sa, iv, [7, 7, 3, IPV4]));
    assert.deepEqual(opened, { ok: false, reason: 'padding' });
    assert.equal(openFast(fast, forgeTrailer(sa, iv, [7, 7, 3, IPV4])).verdict, 'padding');
    fast.opener.free();
  });

  test(`${name}: the largest inner packet for a size is the largest that fits it`, () => {
    const { sealer } = outbound(sa);
    for (let sealed = 200; sealed < 300; sealed++) {
      const inner = largestInner(sealer, sealed);
      assert.ok(sealedLength(sealer, inner) <= sealed);
      assert.ok(sealedLength(sealer, inner + 1) > sealed);
    }
    sealer.free();
  });
}

test('the last sequence number is used and none after it', () => {
  const out = outbound(exampleSa(ALL_SUITES[0]!));
  out.sequence = SEQUENCE_END - 1;
  assert.notEqual(sealPacket(arena, out, INNER, 40, SEALED), 0);
  assert.equal(arena.view.getUint32(SEALED + 4), 0xffffffff);
  assert.equal(sealPacket(arena, out, INNER, 40, SEALED), 0);
  assert.equal(out.sequence, SEQUENCE_END);
});

test('every reason for a drop has its own counter', () => {
  assert.equal(new Set(Object.values(Counter)).size, COUNTER_NAMES.length);
  assert.ok(!Object.values(Counter).includes(0));
});

function makePacket(random: Seeded, sa: EspContext, sequence: number): Uint8Array {
  const nextHeader = [IPV4, IPV4, IPV4, 41, 59, 17][random.below(6)]!;
  const iv = random.bytes(ivLength(sa.suite));
  return sealEsp(nodeCrypto, sa, sequence, iv, random.bytes(random.below(200)), nextHeader);
}

function mutate(random: Seeded, packet: Uint8Array): Uint8Array {
  switch (random.below(8)) {
    case 0:
      return packet.slice(0, 8 + random.below(packet.length - 8));
    case 1: {
      const changed = packet.slice();
      changed[8 + random.below(packet.length - 8)]! ^= 1 << random.below(8);
      return changed;
    }
    case 2: {
      const changed = packet.slice();
      changed.set(random.bytes(4), 4);
      return changed;
    }
    case 3:
      return random.bytes(8 + random.below(300));
    default:
      return packet;
  }
}

/** A packet whose plaintext ends in `end`, as one whole number of blocks. */
function forgeTrailer(sa: EspContext, iv: Uint8Array, end: readonly number[]): Uint8Array {
  const { suite, keys } = sa;
  const plaintext = new Uint8Array(48);
  plaintext.set(end, 44);
  const header = Uint8Array.of(0xc0, 0xff, 0xee, 1, 0, 0, 0, 5);
  if (suite.cipher === 'aes-gcm') {
    const nonce = Uint8Array.of(...keys.salt, ...iv);
    return Uint8Array.of(...header, ...iv, ...nodeCrypto.gcmSeal(keys.encryption, nonce, header, plaintext));
  }
  const encrypted = nodeCrypto.cbcEncrypt(suite.cipher, keys.encryption, iv, plaintext);
  const covered = Uint8Array.of(...header, ...iv, ...encrypted);
  const icv = nodeCrypto.hmac(suite.integrity!, keys.integrity, covered).subarray(0, icvLength(suite));
  return Uint8Array.of(...covered, ...icv);
}
