/** Groups 19 and 20 beside published vectors, and the values that must be refused. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { fromHex, toHex } from '../../../src/core/bytes/text.ts';
import { type EcpName, ecpFromPrivate } from '../../../src/host/crypto/ecp.ts';
import { readVectors } from '../../core/crypto/read-vectors.ts';

interface RfcVector {
  name: string;
  curve: EcpName;
  i: string;
  gi: string;
  r: string;
  gr: string;
  gir: string;
}

for (const { name, curve, i, gi, r, gr, gir } of readVectors<{ vectors: RfcVector[] }>(import.meta.url, 'rfc5903.json')
  .vectors) {
  test(name, () => {
    const initiator = ecpFromPrivate(curve, fromHex(i));
    const responder = ecpFromPrivate(curve, fromHex(r));
    assert.equal(toHex(initiator.publicValue), gi.toLowerCase());
    assert.equal(toHex(responder.publicValue), gr.toLowerCase());
    assert.equal(toHex(initiator.sharedSecret(fromHex(gr))!), gir.toLowerCase());
    assert.equal(toHex(responder.sharedSecret(fromHex(gi))!), gir.toLowerCase());
  });
}

interface NistVector {
  name: string;
  curve: EcpName;
  privateKey: string;
  peerX: string;
  peerY: string;
  secret: string;
  verdict: 'valid' | 'off curve' | 'other secret';
}

for (const vector of readVectors<{ vectors: NistVector[] }>(import.meta.url, 'ecdh.json').vectors) {
  test(vector.name, () => {
    const own = ecpFromPrivate(vector.curve, fromHex(vector.privateKey));
    const secret = own.sharedSecret(fromHex(vector.peerX + vector.peerY));
    if (vector.verdict === 'off curve') assert.equal(secret, undefined);
    else if (vector.verdict === 'valid') assert.equal(toHex(secret!), vector.secret);
    else assert.notEqual(toHex(secret!), vector.secret);
  });
}

interface WycheproofVector {
  tcId: number;
  comment: string;
  private: string;
  /** SEC 1, uncompressed */
  public: string;
  shared: string;
}

const wycheproof = readVectors<{ vectors: WycheproofVector[] }>(import.meta.url, 'wycheproof-ecdh.json');

for (const { tcId, comment, private: privateKey, public: point, shared } of wycheproof.vectors) {
  test(`Wycheproof ecdh_secp256r1_ecpoint ${tcId}: ${comment}`, () => {
    const secret = ecpFromPrivate('ecp256', fromHex(privateKey)).sharedSecret(fromHex(point.slice(2)));
    assert.equal(toHex(secret!), shared);
  });
}

const CURVES = [
  { name: 'ecp256', length: 32, prime: 2n ** 256n - 2n ** 224n + 2n ** 192n + 2n ** 96n - 1n },
  { name: 'ecp384', length: 48, prime: 2n ** 384n - 2n ** 128n - 2n ** 96n + 2n ** 32n - 1n },
] as const;

for (const { name, length, prime } of CURVES) {
  const own = ecpFromPrivate(name, new Uint8Array(length).fill(0x42));
  const coordinate = (value: bigint) => value.toString(16).padStart(2 * length, '0');

  test(`${name}: infinity in any writing, zero, and coordinates of p or more are refused`, () => {
    const { publicValue } = ecpFromPrivate(name, new Uint8Array(length).fill(0x17));
    const x = BigInt(`0x${toHex(publicValue.subarray(0, length))}`);
    const y = BigInt(`0x${toHex(publicValue.subarray(length))}`);
    const max = 2n ** BigInt(8 * length) - 1n;
    const refused: Record<string, [bigint, bigint]> = {
      'zero point': [0n, 0n],
      'x = 0, y = 1': [0n, 1n],
      'x = p': [prime, y],
      'y = p': [x, prime],
      'all ones': [max, max],
      'y off by one': [x, y + 1n],
    };
    assert.ok(own.sharedSecret(publicValue));
    for (const [what, [px, py]] of Object.entries(refused)) {
      assert.equal(own.sharedSecret(fromHex(coordinate(px) + coordinate(py))), undefined, what);
    }
    assert.equal(own.sharedSecret(Uint8Array.of(0)), undefined, 'SEC 1 infinity');
  });

  test(`${name}: -Q is on the curve and gives the same x`, () => {
    const { publicValue } = ecpFromPrivate(name, new Uint8Array(length).fill(0x17));
    const y = BigInt(`0x${toHex(publicValue.subarray(length))}`);
    const negated = fromHex(toHex(publicValue.subarray(0, length)) + coordinate(prime - y));
    assert.deepEqual(own.sharedSecret(negated), own.sharedSecret(publicValue));
  });

  test(`${name}: SEC 1 writings with their leading byte are refused`, () => {
    const { publicValue } = ecpFromPrivate(name, new Uint8Array(length).fill(0x17));
    assert.equal(own.sharedSecret(fromHex(`04${toHex(publicValue)}`)), undefined);
    assert.equal(own.sharedSecret(fromHex(`02${toHex(publicValue.subarray(0, length))}`)), undefined);
  });
}
