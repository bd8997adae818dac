/** What a gateway makes of an answer to its challenge, if it knows the password. */
import { utf8 } from '../../../src/core/bytes/text.ts';
import type { CryptoProvider } from '../../../src/core/crypto/provider.ts';
import { checkChapMd5 } from '../../../src/core/ppp/chap-md5.ts';
import type { ChapProof } from '../../../src/core/ppp/login.ts';
import { checkMsChapV2, ntPasswordHash } from '../../../src/core/ppp/ms-chap-v2.ts';

export function checkChap(
  crypto: CryptoProvider,
  proof: ChapProof,
  password: string | undefined,
): { readonly ok: boolean; readonly response: string | undefined } {
  if (password === undefined) return { ok: false, response: undefined };
  if (proof.method === 'chap-md5') {
    return { ok: checkChapMd5(crypto, utf8(password), proof.exchange), response: undefined };
  }
  const response = checkMsChapV2(crypto, ntPasswordHash(password), proof.exchange);
  return { ok: response !== undefined, response };
}
