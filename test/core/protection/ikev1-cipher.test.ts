import assert from 'node:assert/strict';
import { test } from 'node:test';
import { concat } from '../../../src/core/bytes/bytes.ts';
import { BLOCK_LENGTH } from '../../../src/core/crypto/algorithms.ts';
import { decryptBody, encryptBody } from '../../../src/core/protection/ikev1-cipher.ts';
import { phase1Keys } from '../../../src/core/protection/ikev1-keys.ts';
import { nodeCrypto } from '../../../src/host/crypto/node-crypto.ts';

const SUITES = [
  { hash: 'sha256', cipher: 'aes-cbc', keyBits: 256 },
  { hash: 'md5', cipher: '3des-cbc', keyBits: 192 },
] as const;

for (const suite of SUITES) {
  const bytes = (length: number) => Uint8Array.from({ length }, (_, i) => i + 1);
  const exchange = {
    initiatorCookie: bytes(8),
    responderCookie: bytes(8),
    initiatorPublic: bytes(128),
    responderPublic: bytes(128),
    initiatorNonce: bytes(16),
    responderNonce: bytes(16),
    initiatorSa: bytes(40),
  };
  const keys = phase1Keys(nodeCrypto, suite, bytes(20), bytes(128), exchange);
  const block = BLOCK_LENGTH[suite.cipher];

  test(`${suite.cipher}: a message is filled with zeros to whole blocks, and the next IV is its last block`, () => {
    for (let length = 1; length <= 40; length++) {
      const { body, nextIv } = encryptBody(nodeCrypto, keys, keys.initialIv, bytes(length));
      assert.equal(body.length, Math.ceil(length / block) * block);
      assert.deepEqual(nextIv, body.slice(-block));
      const opened = decryptBody(nodeCrypto, keys, keys.initialIv, body);
      assert.deepEqual(opened?.payloads, concat(bytes(length), new Uint8Array(body.length - length)));
      assert.deepEqual(opened?.nextIv, nextIv);
    }
  });

  test(`${suite.cipher}: a body that is empty or not whole blocks is refused`, () => {
    for (let length = 0; length <= 3 * block; length++) {
      const opened = decryptBody(nodeCrypto, keys, keys.initialIv, bytes(length));
      assert.equal(opened === undefined, length === 0 || length % block !== 0, `${length} bytes`);
    }
  });

  test(`${suite.cipher}: the next IV doesn't change when the message's buffer is reused`, () => {
    const { body } = encryptBody(nodeCrypto, keys, keys.initialIv, bytes(20));
    const opened = decryptBody(nodeCrypto, keys, keys.initialIv, body);
    const before = opened!.nextIv.slice();
    body.fill(0);
    assert.deepEqual(opened!.nextIv, before);
  });
}
