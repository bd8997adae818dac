import assert from 'node:assert/strict';
import { test } from 'node:test';
import { DH_GROUPS, type DhGroup } from '../../../src/core/crypto/algorithms.ts';
import { nodeCrypto } from '../../../src/host/crypto/node-crypto.ts';

const GROUPS = Object.keys(DH_GROUPS).map(Number) as DhGroup[];

for (const group of GROUPS) {
  const { name, length, secretLength } = DH_GROUPS[group];

  test(`${name}: both sides agree, values have their full length`, () => {
    for (let i = 0; i < 5; i++) {
      const a = nodeCrypto.generateDh(group);
      const b = nodeCrypto.generateDh(group);
      assert.equal(a.publicValue.length, length);
      assert.notDeepEqual(a.publicValue, b.publicValue);
      const secret = a.sharedSecret(b.publicValue);
      assert.equal(secret?.length, secretLength);
      assert.deepEqual(secret, b.sharedSecret(a.publicValue));
    }
  });

  test(`${name}: a peer's value of the wrong length is refused`, () => {
    const own = nodeCrypto.generateDh(group);
    const { publicValue } = nodeCrypto.generateDh(group);
    for (const wrong of [0, 1, length - 1, length + 1, 2 * length]) {
      const value = new Uint8Array(wrong);
      value.set(publicValue.subarray(0, wrong));
      assert.equal(own.sharedSecret(value), undefined, `${wrong} bytes`);
    }
  });
}
