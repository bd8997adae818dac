/** IKEv1 keys and hashes beside published vectors. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { fromHex, toHex, utf8 } from '../../../src/core/bytes/text.ts';
import type { HashName } from '../../../src/core/crypto/algorithms.ts';
import { hashR } from '../../../src/core/protection/ikev1-hashes.ts';
import { phase1Keys, skeyidFromNonces, skeyidFromPsk } from '../../../src/core/protection/ikev1-keys.ts';
import { nodeCrypto } from '../../../src/host/crypto/node-crypto.ts';
import { readVectors } from '../crypto/read-vectors.ts';

/** What a vector leaves out, which the values under test don't depend on. */
const ABSENT = new Uint8Array(0);

interface SignatureVector {
  source: string;
  hash: HashName;
  initiatorCookie: string;
  responderCookie: string;
  initiatorNonce: string;
  responderNonce: string;
  sharedSecret: string;
  skeyid: string;
  skeyidD: string;
  skeyidA: string;
  skeyidE: string;
}

const nist = readVectors<SignatureVector>(import.meta.url, 'nist-800-135-ikev1-signature.json');

test('NIST SP 800-135 IKEv1 with signatures: the SKEYID family', () => {
  const exchange = {
    initiatorCookie: fromHex(nist.initiatorCookie),
    responderCookie: fromHex(nist.responderCookie),
    initiatorNonce: fromHex(nist.initiatorNonce),
    responderNonce: fromHex(nist.responderNonce),
    initiatorPublic: ABSENT,
    responderPublic: ABSENT,
    initiatorSa: ABSENT,
  };
  const secret = fromHex(nist.sharedSecret);
  const skeyid = skeyidFromNonces(nodeCrypto, nist.hash, secret, exchange);
  const algorithms = { hash: nist.hash, cipher: 'aes-cbc', keyBits: 128 } as const;
  const keys = phase1Keys(nodeCrypto, algorithms, skeyid, secret, exchange);
  assert.equal(toHex(keys.skeyid), nist.skeyid);
  assert.equal(toHex(keys.skeyidD), nist.skeyidD);
  assert.equal(toHex(keys.skeyidA), nist.skeyidA);
  assert.equal(toHex(keys.skeyidE), nist.skeyidE);
});

interface PskVector {
  name: string;
  hash: HashName;
  psk: string;
  /** In the order of ike-scan's --pskcrack file. */
  fields: string;
}

const { vectors: captured } = readVectors<{ vectors: PskVector[] }>(import.meta.url, 'ike-scan-psk.json');

for (const { name, hash, psk, fields } of captured) {
  test(`${name}: HASH_R of a captured aggressive mode`, () => {
    const [g_xr, g_xi, cky_r, cky_i, sai_b, idir_b, ni_b, nr_b, hash_r] = fields.split(':').map(fromHex);
    const exchange = {
      initiatorCookie: cky_i!,
      responderCookie: cky_r!,
      initiatorPublic: g_xi!,
      responderPublic: g_xr!,
      initiatorNonce: ni_b!,
      responderNonce: nr_b!,
      initiatorSa: sai_b!,
    };
    const skeyid = skeyidFromPsk(nodeCrypto, hash, utf8(psk), exchange);
    const algorithms = { hash, cipher: '3des-cbc', keyBits: 192 } as const;
    const keys = phase1Keys(nodeCrypto, algorithms, skeyid, ABSENT, exchange);
    assert.equal(toHex(hashR(nodeCrypto, keys, exchange, idir_b!)), toHex(hash_r!));
  });
}
