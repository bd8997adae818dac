import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type Bytes, concat } from '../../../src/core/bytes/bytes.ts';
import { type EspSuite, GCM_TAG_LENGTH, suiteName } from '../../../src/core/crypto/algorithms.ts';
import { openEsp } from '../../../src/core/esp/open.ts';
import { alignment, type EspContext, gcmNonce, hmacIcv, icvLength, ivLength } from '../../../src/core/esp/packet.ts';
import { ReplayWindow } from '../../../src/core/esp/replay.ts';
import { sealEsp } from '../../../src/core/esp/seal.ts';
import { keymatLength, splitKeymat } from '../../../src/core/esp/suites.ts';
import { nodeCrypto } from '../../../src/host/crypto/node-crypto.ts';
import { ALL_SUITES, exampleSa } from './suites.ts';

const IPV4 = 4;

function sealExample(sa: EspContext, sequence: number, payload: Bytes): Uint8Array {
  const iv = Uint8Array.from({ length: ivLength(sa.suite) }, (_, i) => 0xa0 + i);
  return sealEsp(nodeCrypto, sa, sequence, iv, payload, IPV4);
}

function payloadOf(length: number): Uint8Array {
  return Uint8Array.from({ length }, (_, i) => i ^ 0x5a);
}

function openFresh(sa: EspContext, packet: Bytes) {
  return openEsp(nodeCrypto, sa, new ReplayWindow(), packet);
}

for (const suite of ALL_SUITES) {
  const name = suiteName(suite);
  const sa = exampleSa(suite);

  test(`${name}: payloads of 0 to 70 bytes come back`, () => {
    const window = new ReplayWindow();
    for (let length = 0; length <= 70; length++) {
      const packet = sealExample(sa, length + 1, payloadOf(length));
      assert.deepEqual(openEsp(nodeCrypto, sa, window, packet), {
        ok: true,
        sequence: length + 1,
        nextHeader: IPV4,
        payload: payloadOf(length),
      });
      assert.deepEqual(openEsp(nodeCrypto, sa, window, packet), { ok: false, reason: 'replay' });
    }
  });

  test(`${name}: padding is the least that aligns`, () => {
    for (let length = 0; length <= 70; length++) {
      const fixed = 8 + ivLength(suite) + icvLength(suite);
      const expected = fixed + Math.ceil((length + 2) / alignment(suite)) * alignment(suite);
      assert.equal(sealExample(sa, 1, payloadOf(length)).length, expected, `${length} bytes`);
    }
  });

  test(`${name}: a packet cut at any length is refused`, () => {
    const packet = sealExample(sa, 1, payloadOf(61));
    for (let length = 0; length < packet.length; length++) {
      const opened = openFresh(sa, packet.subarray(0, length));
      assert.equal(opened.ok, false);
      const ciphertextLength = length - 8 - ivLength(suite) - icvLength(suite);
      const whole = ciphertextLength > 0 && ciphertextLength % alignment(suite) === 0;
      assert.equal(opened.reason, whole ? 'authentication' : 'length', `${length} bytes`);
    }
  });

  test(`${name}: one flipped bit anywhere makes it unauthentic, and the window stays`, () => {
    const packet = sealExample(sa, 0x01020304, payloadOf(40));
    for (let bit = 0; bit < packet.length * 8; bit++) {
      const window = new ReplayWindow();
      const flipped = packet.slice();
      flipped[bit >> 3]! ^= 1 << (bit & 7);
      assert.deepEqual(openEsp(nodeCrypto, sa, window, flipped), { ok: false, reason: 'authentication' }, `bit ${bit}`);
      assert.equal(openEsp(nodeCrypto, sa, window, packet).ok, true);
    }
  });

  test(`${name}: an authentic packet with wrong padding is refused and not recorded`, () => {
    const block = alignment(suite);
    const blockThatEndsIn = (...end: number[]) => Uint8Array.from([...new Array(block - end.length).fill(0), ...end]);
    const wrong = {
      'pad length beyond the packet': blockThatEndsIn(255, IPV4),
      'pad length one too many': Uint8Array.from([...payloadOf(block - 2).map((_, i) => i + 1), block - 1, IPV4]),
      'padding of zeros': blockThatEndsIn(0, 0, 2, IPV4),
      'padding that starts at 2': blockThatEndsIn(2, 3, 2, IPV4),
      'padding out of order': blockThatEndsIn(2, 1, 2, IPV4),
    };
    for (const [what, plaintext] of Object.entries(wrong)) {
      const window = new ReplayWindow();
      const packet = sealPlaintext(sa, 9, plaintext);
      assert.deepEqual(openEsp(nodeCrypto, sa, window, packet), { ok: false, reason: 'padding' }, what);
      assert.equal(window.accepts(9), true, what);
    }
  });

  test(`${name}: padding may be longer than needed, up to 255 bytes`, () => {
    const plaintext = new Uint8Array(272).fill(0x77);
    const padding = payloadOf(255).map((_, i) => i + 1);
    plaintext.set(padding, 15);
    plaintext.set([255, IPV4], 270);
    const opened = openFresh(sa, sealPlaintext(sa, 1, plaintext));
    assert.deepEqual(opened, { ok: true, sequence: 1, nextHeader: IPV4, payload: new Uint8Array(15).fill(0x77) });
  });

  test(`${name}: sequence 0 can't be sent and isn't accepted`, () => {
    assert.throws(() => sealExample(sa, 0, payloadOf(8)), RangeError);
    assert.throws(() => sealExample(sa, 2 ** 32, payloadOf(8)), RangeError);
    assert.deepEqual(openFresh(sa, sealPlaintext(sa, 0, new Uint8Array(16))), { ok: false, reason: 'replay' });
    assert.equal(openFresh(sa, sealExample(sa, 2 ** 32 - 1, payloadOf(8))).ok, true);
  });

  test(`${name}: KEYMAT is cut into parts of the right length`, () => {
    const { encryption, salt, integrity } = splitKeymat(suite, payloadOf(keymatLength(suite)));
    assert.deepEqual(concat(encryption, salt, integrity), payloadOf(keymatLength(suite)));
    assert.equal(encryption.length * 8, suite.keyBits);
    assert.equal(salt.length, suite.cipher === 'aes-gcm' ? 4 : 0);
    assert.equal(integrity.length, INTEGRITY_KEY_LENGTH[suite.integrity ?? 'none']);
    assert.throws(() => splitKeymat(suite, payloadOf(keymatLength(suite) + 1)), RangeError);
  });

  test(`${name}: an IV of the wrong length is our own mistake`, () => {
    const iv = new Uint8Array(ivLength(suite) + 1);
    assert.throws(() => sealEsp(nodeCrypto, sa, 1, iv, payloadOf(8), IPV4), RangeError);
  });
}

