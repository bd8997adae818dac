/** ESP packets of others, opened and sealed again. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type Bytes, concat } from '../../../src/core/bytes/bytes.ts';
import { fromHex, toHex } from '../../../src/core/bytes/text.ts';
import type { EspSuite } from '../../../src/core/crypto/algorithms.ts';
import { openEsp } from '../../../src/core/esp/open.ts';
import { type EspContext, hmacIcv, ivLength } from '../../../src/core/esp/packet.ts';
import { ReplayWindow } from '../../../src/core/esp/replay.ts';
import { sealEsp } from '../../../src/core/esp/seal.ts';
import { splitKeymat } from '../../../src/core/esp/suites.ts';
import { nodeCrypto } from '../../../src/host/crypto/node-crypto.ts';
import { readVectors } from '../crypto/read-vectors.ts';

interface PeerPacket extends EspSuite {
  name: string;
  keymat: string;
  packet: string;
  payload: string;
}

const IPV4 = 4;
const { packets } = readVectors<{ packets: PeerPacket[] }>(import.meta.url, 'strongswan-esp.json');

for (const [i, { name, keymat, packet, payload, ...suite }] of packets.entries()) {
  test(`strongSwan ${name}: ping ${i % 2 === 0 ? 'request' : 'reply'}`, () => {
    checkPacket({
      sa: context(packet, suite, fromHex(keymat)),
      sequence: 1,
      nextHeader: IPV4,
      payload: fromHex(payload),
      packet: fromHex(packet),
    });
  });
}

interface Rfc3602Case {
  case: number;
  key: string;
  sequence: number;
  nextHeader: number;
  payload: string;
  packet: string;
}

const { cases } = readVectors<{ cases: Rfc3602Case[] }>(import.meta.url, 'rfc3602-esp.json');

// The RFC's packets have no integrity: they are the part of ours before the ICV.
for (const { case: number, key, sequence, nextHeader, payload, packet } of cases) {
  test(`RFC 3602 section 4, case ${number}`, () => {
    const suite = { cipher: 'aes-cbc', keyBits: 128, integrity: 'sha1' } as const;
    const sa = context(packet, suite, concat(fromHex(key), new Uint8Array(20)));
    const withIcv = concat(fromHex(packet), hmacIcv(nodeCrypto, sa, fromHex(packet)));
    checkPacket({ sa, sequence, nextHeader, payload: fromHex(payload), packet: withIcv });
  });
}

interface GcmPacket {
  name: string;
  key: string;
  salt: string;
  plaintext: string;
  packet: string;
}

const gcm = readVectors<{ packets: GcmPacket[] }>(import.meta.url, 'mcgrew-gcm-esp.json');

for (const { name, key, salt, plaintext, packet } of gcm.packets) {
  test(`draft-mcgrew-gcm-test-01 section 4, ${name}`, () => {
    const suite = { cipher: 'aes-gcm', keyBits: key.length * 4 } as const;
    const inner = fromHex(plaintext);
    checkPacket({
      sa: context(packet, suite, fromHex(key + salt)),
      sequence: Number.parseInt(packet.slice(8, 16), 16),
      nextHeader: inner.at(-1)!,
      payload: inner.slice(0, -2 - inner.at(-2)!),
      packet: fromHex(packet),
    });
  });
}

function context(packet: string, suite: EspSuite, keymat: Bytes): EspContext {
  return { spi: Number.parseInt(packet.slice(0, 8), 16), suite, keys: splitKeymat(suite, keymat) };
}

interface KnownPacket {
  sa: EspContext;
  sequence: number;
  nextHeader: number;
  payload: Bytes;
  packet: Bytes;
}

function checkPacket({ sa, sequence, nextHeader, payload, packet }: KnownPacket): void {
  const opened = openEsp(nodeCrypto, sa, new ReplayWindow(), packet);
  assert.deepEqual(opened, { ok: true, sequence, nextHeader, payload });
  const iv = packet.subarray(8, 8 + ivLength(sa.suite));
  assert.equal(toHex(sealEsp(nodeCrypto, sa, sequence, iv, payload, nextHeader)), toHex(packet));
}
