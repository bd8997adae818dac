/**
 * What the secret of a tunnel is for, RFC 2661: each end may have the other prove that it knows it (section 5.1.1), and values of
 * AVPs may be hidden with it (section 4.3). Inside IPsec neither is needed; some LACs want it all the same.
 */
import { type Bytes, constantTimeEqual, u16 } from '../bytes/bytes.ts';
import { Reader } from '../bytes/reader.ts';
import type { CryptoProvider } from '../crypto/provider.ts';

export const CHALLENGE_LENGTH = 16;
const BLOCK_LENGTH = 16;

export class TunnelSecret {
  readonly #crypto: CryptoProvider;
  readonly #secret: Bytes;

  constructor(crypto: CryptoProvider, secret: Bytes) {
    this.#crypto = crypto;
    this.#secret = secret;
  }

  newChallenge(): Bytes {
    return this.#crypto.random(CHALLENGE_LENGTH);
  }

  /** Challenge Response as `messageType` carries it: MD5(message type, one byte | secret | challenge). */
  respond(messageType: number, challenge: Bytes): Bytes {
    return this.#crypto.hash('md5', Uint8Array.of(messageType), this.#secret, challenge);
  }

  proves(messageType: number, challenge: Bytes, response: Bytes | undefined): boolean {
    return response !== undefined && constantTimeEqual(this.respond(messageType, challenge), response);
  }

  /**
   * The value of a hidden AVP; undefined: it was hidden with another secret.
   *
   *     b(1) = MD5(attribute type, two bytes | secret | random vector), p(1) = c(1) xor b(1)
   *     b(i) = MD5(secret | c(i-1)), p(i) = c(i) xor b(i)             p = | length | value | padding |
   */
  unhide(type: number, randomVector: Bytes, hidden: Bytes): Bytes | undefined {
    const plain = hidden.slice();
    let pad = this.#crypto.hash('md5', u16(type), this.#secret, randomVector);
    for (let at = 0; at < hidden.length; at += BLOCK_LENGTH) {
      const block = hidden.subarray(at, at + BLOCK_LENGTH);
      for (let i = 0; i < block.length; i++) plain[at + i]! ^= pad[i]!;
      pad = this.#crypto.hash('md5', this.#secret, block);
    }
    const r = new Reader(plain, 'hidden AVP');
    if (r.remaining < 2) return undefined;
    const length = r.u16();
    return length <= r.remaining ? r.bytes(length) : undefined;
  }
}
