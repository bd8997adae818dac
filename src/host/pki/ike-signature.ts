/** Signatures as IKEv1 has them: over a hash that is the message already. {@link OwnCertificate.sign} gives the rules. */
import { constants, type KeyObject, privateEncrypt, publicDecrypt } from 'node:crypto';
import { p256, p384, p521 } from '@noble/curves/nist.js';
import { type Bytes, concat, constantTimeEqual } from '../../core/bytes/bytes.ts';
import type { SignatureKind } from '../../core/crypto/certificates.ts';
import { plain } from '../crypto/plain.ts';

/**
 * node:crypto hashes whatever it signs by ECDSA, and the hash to be signed here is done: so these curves come from
 * elsewhere. They were audited, and take no part in Diffie-Hellman.
 */
const CURVES = { ecdsa256: p256, ecdsa384: p384, ecdsa521: p521 } as const;

/** The hash is signed as it is, and either of the two values of s will do (FIPS 186-5 section 6.4). */
const PREHASHED = { prehash: false, lowS: false } as const;

/** MD5's; a shorter one is no hash. */
const MIN_HASH = 16;
const MAX_HASH = 64;

/** Throws RangeError when `hash` isn't as long as a hash. */
export function signHash(kind: SignatureKind, key: KeyObject, hash: Bytes): Bytes {
  if (!isHash(hash)) throw new RangeError(`${hash.length} bytes are no hash`);
  if (kind === 'rsa') return plain(privateEncrypt({ key, padding: constants.RSA_PKCS1_PADDING }, hash));
  // A nonce from the hash, the key and fresh randomness (RFC 6979 section 3.6): it neither repeats nor is foreseen.
  return CURVES[kind].sign(hash, base64(key.export({ format: 'jwk' }).d), { ...PREHASHED, extraEntropy: true });
}

/** Never throws on what the peer sent. */
export function verifiesHash(kind: SignatureKind, key: KeyObject, hash: Bytes, signature: Bytes): boolean {
  if (!isHash(hash)) return false;
  return kind === 'rsa' ? verifiesRsa(key, hash, signature) : verifiesEcdsa(kind, key, hash, signature);
}

function isHash(hash: Bytes): boolean {
  return hash.length >= MIN_HASH && hash.length <= MAX_HASH;
}

/** RFC 8017 section 8.2.2, but for the DigestInfo. A signature is as long as the modulus, and the block ends with the hash. */
function verifiesRsa(key: KeyObject, hash: Bytes, signature: Bytes): boolean {
  if (signature.length !== Math.ceil((key.asymmetricKeyDetails?.modulusLength ?? 0) / 8)) return false;
  try {
    return constantTimeEqual(plain(publicDecrypt({ key, padding: constants.RSA_PKCS1_PADDING }, signature)), hash);
  } catch {
    return false;
  }
}

function verifiesEcdsa(kind: keyof typeof CURVES, key: KeyObject, hash: Bytes, signature: Bytes): boolean {
  const curve = CURVES[kind];
  if (signature.length !== curve.lengths.signature) return false;
  const { x, y } = key.export({ format: 'jwk' });
  try {
    return curve.verify(signature, hash, concat(UNCOMPRESSED, base64(x), base64(y)), PREHASHED);
  } catch {
    return false;
  }
}

/** SEC 1 section 2.3.3: this byte, then x | y. */
const UNCOMPRESSED = Uint8Array.of(4);

function base64(text: string | undefined): Bytes {
  return Uint8Array.from(Buffer.from(text!, 'base64url'));
}
