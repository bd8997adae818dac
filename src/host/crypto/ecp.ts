/** Groups modulo elliptic curves, RFC 5903. */
import { createECDH } from 'node:crypto';
import { type Bytes, concat } from '../../core/bytes/bytes.ts';
import type { DhKeyPair } from '../../core/crypto/provider.ts';
import { plain } from './plain.ts';

export type EcpName = 'ecp256' | 'ecp384';

const CURVES: Readonly<Record<EcpName, string>> = { ecp256: 'prime256v1', ecp384: 'secp384r1' };

/** SEC 1 section 2.3.3: this byte, then x | y. A KE payload has x | y alone. */
const UNCOMPRESSED = Uint8Array.of(4);

export function generateEcp(name: EcpName): DhKeyPair {
  const ecdh = createECDH(CURVES[name]);
  ecdh.generateKeys();
  return keyPair(ecdh);
}

/** The pair that belongs to a known private key. */
export function ecpFromPrivate(name: EcpName, privateKey: Bytes): DhKeyPair {
  const ecdh = createECDH(CURVES[name]);
  ecdh.setPrivateKey(privateKey);
  return keyPair(ecdh);
}

function keyPair(ecdh: ReturnType<typeof createECDH>): DhKeyPair {
  return {
    publicValue: plain(ecdh.getPublicKey()).slice(UNCOMPRESSED.length),
    sharedSecret(peerValue) {
      try {
        return plain(ecdh.computeSecret(concat(UNCOMPRESSED, peerValue)));
      } catch (error) {
        if (isInvalidPoint(error)) return undefined;
        throw error;
      }
    },
  };
}

/** Of another length, with a coordinate of p or more, or not on the curve. */
function isInvalidPoint(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === 'ERR_CRYPTO_ECDH_INVALID_PUBLIC_KEY';
}
