/** MS-CHAPv2, RFC 2759 section 8: who knows the NT hash of the password, on both sides. */
import { type Bytes, concat, constantTimeEqual } from '../bytes/bytes.ts';
import { toHex, utf8 } from '../bytes/text.ts';
import { md4 } from '../crypto/md4.ts';
import type { CryptoProvider } from '../crypto/provider.ts';

/** What one login is over. The name is as the peer sent it, without a domain. */
export interface MsChapV2Exchange {
  readonly authenticatorChallenge: Bytes;
  readonly peerChallenge: Bytes;
  readonly ntResponse: Bytes;
  readonly name: string;
}

/** Of either side's challenge, section 4. */
export const CHALLENGE_LENGTH = 16;

const MAGIC_1 = utf8('Magic server to client signing constant');
const MAGIC_2 = utf8('Pad to make it do more than one iteration');

/** NtPasswordHash: MD4 of the password in UTF-16, low byte first. */
export function ntPasswordHash(password: string): Bytes {
  const bytes = new Uint8Array(password.length * 2);
  for (let i = 0; i < password.length; i++) {
    bytes[2 * i] = password.charCodeAt(i);
    bytes[2 * i + 1] = password.charCodeAt(i) >>> 8;
  }
  return md4(bytes);
}

/** GenerateNTResponse, from the hash on. */
export function ntResponse(crypto: CryptoProvider, hash: Bytes, exchange: Omit<MsChapV2Exchange, 'ntResponse'>): Bytes {
  const challenge = challengeHash(crypto, exchange);
  const padded = concat(hash, new Uint8Array(5));
  const parts = [0, 7, 14].map((at) => desEncrypt(crypto, padded.subarray(at, at + 7), challenge));
  return concat(...parts);
}

/** The authenticator's response if the peer's is right ("S=" and 40 digits); undefined: wrong. */
export function checkMsChapV2(crypto: CryptoProvider, hash: Bytes, exchange: MsChapV2Exchange): string | undefined {
  if (!constantTimeEqual(ntResponse(crypto, hash, exchange), exchange.ntResponse)) return undefined;
  return authenticatorResponse(crypto, hash, exchange);
}

/** CheckAuthenticatorResponse: whether what came with a Success ("S=..." and more) is from who knows the hash. */
export function provesHash(crypto: CryptoProvider, hash: Bytes, exchange: MsChapV2Exchange, said: string): boolean {
  const expected = authenticatorResponse(crypto, hash, exchange);
  return constantTimeEqual(utf8(said.slice(0, expected.length).toUpperCase()), utf8(expected));
}

/** "DOMAIN\name": the domain is Windows' own affair (section 4). */
export function withoutDomain(name: string): string {
  return name.slice(name.lastIndexOf('\\') + 1);
}

/** GenerateAuthenticatorResponse: proves to the peer that we know the hash, too. */
function authenticatorResponse(crypto: CryptoProvider, hash: Bytes, exchange: MsChapV2Exchange): string {
  const digest = crypto.hash('sha1', md4(hash), exchange.ntResponse, MAGIC_1);
  const response = crypto.hash('sha1', digest, challengeHash(crypto, exchange), MAGIC_2);
  return `S=${toHex(response).toUpperCase()}`;
}

/** ChallengeHash: the first 8 bytes of SHA-1 over both challenges and the name. */
function challengeHash(
  crypto: CryptoProvider,
  { peerChallenge, authenticatorChallenge, name }: Omit<MsChapV2Exchange, 'ntResponse'>,
): Bytes {
  return crypto.hash('sha1', peerChallenge, authenticatorChallenge, utf8(name)).subarray(0, 8);
}

/** DES of one block: triple DES with one key three times over. */
function desEncrypt(crypto: CryptoProvider, key56: Bytes, block: Bytes): Bytes {
  const key = withParityBits(key56);
  return crypto.cbcEncrypt('3des-cbc', concat(key, key, key), new Uint8Array(8), block);
}

/** 56 bits as 8 bytes of 7; the eighth bit of each is of no account. */
function withParityBits(key56: Bytes): Bytes {
  return Uint8Array.from({ length: 8 }, (_, i) => {
    const [high, low] = [i > 0 ? key56[i - 1]! : 0, i < 7 ? key56[i]! : 0];
    return ((high << (8 - i)) | (low >>> i)) & 0xfe;
  });
}
