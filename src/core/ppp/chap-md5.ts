/** CHAP with MD5, RFC 1994 section 4.1: response = MD5(identifier | secret | challenge). */
import { type Bytes, constantTimeEqual } from '../bytes/bytes.ts';
import type { CryptoProvider } from '../crypto/provider.ts';

/** What one login is over. */
export interface ChapMd5Exchange {
  readonly identifier: number;
  readonly challenge: Bytes;
  readonly response: Bytes;
}

/** @param secret the password in UTF-8 */
export function chapMd5(crypto: CryptoProvider, identifier: number, secret: Bytes, challenge: Bytes): Bytes {
  return crypto.hash('md5', Uint8Array.of(identifier), secret, challenge);
}

/** Whether the response was made with this secret. */
export function checkChapMd5(crypto: CryptoProvider, secret: Bytes, exchange: ChapMd5Exchange): boolean {
  const { identifier, challenge, response } = exchange;
  return constantTimeEqual(chapMd5(crypto, identifier, secret, challenge), response);
}
