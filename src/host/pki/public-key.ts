/** Public keys that may appear in a chain, and those that may sign for an IKE peer. */
import { createPublicKey, type KeyObject } from 'node:crypto';
import type { Bytes } from '../../core/bytes/bytes.ts';
import type { SignatureKind } from '../../core/crypto/certificates.ts';

const MIN_RSA_BITS = 2048;
/** Above this a signature costs the gateway milliseconds, and nobody gains by it. */
const MAX_RSA_BITS = 8192;
/** Larger public exponents only serve to keep the verifier busy. */
const MAX_RSA_EXPONENT = 0xffff_ffffn;

/** RFC 4754 section 1: the curves with an authentication method of their own. */
const CURVES: Readonly<Record<string, SignatureKind>> = {
  prime256v1: 'ecdsa256',
  secp384r1: 'ecdsa384',
  secp521r1: 'ecdsa521',
};

/** The key of a SubjectPublicKeyInfo, DER; undefined when OpenSSL can't read it. */
export function readPublicKey(spki: Bytes): KeyObject | undefined {
  try {
    return createPublicKey({ key: Buffer.from(spki), format: 'der', type: 'spki' });
  } catch {
    return undefined;
  }
}

/** Undefined: fit for use. Otherwise what is wrong with it. */
export function refuseKey(key: KeyObject): string | undefined {
  const { modulusLength = 0, publicExponent = 0n, namedCurve = '' } = key.asymmetricKeyDetails ?? {};
  switch (key.asymmetricKeyType) {
    case 'rsa':
      if (modulusLength < MIN_RSA_BITS) return `has an RSA key of ${modulusLength} bits; ${MIN_RSA_BITS} are the least`;
      if (modulusLength > MAX_RSA_BITS) return `has an RSA key of ${modulusLength} bits; ${MAX_RSA_BITS} are the most`;
      return publicExponent > MAX_RSA_EXPONENT || publicExponent < 3n
        ? 'has an RSA key with an exponent that nobody uses'
        : undefined;
    case 'ec':
      return CURVES[namedCurve] ? undefined : 'has an ECDSA key on a curve other than P-256, P-384 and P-521';
    case 'ed25519':
      return undefined;
    default:
      return `has a key of a kind that isn't supported (${key.asymmetricKeyType ?? 'unknown'})`;
  }
}

/** How IKE signs with this key; undefined for keys that IKEv1 has no method for. */
export function signatureKind(key: KeyObject): SignatureKind | undefined {
  if (key.asymmetricKeyType === 'rsa') return 'rsa';
  return key.asymmetricKeyType === 'ec' ? CURVES[key.asymmetricKeyDetails?.namedCurve ?? ''] : undefined;
}
