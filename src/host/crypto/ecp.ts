/** Groups modulo elliptic curves, RFC 5903. */
import { createECDH } from 'node:crypto';
import { type Bytes, concat } from '../../core/bytes/bytes.ts';
import type { DhKeyPair } from '../../core/crypto/provider.ts';
import { plain } from './plain.ts';

export type EcpName = 'ecp256' | 'ecp384';

const CURVES = {
  ecp256: { name: 'prime256v1', coordinateLength: 32 },
  ecp384: { name: 'secp384r1', coordinateLength: 48 },
} as const;

/** SEC 1 section 2.3.3: this byte, then x | y. A KE payload has x | y alone. */
const UNCOMPRESSED = Uint8Array.of(4);

export function generateEcp(name: EcpName): DhKeyPair {
  const ecdh = createECDH(CURVES[name].name);
  ecdh.generateKeys();
  return keyPair(name, ecdh);
}

/** The pair that belongs to a known private key. */
export function ecpFromPrivate(name: EcpName, privateKey: Bytes): DhKeyPair {
  const ecdh = createECDH(CURVES[name].name);
  ecdh.setPrivateKey(privateKey);
  return keyPair(name, ecdh);
}

function keyPair(name: EcpName, ecdh: ReturnType<typeof createECDH>): DhKeyPair {
  return {
    publicValue: plain(ecdh.getPublicKey()).slice(UNCOMPRESSED.length),
    sharedSecret(peerValue) {
      if (peerValue.length !== 2 * CURVES[name].coordinateLength) return undefined;
      try {
        return plain(ecdh.computeSecret(concat(UNCOMPRESSED, peerValue)));
      } catch (error) {
        if (isNotOnCurve(error)) return undefined;
        throw error;
      }
    },
  };
}

function isNotOnCurve(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === 'ERR_CRYPTO_ECDH_INVALID_PUBLIC_KEY';
}
