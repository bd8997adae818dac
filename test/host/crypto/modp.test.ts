/** Groups 2, 5, 14, 15 and 16 beside arithmetic of our own, and the values that must be refused. */
import assert from 'node:assert/strict';
import { createPrivateKey, createPublicKey, generateKeyPairSync } from 'node:crypto';
import { test } from 'node:test';
import { fromHex, toHex } from '../../../src/core/bytes/text.ts';
import { type KeyObjectPair, modpKeyPair } from '../../../src/host/crypto/modp.ts';
import * as encode from '../../../src/host/der/encode.ts';
import { DerReader, readWhole, Tag } from '../../../src/host/der/reader.ts';

/**
 * RFC 2409 section 6.2 and RFC 3526 define each prime as
 *
 *     p = 2^n - 2^(n-64) - 1 + 2^64 * { [2^(n-130) pi] + offset }
 */
const GROUPS = [
  { name: 'modp1024', node: 'modp2', bits: 1024, offset: 129093n, source: 'RFC 2409 section 6.2' },
  { name: 'modp1536', node: 'modp5', bits: 1536, offset: 741804n, source: 'RFC 3526 section 2' },
  { name: 'modp2048', node: 'modp14', bits: 2048, offset: 124476n, source: 'RFC 3526 section 3' },
  { name: 'modp3072', node: 'modp15', bits: 3072, offset: 1690314n, source: 'RFC 3526 section 4' },
  { name: 'modp4096', node: 'modp16', bits: 4096, offset: 240904n, source: 'RFC 3526 section 5' },
];

for (const { name, node, bits, offset, source } of GROUPS) {
  const n = BigInt(bits);
  const prime = 2n ** n - 2n ** (n - 64n) - 1n + 2n ** 64n * (piTimesPowerOfTwo(bits - 130) + offset);
  const bytes = (value: bigint) => fromHex(value.toString(16).padStart(bits / 4, '0'));

  test(`${name}: the prime is that of ${source}, the generator is 2`, () => {
    const { p, g } = parametersOf(generate(node));
    assert.equal(p, prime);
    assert.equal(g, 2n);
  });

  test(`${name}: public value and secret are those of modular exponentiation`, () => {
    const keys = generate(node);
    const x = privateNumber(keys);
    const own = modpKeyPair(keys);
    assert.deepEqual(own.publicValue, bytes(power(2n, x, prime)));
    const peer = modpKeyPair(generate(node)).publicValue;
    assert.deepEqual(own.sharedSecret(peer), bytes(power(toNumber(peer), x, prime)));
  });

  test(`${name}: small numbers are padded in front`, () => {
    const own = modpKeyPair(withPrivateNumber(generate(node), 5n));
    assert.deepEqual(own.publicValue, bytes(32n));
    assert.deepEqual(own.sharedSecret(bytes(2n)), bytes(32n));
    assert.deepEqual(own.sharedSecret(bytes(4n)), bytes(1024n));
  });

  test(`${name}: 0, 1, p-1, p and above are refused, 2 and p-2 are not`, () => {
    const own = modpKeyPair(generate(node));
    for (const refused of [0n, 1n, prime - 1n, prime, prime + 1n, 2n ** n - 1n]) {
      assert.equal(own.sharedSecret(bytes(refused)), undefined, `${refused - prime} from p`);
    }
    assert.equal(own.sharedSecret(bytes(2n))?.length, bits / 8);
    assert.equal(own.sharedSecret(bytes(prime - 2n))?.length, bits / 8);
  });
}

function generate(node: string): KeyObjectPair {
  return (generateKeyPairSync as unknown as (type: 'dh', options: { group: string }) => KeyObjectPair)('dh', {
    group: node,
  });
}

/** PKCS #8 (RFC 5208 section 5): SEQUENCE { version, SEQUENCE { OID, SEQUENCE { p, g } }, OCTET STRING { INTEGER x } } */
function pkcs8Parts({ privateKey }: KeyObjectPair) {
  const info = readWhole(new Uint8Array(privateKey.export({ type: 'pkcs8', format: 'der' })), 'private key');
  return { version: info.any(), algorithm: info.any(), key: info.value(Tag.OCTET_STRING) };
}

function parametersOf(keys: KeyObjectPair): { p: bigint; g: bigint } {
  const parts = new DerReader(pkcs8Parts(keys).algorithm.content, 'algorithm');
  parts.oid();
  const parameters = parts.inside();
  return { p: toNumber(parameters.integer()), g: toNumber(parameters.integer()) };
}

function privateNumber(keys: KeyObjectPair): bigint {
  return toNumber(new DerReader(pkcs8Parts(keys).key.content, 'key').integer());
}

/** The pair of the same group whose private key is `x`. */
function withPrivateNumber(keys: KeyObjectPair, x: bigint): KeyObjectPair {
  const { version, algorithm } = pkcs8Parts(keys);
  const number = encode.integer(fromHex(x.toString(16).padStart(2, '0')));
  const der = encode.sequence(version.whole, algorithm.whole, encode.octetString(number));
  const privateKey = createPrivateKey({ key: Buffer.from(der), format: 'der', type: 'pkcs8' });
  return { privateKey, publicKey: createPublicKey(privateKey) };
}

function toNumber(bytes: Uint8Array): bigint {
  return BigInt(`0x${toHex(bytes)}`);
}

function power(base: bigint, exponent: bigint, modulus: bigint): bigint {
  let result = 1n;
  for (let bit = exponent; bit > 0n; bit >>= 1n) {
    if (bit & 1n) result = (result * base) % modulus;
    base = (base * base) % modulus;
  }
  return result;
}

/** [2^bits pi], by Machin: pi = 16 arctan(1/5) - 4 arctan(1/239). */
function piTimesPowerOfTwo(bits: number): bigint {
  const spare = 64n;
  const one = 1n << (BigInt(bits) + spare);
  return (16n * arctanOfInverse(5n, one) - 4n * arctanOfInverse(239n, one)) >> spare;
}

function arctanOfInverse(x: bigint, one: bigint): bigint {
  let sum = 0n;
  let term = one / x;
  for (let k = 1n; term !== 0n; k += 2n) {
    sum += k % 4n === 1n ? term / k : -term / k;
    term /= x * x;
  }
  return sum;
}
