/** Hashes, HMAC, CBC and GCM beside published vectors. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { fromHex, toHex } from '../../../src/core/bytes/text.ts';
import type { CbcCipher, HashName } from '../../../src/core/crypto/algorithms.ts';
import { nodeCrypto } from '../../../src/host/crypto/node-crypto.ts';
import { readVectors } from '../../core/crypto/read-vectors.ts';

function vectors<T>(file: string): T[] {
  return readVectors<{ vectors: T[] }>(import.meta.url, file).vectors;
}

interface HashVector {
  name: string;
  hash: HashName;
  message: string;
  digest: string;
}

for (const { name, hash, message, digest } of vectors<HashVector>('hash.json')) {
  test(name, () => {
    const bytes = fromHex(message);
    assert.equal(toHex(nodeCrypto.hash(hash, bytes)), digest);
    const middle = bytes.length >> 1;
    assert.equal(toHex(nodeCrypto.hash(hash, bytes.subarray(0, middle), bytes.subarray(middle))), digest);
  });
}

interface HmacVector {
  name: string;
  hash: HashName;
  key: string;
  message: string;
  mac: string;
}

for (const { name, hash, key, message, mac } of vectors<HmacVector>('hmac.json')) {
  test(name, () => {
    const bytes = fromHex(message);
    // RFC 4231's test with truncation gives the first 16 bytes alone
    const compare = (computed: Uint8Array) => assert.equal(toHex(computed).slice(0, mac.length), mac);
    compare(nodeCrypto.hmac(hash, fromHex(key), bytes));
    compare(nodeCrypto.hmac(hash, fromHex(key), bytes.subarray(0, 1), bytes.subarray(1)));
  });
}

interface CbcVector {
  name: string;
  cipher: CbcCipher;
  key: string;
  iv: string;
  plaintext: string;
  ciphertext: string;
}

for (const { name, cipher, key, iv, plaintext, ciphertext } of vectors<CbcVector>('cbc.json')) {
  test(name, () => {
    const encrypted = nodeCrypto.cbcEncrypt(cipher, fromHex(key), fromHex(iv), fromHex(plaintext));
    assert.equal(toHex(encrypted), ciphertext);
    const decrypted = nodeCrypto.cbcDecrypt(cipher, fromHex(key), fromHex(iv), fromHex(ciphertext));
    assert.equal(toHex(decrypted), plaintext);
  });
}

interface GcmVector {
  name: string;
  key: string;
  nonce: string;
  aad: string;
  ciphertext: string;
  tag: string;
  /** null: the tag is wrong */
  plaintext: string | null;
}

for (const { name, key, nonce, aad, ciphertext, tag, plaintext } of vectors<GcmVector>('gcm.json')) {
  test(`${name}${plaintext === null ? ' (wrong tag)' : ''}`, () => {
    const open = () => nodeCrypto.gcmOpen(fromHex(key), fromHex(nonce), fromHex(aad), fromHex(ciphertext + tag));
    if (plaintext === null) return assert.equal(open(), undefined);
    assert.deepEqual(open(), fromHex(plaintext));
    const sealed = nodeCrypto.gcmSeal(fromHex(key), fromHex(nonce), fromHex(aad), fromHex(plaintext));
    assert.equal(toHex(sealed), ciphertext + tag);
  });
}

test('GCM: what is shorter than a tag is not authentic', () => {
  for (let length = 0; length < 16; length++) {
    const opened = nodeCrypto.gcmOpen(
      new Uint8Array(16),
      new Uint8Array(12),
      new Uint8Array(8),
      new Uint8Array(length),
    );
    assert.equal(opened, undefined);
  }
});

test('lengths that are our own mistake throw', () => {
  const key = new Uint8Array(16);
  assert.throws(() => nodeCrypto.cbcEncrypt('aes-cbc', key, new Uint8Array(16), new Uint8Array(15)));
  assert.throws(() => nodeCrypto.cbcDecrypt('aes-cbc', key, new Uint8Array(16), new Uint8Array(17)));
  assert.throws(() => nodeCrypto.cbcEncrypt('aes-cbc', key, new Uint8Array(15), new Uint8Array(16)));
  assert.throws(() => nodeCrypto.cbcEncrypt('aes-cbc', new Uint8Array(17), new Uint8Array(16), new Uint8Array(16)));
  assert.throws(() => nodeCrypto.cbcEncrypt('3des-cbc', key, new Uint8Array(8), new Uint8Array(8)));
  assert.throws(() => nodeCrypto.gcmSeal(key, new Uint8Array(11), new Uint8Array(8), new Uint8Array(8)));
  assert.throws(() => nodeCrypto.gcmOpen(key, new Uint8Array(16), new Uint8Array(8), new Uint8Array(24)));
});

test('results are plain arrays: a slice of one is a copy', () => {
  const key = new Uint8Array(16);
  const block = new Uint8Array(16);
  const sealed = nodeCrypto.gcmSeal(key, new Uint8Array(12), block, block);
  const results = [
    nodeCrypto.random(16),
    nodeCrypto.hash('sha1', block),
    nodeCrypto.hmac('sha1', key, block),
    nodeCrypto.cbcEncrypt('aes-cbc', key, block, block),
    nodeCrypto.cbcDecrypt('aes-cbc', key, block, block),
    sealed,
    nodeCrypto.gcmOpen(key, new Uint8Array(12), block, sealed)!,
    nodeCrypto.generateDh(14).publicValue,
    nodeCrypto.generateDh(19).publicValue,
  ];
  for (const result of results) {
    assert.equal(Object.getPrototypeOf(result), Uint8Array.prototype);
    const copy = result.slice();
    copy[0]! ^= 1;
    assert.notEqual(copy[0], result[0]);
  }
});

test('random bytes differ, and have the length asked for', () => {
  assert.equal(nodeCrypto.random(0).length, 0);
  const seen = new Set(Array.from({ length: 100 }, () => toHex(nodeCrypto.random(16))));
  assert.equal(seen.size, 100);
});

test('HMAC takes an empty key and no parts', () => {
  const empty = new Uint8Array(0);
  assert.deepEqual(nodeCrypto.hmac('sha1', empty), nodeCrypto.hmac('sha1', new Uint8Array(64), empty));
});
