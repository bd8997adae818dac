/** Opens the encrypted messages of one IKEv1 negotiation whose key is known. */
import { type Bytes, EMPTY } from '../bytes/bytes.ts';
import { MalformedError } from '../bytes/reader.ts';
import { BLOCK_LENGTH, type CbcCipher, type HashName } from '../crypto/algorithms.ts';
import type { CryptoProvider } from '../crypto/provider.ts';
import { decryptBody, phase2Iv } from '../protection/ikev1-cipher.ts';
import type { IsakmpKeys } from '../protection/ikev1-keys.ts';
import { ISAKMP_HEADER_LENGTH, type Payload, PayloadType, parsePayloads } from '../wire/isakmp.ts';
import type { IkeHead } from './ike-datagram.ts';
import { readIkev1Offer, type Suite } from './offer.ts';

const HASHES: readonly HashName[] = ['md5', 'sha1', 'sha256', 'sha384', 'sha512'];
/** Our own limit on the exchanges whose IVs are kept. */
export const MAX_CHAINS = 256;

export class Ikev1Opener {
  readonly #crypto: CryptoProvider;
  readonly #cipherKey: Bytes;
  readonly #publics: Bytes[] = [];
  readonly #ivs = new Map<number, Bytes>();
  #suite: Suite | undefined;
  #keys: IsakmpKeys | undefined;
  /** Ends phase 1's chain: IVs of all later exchanges begin from it. */
  #phase1Iv: Bytes | undefined;

  constructor(crypto: CryptoProvider, cipherKey: Bytes) {
    this.#crypto = crypto;
    this.#cipherKey = cipherKey;
  }

  /** Takes from a message in clear what the keys depend on: the choice, and both public values, in order. */
  note(head: IkeHead, message: Bytes): void {
    const payloads = chainIn(head.firstPayload, message.subarray(ISAKMP_HEADER_LENGTH));
    for (const { type, body } of payloads ?? []) {
      if (type === PayloadType.KE && this.#publics.length < 2) this.#publics.push(body.slice());
      if (type === PayloadType.SA && head.responderCookie !== undefined) this.#suite ??= suiteIn(body);
    }
  }

  /** The payloads inside; undefined: the key doesn't open it, or phase 1 wasn't seen. */
  open(head: IkeHead, message: Bytes): Payload[] | undefined {
    const keys = this.#ready();
    if (!keys || !this.#phase1Iv) return undefined;
    const iv =
      head.messageId === 0
        ? this.#phase1Iv
        : (this.#ivs.get(head.messageId) ?? phase2Iv(this.#crypto, keys, this.#phase1Iv, head.messageId));
    const opened = decryptBody(this.#crypto, keys, iv, message.subarray(ISAKMP_HEADER_LENGTH));
    const payloads = opened && chainIn(head.firstPayload, opened.payloads);
    if (!opened || !payloads) return undefined;
    if (head.messageId === 0) this.#phase1Iv = opened.nextIv;
    else this.#keepIv(head.messageId, opened.nextIv);
    return payloads;
  }

  #keepIv(messageId: number, iv: Bytes): void {
    this.#ivs.set(messageId, iv);
    if (this.#ivs.size > MAX_CHAINS) this.#ivs.delete(this.#ivs.keys().next().value!);
  }

  #ready(): IsakmpKeys | undefined {
    const [initiator, responder] = this.#publics;
    if (this.#keys || !this.#suite || !initiator || !responder) return this.#keys;
    const hash = HASHES.find((name) => name === this.#suite?.integrity[0]);
    const cipher = cipherOf(this.#suite.encryption[0] ?? '', this.#cipherKey.length);
    if (!hash || !cipher) return undefined;
    this.#keys = { hash, cipher, cipherKey: this.#cipherKey, skeyidD: EMPTY, skeyidA: EMPTY };
    this.#phase1Iv = this.#crypto.hash(hash, initiator, responder).slice(0, BLOCK_LENGTH[cipher]);
    return this.#keys;
  }
}

function suiteIn(body: Bytes): Suite | undefined {
  try {
    return readIkev1Offer(body)[0];
  } catch (error) {
    if (error instanceof MalformedError) return undefined;
    throw error;
  }
}

function cipherOf(name: string, keyLength: number): CbcCipher | undefined {
  if (name === '3des') return keyLength === 24 ? '3des-cbc' : undefined;
  return name.startsWith('aes') && [16, 24, 32].includes(keyLength) ? 'aes-cbc' : undefined;
}

function chainIn(first: number, bytes: Bytes): Payload[] | undefined {
  try {
    return parsePayloads(first, bytes).payloads;
  } catch (error) {
    if (error instanceof MalformedError) return undefined;
    throw error;
  }
}
