/**
 * How Cisco's client hides a password in a profile (enc_GroupPwd, enc_UserPassword). It keeps it from the eye, not from
 * anybody with this page: the key is in the text itself.
 *
 *   seed (20 bytes) | SHA-1 of the ciphertext (20 bytes) | ciphertext
 *   key = SHA-1(seed, last byte + 1) | first 4 bytes of SHA-1(seed, last byte + 3)
 *   password = 3DES-CBC(key, iv = first 8 bytes of the seed, ciphertext), padded by bytes that say how many they are
 *
 * Source: published in 2005 by HAL-9000@evilscientists.de; Debian's cisco-decrypt does the same.
 */
import { type Bytes, bytesEqual } from '../../core/bytes/bytes.ts';
import type { CryptoProvider } from '../../core/crypto/provider.ts';

const SEED_LENGTH = 20;
const CHECKSUM_LENGTH = 20;
const BLOCK = 8;
/** Bytes of ciphertext; no client lets a longer one be typed. */
export const MAX_HIDDEN_LENGTH = 1024;

/** The password in `hex`; undefined: cut, changed, or no such thing. */
export function revealSecret(hex: string, crypto: CryptoProvider): Bytes | undefined {
  if (!/^(?:[0-9a-f]{2})+$/i.test(hex) || hex.length > 2 * (SEED_LENGTH + CHECKSUM_LENGTH + MAX_HIDDEN_LENGTH)) {
    return undefined;
  }
  const bytes = Uint8Array.from(Buffer.from(hex, 'hex'));
  const seed = bytes.subarray(0, SEED_LENGTH);
  const checksum = bytes.subarray(SEED_LENGTH, SEED_LENGTH + CHECKSUM_LENGTH);
  const hidden = bytes.slice(SEED_LENGTH + CHECKSUM_LENGTH);
  if (hidden.length === 0 || hidden.length % BLOCK !== 0) return undefined;
  if (!bytesEqual(crypto.hash('sha1', hidden), checksum)) return undefined;
  return unpad(crypto.cbcDecrypt('3des-cbc', secretKey(seed, crypto), bytes.slice(0, BLOCK), hidden));
}

/** The key that a seed leads to. */
export function secretKey(seed: Bytes, crypto: CryptoProvider): Bytes {
  const hashes = [1, 3].map((step) => {
    const stepped = seed.slice();
    stepped[SEED_LENGTH - 1]! += step;
    return crypto.hash('sha1', stepped);
  });
  return Uint8Array.from([...hashes[0]!, ...hashes[1]!.subarray(0, 4)]);
}

function unpad(padded: Bytes): Bytes | undefined {
  const count = padded.at(-1)!;
  return count >= 1 && count <= BLOCK ? padded.slice(0, padded.length - count) : undefined;
}
