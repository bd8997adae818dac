/**
 * Cryptography for tests in simulated time: randomness from a seed, so that a run can be repeated, and Diffie-Hellman modulo
 * a small prime, since a thousand simulated handshakes need it to be cheap. All else is true. Never for anything but tests.
 */
import { type Bytes, concat } from '../src/core/bytes/bytes.ts';
import { DH_GROUPS, type DhGroup } from '../src/core/crypto/algorithms.ts';
import type { CryptoProvider, DhKeyPair } from '../src/core/crypto/provider.ts';
import { nodeCrypto } from '../src/host/crypto/node-crypto.ts';
import type { Seeded } from './seeded.ts';

const PRIME = 2n ** 61n - 1n;
const GENERATOR = 37n;

export function seededCrypto(random: Seeded, dh: 'cheap' | 'true' = 'cheap'): CryptoProvider {
  return {
    ...nodeCrypto,
    random: (length) => random.bytes(length),
    ...(dh === 'cheap' && { generateDh: (group: DhGroup) => cheapDh(group, random) }),
  };
}

function cheapDh(group: DhGroup, random: Seeded): DhKeyPair {
  const { length, secretLength } = DH_GROUPS[group];
  const secret = BigInt(random.u32()) * 2n ** 28n + BigInt(random.u32() >>> 4);
  return {
    publicValue: toBytes(power(GENERATOR, secret), length),
    sharedSecret(peerValue) {
      const value = peerValue.length === length ? fromBytes(peerValue) : 0n;
      return value > 1n && value < PRIME - 1n ? toBytes(power(value, secret), secretLength) : undefined;
    },
  };
}

function power(base: bigint, exponent: bigint): bigint {
  let result = 1n;
  for (let rest = exponent, square = base; rest > 0n; rest >>= 1n, square = (square * square) % PRIME)
    if (rest & 1n) result = (result * square) % PRIME;
  return result;
}

function toBytes(value: bigint, length: number): Bytes {
  const tail = Buffer.from(value.toString(16).padStart(16, '0'), 'hex');
  return concat(new Uint8Array(length - tail.length), tail);
}

function fromBytes(bytes: Bytes): bigint {
  return BigInt(`0x${Buffer.from(bytes).toString('hex')}`);
}