/** RFC 2403, 2404, 4868 */
const INTEGRITY_KEY_LENGTH = { none: 0, md5: 16, sha1: 20, sha256: 32, sha384: 48, sha512: 64 };

const ICV_BYTES: readonly [EspSuite, number][] = [
  [{ cipher: 'aes-cbc', keyBits: 128, integrity: 'md5' }, 12],
  [{ cipher: 'aes-cbc', keyBits: 128, integrity: 'sha1' }, 12],
  [{ cipher: 'aes-cbc', keyBits: 128, integrity: 'sha256' }, 16],
  [{ cipher: 'aes-cbc', keyBits: 128, integrity: 'sha384' }, 24],
  [{ cipher: 'aes-cbc', keyBits: 128, integrity: 'sha512' }, 32],
  [{ cipher: 'aes-gcm', keyBits: 128 }, 16],
];

for (const [suite, length] of ICV_BYTES) {
  test(`${suiteName(suite)}: the ICV has ${length} bytes`, () => assert.equal(icvLength(suite), length));
}

/** An authentic packet around a plaintext that sealEsp would not make. */
function sealPlaintext(sa: EspContext, sequence: number, plaintext: Bytes): Bytes {
  const sealed = sealExample(sa, 1, new Uint8Array(0));
  const header = sealed.slice(0, 8);
  new DataView(header.buffer).setUint32(4, sequence);
  const iv = sealed.subarray(8, 8 + ivLength(sa.suite));
  const { cipher } = sa.suite;
  if (cipher === 'aes-gcm') {
    const body = nodeCrypto.gcmSeal(sa.keys.encryption, gcmNonce(sa, iv), header, plaintext);
    assert.equal(body.length, plaintext.length + GCM_TAG_LENGTH);
    return concat(header, iv, body);
  }
  const authenticated = concat(header, iv, nodeCrypto.cbcEncrypt(cipher, sa.keys.encryption, iv, plaintext));
  return concat(authenticated, hmacIcv(nodeCrypto, sa, authenticated));
}
