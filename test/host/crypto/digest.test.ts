/** Our HMAC beside OpenSSL's, where lengths change what is done: the key's at a block, the text's at the room for it. */
import assert from 'node:assert/strict';
import { createHash, createHmac, createSecretKey } from 'node:crypto';
import { test } from 'node:test';
import { toHex } from '../../../src/core/bytes/text.ts';
import { digest, hmac } from '../../../src/host/crypto/digest.ts';
import { Seeded } from '../../seeded.ts';

const HASHES = ['md5', 'sha1', 'sha256', 'sha384', 'sha512'] as const;
const KEYS = [0, 1, 20, 32, 63, 64, 65, 127, 128, 129, 300];
const TEXTS = [0, 1, 63, 64, 65, 300, 3839, 3840, 3841, 3967, 3968, 3969, 4095, 4096, 4097, 70_000];

test('HMAC and hashes of all lengths are those of OpenSSL, in one part or several', () => {
  const random = new Seeded(7);
  for (const name of HASHES) {
    for (const length of TEXTS) {
      const text = random.bytes(length);
      const cut = Math.floor(length / 3);
      const parts = [text.subarray(0, cut), text.subarray(cut, 2 * cut), text.subarray(2 * cut)];
      const hash = createHash(name).update(text).digest('hex');
      assert.equal(toHex(digest(name, text)), hash);
      assert.equal(toHex(digest(name, ...parts)), hash);
      for (const keyLength of KEYS) {
        const key = random.bytes(keyLength);
        const expected = createHmac(name, createSecretKey(key)).update(text).digest('hex');
        assert.equal(toHex(hmac(name, key, ...parts)), expected, `${name}, key of ${keyLength}, text of ${length}`);
      }
    }
  }
});

test('a result stays when others are made', () => {
  const first = hmac('sha256', Uint8Array.of(1), Uint8Array.of(2));
  const before = toHex(first);
  hmac('sha256', Uint8Array.of(3), Uint8Array.of(4));
  assert.equal(toHex(first), before);
});
