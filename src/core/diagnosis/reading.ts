/** What is needed beside the bytes to read more of them: cryptography, keys, and a reader of certificates. */
import type { Bytes } from '../bytes/bytes.ts';
import type { CryptoProvider } from '../crypto/provider.ts';
import { type KeyTable, NO_KEYS } from './keys.ts';

/** What a certificate says, in words and times. */
export interface CertificateFacts {
  readonly subject: string;
  readonly issuer: string;
  readonly isSelfIssued: boolean;
  /** Unix milliseconds. */
  readonly notBefore: number;
  readonly notAfter: number;
  /** Alternative names and the common name. */
  readonly names: readonly string[];
  /** OIDs of its extended key usage; undefined: every purpose. */
  readonly purposes: readonly string[] | undefined;
}

export interface Reading {
  /** Finds NATs by the hashes of addresses, and opens what keys are known for. */
  readonly crypto?: CryptoProvider | undefined;
  readonly keys: KeyTable;
  /** Undefined: what the bytes hold is no certificate. Never throws. */
  readonly certificate?: ((der: Bytes) => CertificateFacts | undefined) | undefined;
}

export const PLAIN_READING: Reading = { keys: NO_KEYS };
