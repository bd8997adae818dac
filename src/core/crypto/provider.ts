/** The port through which core reaches cryptography and randomness. `host/crypto` implements it on node:crypto. */
import type { Bytes } from '../bytes/bytes.ts';
import type { CbcCipher, DhGroup, HashName } from './algorithms.ts';

export interface DhKeyPair {
  /** g^x as a KE payload carries it: padded to the group's length; for elliptic curves x | y (RFC 5903 section 7). */
  readonly publicValue: Bytes;
  /**
   * g^xy as RFC 2409 takes it into SKEYID: padded to the group's length; for curves the x coordinate (RFC 5903).
   * Undefined when the peer's value is of the wrong length, 0, 1, p-1, p or above, or not on the curve.
   */
  sharedSecret(peerValue: Bytes): Bytes | undefined;
}

/** All calls are synchronous. Lengths are the caller's duty: a wrong one throws, since it is our own misuse. */
export interface CryptoProvider {
  random(length: number): Uint8Array<ArrayBuffer>;
  hash(hash: HashName, ...parts: readonly Bytes[]): Bytes;
  hmac(hash: HashName, key: Bytes, ...parts: readonly Bytes[]): Bytes;
  /** CBC without padding: `data` is whole blocks, `iv` one block; the cipher's strength is the key's length. */
  cbcEncrypt(cipher: CbcCipher, key: Bytes, iv: Bytes, data: Bytes): Bytes;
  cbcDecrypt(cipher: CbcCipher, key: Bytes, iv: Bytes, data: Bytes): Bytes;
  /** AES-GCM with a 12-byte nonce and a 16-byte tag behind the ciphertext. */
  gcmSeal(key: Bytes, nonce: Bytes, aad: Bytes, plaintext: Bytes): Bytes;
  /** Undefined when the tag is wrong. */
  gcmOpen(key: Bytes, nonce: Bytes, aad: Bytes, ciphertext: Bytes): Bytes | undefined;
  generateDh(group: DhGroup): DhKeyPair;
}
