/** Random bytes are drawn in bulk and handed out in pieces. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { toHex } from '../../../src/core/bytes/text.ts';
import { nodeCrypto } from '../../../src/host/crypto/node-crypto.ts';

test('no random byte is handed out twice, over many draws of all lengths', () => {
  const seen = new Set<string>();
  for (let i = 0; i < 5000; i++) {
    const bytes = nodeCrypto.random(8 + (i % 57));
    assert.equal(bytes.length, 8 + (i % 57));
    const head = toHex(bytes.subarray(0, 8));
    assert.ok(!seen.has(head) && head !== '0000000000000000');
    seen.add(head);
  }
});

test('more than the pool holds is drawn at once', () => {
  const bytes = nodeCrypto.random(10_000);
  assert.equal(bytes.length, 10_000);
  assert.ok(bytes.subarray(9000).some((byte) => byte !== 0));
});

test('what was handed out is its own memory', () => {
  const [one, two] = [nodeCrypto.random(16), nodeCrypto.random(16)];
  assert.notEqual(one.buffer, two.buffer);
});
