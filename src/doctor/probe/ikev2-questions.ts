/** What the probe says in IKEv2: IKE_SA_INIT alone (RFC 7296 section 1.2), of which nothing but its beginning is ever used. */
import type { Bytes } from '../../core/bytes/bytes.ts';
import { isDhGroup } from '../../core/crypto/algorithms.ts';
import type { CryptoProvider } from '../../core/crypto/provider.ts';
import type { Endpoint } from '../../core/net/address.ts';
import { natDetectionHash } from '../../core/protection/ikev1-hashes.ts';
import {
  encodeIkev2Ke,
  encodeIkev2Notification,
  encodeIkev2Sa,
  IKEV2_VERSION,
  Ikev2Exchange,
  Ikev2Flag,
  Ikev2Notify,
  Ikev2Payload,
  type Ikev2Proposal,
  type Ikev2Transform,
  TransformType,
} from '../../core/wire/ikev2.ts';
import { COOKIE_LENGTH, encodeMessage, encodePayloads, firstPayload, type Payload } from '../../core/wire/isakmp.ts';
import { paddingText } from './ikev1-questions.ts';
import type { Question } from './question.ts';

export interface Ikev2Offer {
  readonly groups: readonly number[];
  readonly ciphers: readonly Cipher[];
  readonly integrities: readonly number[];
}

export interface Cipher {
  readonly id: number;
  readonly keyBits: number | undefined;
}

const GCM = 20;
const CHACHA20_POLY1305 = 28;
const AEADS: readonly number[] = [GCM, CHACHA20_POLY1305];
const AES_CBC = 12;

/** RFC 7296 section 3.3.2 and its registries. */
export const CIPHERS: readonly Cipher[] = [
  { id: GCM, keyBits: 256 },
  { id: GCM, keyBits: 128 },
  { id: CHACHA20_POLY1305, keyBits: undefined },
  { id: AES_CBC, keyBits: 256 },
  { id: AES_CBC, keyBits: 128 },
  { id: 3, keyBits: undefined },
];
export const DES: Cipher = { id: 2, keyBits: undefined };
/** SHA-2 of 256, 384 and 512 bits, SHA-1, MD5 */
export const INTEGRITIES: readonly number[] = [12, 13, 14, 2, 1];
/** SHA-2, SHA-1, MD5 */
const PRFS: readonly number[] = [5, 6, 7, 2, 1];
/** Of the elliptic curves and the groups modulo a prime those in use, best first. */
export const GROUPS: readonly number[] = [19, 31, 20, 21, 14, 15, 16, 17, 18, 24, 5, 2];
/** modp768. Nobody takes it, so a gateway that takes all else says which group it wants, and remembers nothing of us. */
export const UNWANTED_GROUP = 1;
const KE_LENGTHS: Readonly<Record<number, number>> = { 1: 96, 31: 32, 17: 768, 18: 1024, 24: 256 };

export const EVERYTHING: Ikev2Offer = { groups: GROUPS, ciphers: CIPHERS, integrities: INTEGRITIES };
/** With a KE payload of {@link UNWANTED_GROUP}, which must be among the groups (section 1.2). */
export const EVERYTHING_AND_UNWANTED: Ikev2Offer = { ...EVERYTHING, groups: [...GROUPS, UNWANTED_GROUP] };

const NONCE_LENGTH = 32;
const IKE_PROTOCOL = 1;
const NO_SPI = new Uint8Array(0);
/** RFC 7427 section 4: SHA-1 and SHA-2, two bytes each */
const SIGNATURE_HASHES = Uint8Array.of(0, 1, 0, 2, 0, 3, 0, 4);

export interface InitOptions {
  /** The group of the KE payload. */
  readonly group: number;
  readonly local: Endpoint;
  readonly remote: Endpoint;
  readonly padding?: number;
}

/** A question, and the same again with the cookie that a gateway asks for (section 2.6). */
export interface InitQuestion extends Question {
  withCookie(cookie: Bytes): Question;
}

