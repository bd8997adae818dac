/**
 * Encryption of IKEv1 messages, RFC 2409 Appendix B: CBC over everything behind the ISAKMP header.
 *
 * An IV chain is a plain value. Within phase 1, and within each later exchange (message ID), a message's IV is the last
 * ciphertext block of the message before it, whichever side sent that. The caller keeps `nextIv`, and for received messages
 * only once the message proved authentic.
 */
import { type Bytes, concat, u32 } from '../bytes/bytes.ts';
import { BLOCK_LENGTH } from '../crypto/algorithms.ts';
import type { CryptoProvider } from '../crypto/provider.ts';
import type { IsakmpKeys } from './ikev1-keys.ts';

/**
 * IV = hash(last phase 1 block | M-ID), its first bytes: for the first message of every exchange under a finished phase 1.
 * `phase1Iv` is the `nextIv` that phase 1 ended with; in aggressive mode without encrypted messages it is `initialIv`.
 */
export function phase2Iv(crypto: CryptoProvider, keys: IsakmpKeys, phase1Iv: Bytes, messageId: number): Bytes {
  return crypto.hash(keys.hash, phase1Iv, u32(messageId)).slice(0, BLOCK_LENGTH[keys.cipher]);
}

/** Encrypts a payload chain, with zeros behind it up to a whole block. The message length counts them. */
export function encryptBody(
  crypto: CryptoProvider,
  keys: IsakmpKeys,
  iv: Bytes,
  payloads: Bytes,
): { body: Bytes; nextIv: Bytes } {
  const blockLength = BLOCK_LENGTH[keys.cipher];
  const padding = new Uint8Array((blockLength - (payloads.length % blockLength)) % blockLength);
  const body = crypto.cbcEncrypt(keys.cipher, keys.cipherKey, iv, concat(payloads, padding));
  return { body, nextIv: body.slice(-blockLength) };
}

/** The payload chain with its padding. Undefined when `body` is empty or not whole blocks. */
export function decryptBody(
  crypto: CryptoProvider,
  keys: IsakmpKeys,
  iv: Bytes,
  body: Bytes,
): { payloads: Bytes; nextIv: Bytes } | undefined {
  const blockLength = BLOCK_LENGTH[keys.cipher];
  if (body.length === 0 || body.length % blockLength !== 0) return undefined;
  return {
    payloads: crypto.cbcDecrypt(keys.cipher, keys.cipherKey, iv, body),
    nextIv: body.slice(-blockLength),
  };
}
