/** RFC 2759 section 9.2. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { fromHex, toHex } from '../../../src/core/bytes/text.ts';
import { checkMsChapV2, ntPasswordHash, ntResponse } from '../../../src/core/ppp/ms-chap-v2.ts';
import { nodeCrypto } from '../../../src/host/crypto/node-crypto.ts';

const EXCHANGE = {
  authenticatorChallenge: fromHex('5B5D7C7D7B3F2F3E3C2C602132262628'),
  peerChallenge: fromHex('21402324255E262A28295F2B3A337C7E'),
  ntResponse: fromHex('82309ECD8D708B5EA08FAA3981CD83544233114A3D85D6DF'),
  name: 'User',
};

describe('MS-CHAPv2', () => {
  const hash = ntPasswordHash('clientPass');

  it('makes the hash and both responses of the RFC', () => {
    assert.equal(toHex(hash), '44ebba8d5312b8d611474411f56989ae');
    assert.equal(toHex(ntResponse(nodeCrypto, hash, EXCHANGE)), toHex(EXCHANGE.ntResponse));
    assert.equal(checkMsChapV2(nodeCrypto, hash, EXCHANGE), 'S=407A5589115FD0D6209F510FE9C04566932CDA56');
  });

  it('takes no other password, name or challenge', () => {
    assert.equal(checkMsChapV2(nodeCrypto, ntPasswordHash('clientpass'), EXCHANGE), undefined);
    assert.equal(checkMsChapV2(nodeCrypto, hash, { ...EXCHANGE, name: 'user' }), undefined);
    for (const part of ['authenticatorChallenge', 'peerChallenge', 'ntResponse'] as const) {
      const changed = EXCHANGE[part].with(15, EXCHANGE[part][15]! ^ 1);
      assert.equal(checkMsChapV2(nodeCrypto, hash, { ...EXCHANGE, [part]: changed }), undefined, part);
    }
  });

  it('hashes what is beyond ASCII as UTF-16', () => {
    // MD4 of e4 00 3d d8 00 de: one letter of two bytes in UTF-8, and a pair of surrogates
    assert.equal(toHex(ntPasswordHash('ä😀')), toHex(ntPasswordHash('\u00e4\ud83d\ude00')));
    assert.notEqual(toHex(ntPasswordHash('ä')), toHex(ntPasswordHash('Ã¤')));
  });
});