export function initQuestion(crypto: CryptoProvider, offer: Ikev2Offer, options: InitOptions): InitQuestion {
  const spi = crypto.random(COOKIE_LENGTH);
  const payloads = [
    encodeIkev2Sa(proposalsOf(offer)),
    encodeIkev2Ke(options.group, publicValue(crypto, options.group)),
    { type: Ikev2Payload.NONCE, body: crypto.random(NONCE_LENGTH) },
    notification(Ikev2Notify.NAT_DETECTION_SOURCE_IP, endpointHash(crypto, spi, options.local)),
    notification(Ikev2Notify.NAT_DETECTION_DESTINATION_IP, endpointHash(crypto, spi, options.remote)),
    notification(Ikev2Notify.FRAGMENTATION_SUPPORTED, NO_SPI),
    notification(Ikev2Notify.SIGNATURE_HASH_ALGORITHMS, SIGNATURE_HASHES),
    ...(options.padding ? [{ type: Ikev2Payload.V, body: paddingText(options.padding) }] : []),
  ];
  const says = `IKEv2 IKE_SA_INIT, ${offer.groups.length} groups, KE of group ${options.group}`;
  const question = (all: readonly Payload[], more: string): Question => {
    return { version: 2, initiatorCookie: spi, bytes: encode(spi, all), says: `${says}${more}` };
  };
  return {
    ...question(payloads, options.padding ? ', padded' : ''),
    withCookie: (cookie) => question([notification(Ikev2Notify.COOKIE, cookie), ...payloads], ', with its cookie'),
  };
}

/** Whether the probe can send a public value of `group` that is one. */
export function canBegin(group: number): boolean {
  return isDhGroup(group) || group in KE_LENGTHS;
}

function proposalsOf({ groups, ciphers, integrities }: Ikev2Offer): Ikev2Proposal[] {
  const both = [...simple(TransformType.PRF, PRFS), ...simple(TransformType.KE, groups)];
  const aeads = ciphers.filter(({ id }) => AEADS.includes(id));
  const others = ciphers.filter(({ id }) => !AEADS.includes(id));
  // combined modes go without integrity, so they are a proposal of their own (section 3.3)
  const kinds = [
    ...(aeads.length > 0 ? [[...aeads.map(cipherTransform), ...both]] : []),
    ...(others.length > 0
      ? [[...others.map(cipherTransform), ...simple(TransformType.INTEG, integrities), ...both]]
      : []),
  ];
  return kinds.map((transforms, i) => ({ number: i + 1, protocol: IKE_PROTOCOL, spi: NO_SPI, transforms }));
}

function cipherTransform({ id, keyBits }: Cipher): Ikev2Transform {
  return { type: TransformType.ENCR, id, keyBits };
}

function simple(type: number, ids: readonly number[]): Ikev2Transform[] {
  return ids.map((id) => ({ type, id, keyBits: undefined }));
}

/** No secret is ever made of it, so where a random number is a public value one is taken. */
function publicValue(crypto: CryptoProvider, group: number): Bytes {
  if (isDhGroup(group)) return crypto.generateDh(group).publicValue;
  const length = KE_LENGTHS[group];
  if (length === undefined) throw new RangeError(`no public value of group ${group}`);
  const value = crypto.random(length);
  // below the prime, all of which begin with ones; as a number on Curve25519 any will do
  value[0]! &= 0x7f;
  return value;
}

function notification(type: number, data: Bytes): Payload {
  return encodeIkev2Notification({ protocol: 0, spi: NO_SPI, type, data });
}

/** Section 2.23; the responder's SPI isn't known yet, and so zero. */
function endpointHash(crypto: CryptoProvider, spi: Bytes, endpoint: Endpoint): Bytes {
  return natDetectionHash(crypto, 'sha1', spi, new Uint8Array(COOKIE_LENGTH), endpoint);
}

function encode(initiatorCookie: Bytes, payloads: readonly Payload[]): Bytes {
  const header = {
    initiatorCookie,
    responderCookie: new Uint8Array(COOKIE_LENGTH),
    nextPayload: firstPayload(payloads),
    version: IKEV2_VERSION,
    exchangeType: Ikev2Exchange.IKE_SA_INIT,
    flags: Ikev2Flag.INITIATOR,
    messageId: 0,
  };
  return encodeMessage(header, encodePayloads(payloads));
}
