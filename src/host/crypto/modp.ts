/**
 * Groups modulo a prime, RFC 2409 section 6.2 and RFC 3526.
 *
 * Private keys are as short as the strength of the group allows, 225 bits for modp2048: OpenSSL draws them so for the primes that
 * it knows by name (NIST SP 800-56A Rev. 3 section 5.6.1.1: at least twice the bits of strength, which are 112; RFC 3526 section 8).
 */
import { createDiffieHellman, createDiffieHellmanGroup, type DiffieHellman, randomBytes } from 'node:crypto';
import type { Bytes } from '../../core/bytes/bytes.ts';
import type { DhKeyPair } from '../../core/crypto/provider.ts';
import { plain } from './plain.ts';

export type ModpName = 'modp1024' | 'modp1536' | 'modp2048' | 'modp3072' | 'modp4096';

const NODE_NAMES: Readonly<Record<ModpName, string>> = {
  modp1024: 'modp2',
  modp1536: 'modp5',
  modp2048: 'modp14',
  modp3072: 'modp15',
  modp4096: 'modp16',
};

/** What is needed of node:crypto's pairs of keys. */
export interface ModpKeys {
  getPublicKey(): Buffer;
  computeSecret(peerValue: Bytes): Buffer;
}

export function generateModp(name: ModpName): DhKeyPair {
  const prime = primeOf(name);
  if (name === 'modp1024') return modpKeyPair(new Modp1024(prime), prime);
  const keys = createDiffieHellmanGroup(NODE_NAMES[name]);
  keys.generateKeys();
  return modpKeyPair(keys, prime);
}

export function modpKeyPair(keys: ModpKeys, prime: Bytes): DhKeyPair {
  return {
    publicValue: padLeft(plain(keys.getPublicKey()), prime.length),
    sharedSecret: (peerValue) => (isPublicValue(peerValue, prime) ? plain(keys.computeSecret(peerValue)) : undefined),
  };
}

/**
 * OpenSSL has no name for this prime, and would take 25 ms for each pair to prove it one: all pairs share one object, which gets
 * their private key for each step. 200 bits are what OpenSSL takes for modp1536.
 */
class Modp1024 implements ModpKeys {
  static #shared: DiffieHellman | undefined;
  readonly #own: DiffieHellman;
  readonly #privateKey = randomBytes(25);

  constructor(prime: Bytes) {
    Modp1024.#shared ??= createDiffieHellman(prime, 2);
    this.#own = Modp1024.#shared;
  }

  getPublicKey(): Buffer {
    this.#own.setPrivateKey(this.#privateKey);
    return this.#own.generateKeys();
  }

  computeSecret(peerValue: Bytes): Buffer {
    this.#own.setPrivateKey(this.#privateKey);
    return this.#own.computeSecret(peerValue);
  }
}

const primes = new Map<ModpName, Bytes>();

function primeOf(name: ModpName): Bytes {
  const known = primes.get(name) ?? plain(createDiffieHellmanGroup(NODE_NAMES[name]).getPrime());
  primes.set(name, known);
  return known;
}

/** 1 < value < p-1, as long as p (RFC 2631 section 2.1.5, without its test of the order, which a safe prime makes idle). */
function isPublicValue(value: Bytes, prime: Bytes): boolean {
  if (value.length !== prime.length) return false;
  const primeMinusOne = prime.slice();
  primeMinusOne[prime.length - 1]! -= 1; // p is odd: nothing to borrow
  return Buffer.compare(value, padLeft(Uint8Array.of(1), prime.length)) > 0 && Buffer.compare(value, primeMinusOne) < 0;
}

function padLeft(number: Bytes, length: number): Bytes {
  const padded = new Uint8Array(length);
  padded.set(number, length - number.length);
  return padded;
}
