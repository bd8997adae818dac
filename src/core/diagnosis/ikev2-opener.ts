/** Opens the SK payloads of one IKEv2 negotiation whose keys are known, RFC 7296 section 3.14, and fragments of RFC 7383. */
import { type Bytes, concat, readU16 } from '../bytes/bytes.ts';
import { MalformedError } from '../bytes/reader.ts';
import { BLOCK_LENGTH, GCM_SALT_LENGTH, GCM_TAG_LENGTH } from '../crypto/algorithms.ts';
import type { CryptoProvider } from '../crypto/provider.ts';
import { Ikev2Payload, parseIkev2Payloads } from '../wire/ikev2.ts';
import { ISAKMP_HEADER_LENGTH, PAYLOAD_HEADER_LENGTH, type Payload } from '../wire/isakmp.ts';
import { type IkeHead, isFromInitiator } from './ike-datagram.ts';
import type { Ikev2Keys } from './keys.ts';

const FRAGMENT_HEADER = 4;
const GCM_IV = 8;
/** Our own limits on fragments of one message. */
export const MAX_PIECES = 64;

/** Bytes that integrity takes at the end, by a piece of its name in the tables. */
const MAC_LENGTHS: readonly (readonly [name: string, length: number])[] = [
  ['SHA2_512', 32],
  ['SHA2_384', 24],
  ['SHA2_256', 16],
  ['SHA1', 12],
  ['MD5', 12],
  ['XCBC', 12],
  ['CMAC', 12],
];

export class Ikev2Opener {
  readonly #crypto: CryptoProvider;
  readonly #keys: Ikev2Keys;
  #pieces: { readonly key: string; readonly first: number; readonly parts: Map<number, Bytes> } | undefined;

  constructor(crypto: CryptoProvider, keys: Ikev2Keys) {
    this.#crypto = crypto;
    this.#keys = keys;
  }

  /** The payloads inside; undefined: the keys don't open it, or its other fragments haven't come yet. */
  open(head: IkeHead, message: Bytes): Payload[] | undefined {
    const next = message[ISAKMP_HEADER_LENGTH];
    if (next === undefined) return undefined;
    if (head.firstPayload === Ikev2Payload.SK)
      return chainIn(next, this.#decrypt(head, message, PAYLOAD_HEADER_LENGTH));
    return head.firstPayload === Ikev2Payload.SKF ? this.#openPiece(head, message, next) : undefined;
  }

  #openPiece(head: IkeHead, message: Bytes, next: number): Payload[] | undefined {
    const at = ISAKMP_HEADER_LENGTH + PAYLOAD_HEADER_LENGTH;
    if (message.length < at + FRAGMENT_HEADER) return undefined;
    const [number, total] = [readU16(message, at), readU16(message, at + 2)];
    const plain = this.#decrypt(head, message, PAYLOAD_HEADER_LENGTH + FRAGMENT_HEADER);
    if (!plain || number < 1 || number > total || total > MAX_PIECES) return undefined;
    const key = `${head.messageId} ${head.flags} ${total}`;
    if (this.#pieces?.key !== key) this.#pieces = { key, first: 0, parts: new Map() };
    if (number === 1) this.#pieces = { ...this.#pieces, first: next };
    this.#pieces.parts.set(number, plain);
    const { first, parts } = this.#pieces;
    if (parts.size < total) return undefined;
    this.#pieces = undefined;
    return chainIn(first, concat(...Array.from({ length: total }, (_, i) => parts.get(i + 1)!)));
  }

  /** @param before bytes between the header of the message and the IV */
  #decrypt(head: IkeHead, message: Bytes, before: number): Bytes | undefined {
    const key = this.#keys.encryption[isFromInitiator(head) ? 0 : 1];
    const start = ISAKMP_HEADER_LENGTH + before;
    const plain = this.#keys.cipher.includes('GCM') ? this.#gcm(key, message, start) : this.#cbc(key, message, start);
    const pad = plain?.at(-1);
    return plain && pad !== undefined && pad < plain.length ? plain.subarray(0, plain.length - 1 - pad) : undefined;
  }

  #cbc(key: Bytes, message: Bytes, start: number): Bytes | undefined {
    const cipher =
      this.#keys.cipher.includes('3DES') || this.#keys.cipher.includes('TripleDES') ? '3des-cbc' : 'aes-cbc';
    const lengths = cipher === 'aes-cbc' ? [16, 24, 32] : [24];
    const block = BLOCK_LENGTH[cipher];
    const mac = MAC_LENGTHS.find(([name]) => this.#keys.mac.includes(name))?.[1];
    if (mac === undefined || !lengths.includes(key.length)) return undefined;
    const data = message.subarray(start + block, Math.max(start + block, message.length - mac));
    if (data.length === 0 || data.length % block !== 0) return undefined;
    return this.#crypto.cbcDecrypt(cipher, key, message.subarray(start, start + block), data);
  }

  #gcm(key: Bytes, message: Bytes, start: number): Bytes | undefined {
    const cipherKey = key.subarray(0, key.length - GCM_SALT_LENGTH);
    if (![16, 24, 32].includes(cipherKey.length) || message.length < start + GCM_IV + GCM_TAG_LENGTH) return undefined;
    const nonce = concat(key.subarray(-GCM_SALT_LENGTH), message.subarray(start, start + GCM_IV));
    return this.#crypto.gcmOpen(cipherKey, nonce, message.subarray(0, start), message.subarray(start + GCM_IV));
  }
}

function chainIn(first: number, bytes: Bytes | undefined): Payload[] | undefined {
  if (!bytes) return undefined;
  try {
    return parseIkev2Payloads(first, bytes);
  } catch (error) {
    if (error instanceof MalformedError) return undefined;
    throw error;
  }
}
