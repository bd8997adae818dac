/** CHAP with MD5, RFC 1994 section 4.1: response = MD5(identifier | secret | challenge). */
import type { Bytes } from '../bytes/bytes.ts';
import { utf8 } from '../bytes/text.ts';
import type { CryptoProvider } from '../crypto/provider.ts';

/** The secret is the password in UTF-8. */
export function chapMd5(crypto: CryptoProvider, identifier: number, secret: string, challenge: Bytes): Bytes {
  return crypto.hash('md5', Uint8Array.of(identifier), utf8(secret), challenge);
}
