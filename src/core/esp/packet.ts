/**
 * An ESP packet, RFC 4303 section 2, and how long its parts are.
 *
 *     | SPI (4) | sequence (4) | IV | payload | padding | pad length (1) | next header (1) | ICV |
 *                                   |-------------------- encrypted --------------------|
 *
 * With CBC the ICV is an HMAC over all before it. With GCM it is the tag, with SPI and sequence as the additional data
 * (RFC 4106 section 5; extended sequence numbers are not spoken here).
 */
import { type Bytes, concat } from '../bytes/bytes.ts';
import { BLOCK_LENGTH, type EspSuite, GCM_TAG_LENGTH, ICV_LENGTH } from '../crypto/algorithms.ts';
import type { CryptoProvider } from '../crypto/provider.ts';
import type { EspKeys } from './sa.ts';

/** What sealing and opening need to know of one direction of an SA. */
export interface EspContext {
  readonly spi: number;
  readonly suite: EspSuite;
  readonly keys: EspKeys;
}

/** SPI and sequence number. */
export const ESP_HEADER_LENGTH = 8;
export const SEQUENCE_OFFSET = 4;
/** Pad length and next header. */
export const ESP_TRAILER_LENGTH = 2;
/** RFC 4106 section 3.1. Behind the salt it makes the nonce, so it must never repeat under one key. */
const GCM_IV_LENGTH = 8;

/** CBC: one block (RFC 3602 section 3, RFC 2451 section 3). */
export function ivLength({ cipher }: EspSuite): number {
  return cipher === 'aes-gcm' ? GCM_IV_LENGTH : BLOCK_LENGTH[cipher];
}

export function icvLength({ integrity }: EspSuite): number {
  return integrity === undefined ? GCM_TAG_LENGTH : ICV_LENGTH[integrity];
}

/** What payload, padding and trailer together are a multiple of: the cipher's block, at least 4 (RFC 4303 section 2.4). */
export function alignment({ cipher }: EspSuite): number {
  return cipher === 'aes-gcm' ? 4 : BLOCK_LENGTH[cipher];
}

/** The default padding 1, 2, 3 ... (RFC 4303 section 2.4). */
export function padding(length: number): Bytes {
  return Uint8Array.from({ length }, (_, i) => i + 1);
}

/** nonce = salt | IV (RFC 4106 section 4) */
export function gcmNonce({ keys }: EspContext, iv: Bytes): Bytes {
  return concat(keys.salt, iv);
}

/** The first bytes of HMAC(SPI | sequence | IV | ciphertext): RFC 2403, 2404, 4868. */
export function hmacIcv(crypto: CryptoProvider, { suite, keys }: EspContext, authenticated: Bytes): Bytes {
  const hash = suite.integrity!;
  return crypto.hmac(hash, keys.integrity, authenticated).subarray(0, ICV_LENGTH[hash]);
}
