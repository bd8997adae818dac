/**
 * Groups modulo a prime, RFC 2409 section 6.2 and RFC 3526.
 *
 * Keys are KeyObjects, since `createDiffieHellmanGroup` takes 25 ms to check a prime that is known to be good. A KeyObject
 * gives and takes a public value y only as SubjectPublicKeyInfo (RFC 5280 section 4.1, RFC 2631):
 *
 *     SEQUENCE { SEQUENCE { OID, SEQUENCE { INTEGER p, INTEGER g } }, BIT STRING { INTEGER y } }
 */
import { createPublicKey, diffieHellman, generateKeyPairSync, type KeyObject } from 'node:crypto';
import type { Bytes } from '../../core/bytes/bytes.ts';
import type { DhKeyPair } from '../../core/crypto/provider.ts';
import * as encode from '../der/encode.ts';
import { DerReader, readWhole, Tag } from '../der/reader.ts';
import { plain } from './plain.ts';

export type ModpName = 'modp1024' | 'modp1536' | 'modp2048' | 'modp3072' | 'modp4096';

const NODE_NAMES: Readonly<Record<ModpName, string>> = {
  modp1024: 'modp2',
  modp1536: 'modp5',
  modp2048: 'modp14',
  modp3072: 'modp15',
  modp4096: 'modp16',
};

interface PublicKey {
  readonly prime: Bytes;
  /** p and g with their OID, as DER. */
  readonly algorithm: Bytes;
  readonly value: Bytes;
}

export interface KeyObjectPair {
  readonly publicKey: KeyObject;
  readonly privateKey: KeyObject;
}

/** Node has documented this form since version 13; its types don't know it. */
const generateDhKeys = generateKeyPairSync as unknown as (type: 'dh', options: { group: string }) => KeyObjectPair;

export function generateModp(name: ModpName): DhKeyPair {
  return modpKeyPair(generateDhKeys('dh', { group: NODE_NAMES[name] }));
}

export function modpKeyPair({ publicKey, privateKey }: KeyObjectPair): DhKeyPair {
  const own = parsePublicKey(publicKey);
  return {
    publicValue: padLeft(own.value, own.prime.length),
    sharedSecret(peerValue) {
      if (!isPublicValue(peerValue, own.prime)) return undefined;
      return plain(diffieHellman({ privateKey, publicKey: encodePublicKey(own.algorithm, peerValue) }));
    },
  };
}

/** 1 < value < p-1, as long as p (RFC 2631 section 2.1.5, without its test of the order, which a safe prime makes idle). */
function isPublicValue(value: Bytes, prime: Bytes): boolean {
  if (value.length !== prime.length) return false;
  const primeMinusOne = prime.slice();
  primeMinusOne[prime.length - 1]! -= 1; // p is odd: nothing to borrow
  return Buffer.compare(value, padLeft(Uint8Array.of(1), prime.length)) > 0 && Buffer.compare(value, primeMinusOne) < 0;
}

function parsePublicKey(key: KeyObject): PublicKey {
  const what = 'public key';
  const info = readWhole(plain(key.export({ type: 'spki', format: 'der' })), what);
  const algorithm = info.value(Tag.SEQUENCE);
  const parts = new DerReader(algorithm.content, what);
  parts.oid();
  const prime = withoutSign(parts.inside().integer());
  const value = withoutSign(new DerReader(info.bitStringBytes(), what).integer());
  return { prime, algorithm: algorithm.whole, value };
}

/** An INTEGER's content has a zero in front of a set top bit. */
function withoutSign(integer: Bytes): Bytes {
  return integer[0] === 0 ? integer.subarray(1) : integer;
}

function encodePublicKey(algorithm: Bytes, value: Bytes): KeyObject {
  const info = encode.sequence(algorithm, encode.bitString(encode.integer(value)));
  return createPublicKey({ key: Buffer.from(info), format: 'der', type: 'spki' });
}

function padLeft(number: Bytes, length: number): Bytes {
  const padded = new Uint8Array(length);
  padded.set(number, length - number.length);
  return padded;
}
