/** Groups 2, 5, 14, 15 and 16 beside arithmetic of our own, and the values that must be refused. */
import assert from 'node:assert/strict';
import { createDiffieHellmanGroup, type DiffieHellmanGroup } from 'node:crypto';
import { test } from 'node:test';
import { fromHex, toHex } from '../../../src/core/bytes/text.ts';
import { generateModp, type ModpName, modpKeyPair } from '../../../src/host/crypto/modp.ts';

/**
 * RFC 2409 section 6.2 and RFC 3526 define each prime as
 *
 *     p = 2^n - 2^(n-64) - 1 + 2^64 * { [2^(n-130) pi] + offset }
 */
const GROUPS: readonly { name: ModpName; node: string; bits: number; offset: bigint; source: string }[] = [
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
    const group = createDiffieHellmanGroup(node);
    assert.equal(toNumber(group.getPrime()), prime);
    assert.equal(toNumber(group.getGenerator()), 2n);
  });

  test(`${name}: public value and secret are those of modular exponentiation`, () => {
    const keys = generate(node);
    const x = toNumber(keys.getPrivateKey());
    assert.ok(x >= 2n ** 128n);
    const own = modpKeyPair(keys, bytes(prime));
    assert.deepEqual(own.publicValue, bytes(power(2n, x, prime)));
    const peer = generateModp(name).publicValue;
    assert.deepEqual(own.sharedSecret(peer), bytes(power(toNumber(peer), x, prime)));
  });

  test(`${name}: a pair agrees with one of node:crypto's`, () => {
    const own = generateModp(name);
    const keys = generate(node);
    const { publicValue } = modpKeyPair(keys, bytes(prime));
    assert.deepEqual(own.sharedSecret(publicValue), new Uint8Array(keys.computeSecret(own.publicValue)));
  });

  test(`${name}: private keys are drawn anew`, () => {
    const values = Array.from({ length: 4 }, () => toHex(generateModp(name).publicValue));
    assert.equal(new Set(values).size, 4);
  });

  test(`${name}: pairs at work at the same time don't disturb one another`, () => {
    const [a, b, c] = [generateModp(name), generateModp(name), generateModp(name)] as const;
    const ab = a.sharedSecret(b.publicValue);
    const cb = c.sharedSecret(b.publicValue);
    assert.deepEqual(b.sharedSecret(a.publicValue), ab);
    assert.deepEqual(b.sharedSecret(c.publicValue), cb);
    assert.notDeepEqual(ab, cb);
  });

  test(`${name}: small numbers are padded in front`, () => {
    const keys = generate(node);
    const own = modpKeyPair(
      { getPublicKey: () => Buffer.of(32), computeSecret: (value) => keys.computeSecret(value) },
      bytes(prime),
    );
    assert.deepEqual(own.publicValue, bytes(32n));
    // what x takes to 4, a square: its order is q = (p - 1) / 2, and x has an inverse modulo that
    const order = (prime - 1n) / 2n;
    const root = power(4n, power(toNumber(keys.getPrivateKey()), order - 2n, order), prime);
    assert.deepEqual(own.sharedSecret(bytes(root)), bytes(4n));
  });

  test(`${name}: 0, 1, p-1, p and above are refused, 2 and p-2 are not`, () => {
    const own = generateModp(name);
    for (const refused of [0n, 1n, prime - 1n, prime, prime + 1n, 2n ** n - 1n]) {
      assert.equal(own.sharedSecret(bytes(refused)), undefined, `${refused - prime} from p`);
    }
    assert.equal(own.sharedSecret(bytes(2n))?.length, bits / 8);
    assert.equal(own.sharedSecret(bytes(prime - 2n))?.length, bits / 8);
  });
}

function generate(node: string): DiffieHellmanGroup {
  const keys = createDiffieHellmanGroup(node);
  keys.generateKeys();
  return keys;
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
