/** Which keys an ESP suite needs, and how they lie in KEYMAT: the cipher's first (RFC 2409 section 5.5, RFC 4106 section 8.1). */
import type { Bytes } from '../bytes/bytes.ts';
import { type EspSuite, GCM_SALT_LENGTH, HASH_LENGTH } from '../crypto/algorithms.ts';
import type { EspKeys } from './sa.ts';

/** Bytes of KEYMAT that one direction of an SA takes. */
export function keymatLength(suite: EspSuite): number {
  return suite.keyBits / 8 + saltLength(suite) + integrityLength(suite);
}

/** KEYMAT = encryption key | GCM salt, or encryption key | integrity key. */
export function splitKeymat(suite: EspSuite, keymat: Bytes): EspKeys {
  if (keymat.length !== keymatLength(suite)) throw new RangeError(`KEYMAT of ${keymat.length} bytes`);
  const saltAt = suite.keyBits / 8;
  const integrityAt = saltAt + saltLength(suite);
  return {
    encryption: keymat.slice(0, saltAt),
    salt: keymat.slice(saltAt, integrityAt),
    integrity: keymat.slice(integrityAt),
  };
}

function saltLength(suite: EspSuite): number {
  return suite.cipher === 'aes-gcm' ? GCM_SALT_LENGTH : 0;
}

function integrityLength(suite: EspSuite): number {
  return suite.integrity === undefined ? 0 : HASH_LENGTH[suite.integrity];
}
