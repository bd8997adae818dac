/** Hides a password as Cisco's client does; the other way round is what is tested. */
import { createCipheriv } from 'node:crypto';
import { secretKey } from '../../../src/config/profile/cisco-secret.ts';
import { nodeCrypto } from '../../../src/host/crypto/node-crypto.ts';

export function hideSecret(
  secret: string | Uint8Array,
  seed: Uint8Array<ArrayBuffer> = new Uint8Array(20).fill(7),
): string {
  const cipher = createCipheriv('des-ede3-cbc', secretKey(seed, nodeCrypto), seed.subarray(0, 8));
  const hidden = Uint8Array.from(Buffer.concat([cipher.update(Buffer.from(secret)), cipher.final()]));
  return Buffer.concat([seed, nodeCrypto.hash('sha1', hidden), hidden])
    .toString('hex')
    .toUpperCase();
}
