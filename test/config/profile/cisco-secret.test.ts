/** The obfuscation of Cisco's client: what was hidden comes back, and nothing else does. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { describe, it } from 'node:test';
import { MAX_HIDDEN_LENGTH, revealSecret } from '../../../src/config/profile/cisco-secret.ts';
import { nodeCrypto } from '../../../src/host/crypto/node-crypto.ts';
import { missing } from '../../lab/requirements.ts';
import { hideSecret } from './hide-secret.ts';

const reveal = (hex: string) => {
  const secret = revealSecret(hex, nodeCrypto);
  return secret && Buffer.from(secret).toString('latin1');
};

describe('a hidden password', () => {
  for (const secret of ['x', 'seven77', 'eight888', 'nine99999', 'a'.repeat(256)]) {
    it(`comes back: ${secret.length} characters`, () => assert.equal(reveal(hideSecret(secret)), secret));
  }

  it('comes back whatever the seed, also when its last byte overflows', () => {
    for (const last of [0, 0xfc, 0xfd, 0xfe, 0xff]) {
      const seed = nodeCrypto.random(20);
      seed[19] = last;
      assert.equal(reveal(hideSecret('a secret', seed)), 'a secret');
    }
  });

  it('is read by cisco-decrypt alike', { skip: missing('cisco-decrypt') ?? false }, () => {
    for (const secret of ['x', 'eight888', 'a much longer group password!']) {
      const hex = hideSecret(secret, nodeCrypto.random(20));
      assert.equal(spawnSync('cisco-decrypt', [hex], { encoding: 'utf8' }).stdout.trim(), secret);
    }
  });

  it('is refused when it is cut anywhere', () => {
    const hex = hideSecret('a secret of some length');
    for (let length = 0; length < hex.length; length++) assert.equal(reveal(hex.slice(0, length)), undefined);
  });

  it('is refused when a bit of checksum or ciphertext is changed', () => {
    const bytes = Buffer.from(hideSecret('a secret'), 'hex');
    for (let bit = 20 * 8; bit < bytes.length * 8; bit++) {
      const changed = Buffer.from(bytes);
      changed[bit >> 3]! ^= 1 << (bit & 7);
      assert.equal(reveal(changed.toString('hex')), undefined);
    }
  });

  it('has a bound', () => {
    assert.equal(reveal(hideSecret('a'.repeat(MAX_HIDDEN_LENGTH - 1)))?.length, MAX_HIDDEN_LENGTH - 1);
    assert.equal(reveal(hideSecret('a'.repeat(MAX_HIDDEN_LENGTH))), undefined);
  });

  it('is not what other text is', () => {
    for (const text of ['', 'secret', 'zz'.repeat(48), ' '.repeat(96), '00'.repeat(40), '00'.repeat(48)]) {
      assert.equal(reveal(text), undefined, text);
    }
  });
});
