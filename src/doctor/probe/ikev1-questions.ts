/** What the probe says in IKEv1: offers that find out much with few messages, and the messages that carry them. */
import { type Bytes, concat } from '../../core/bytes/bytes.ts';
import { fromHex, toHex, utf8 } from '../../core/bytes/text.ts';
import type { DhGroup } from '../../core/crypto/algorithms.ts';
import type { CryptoProvider } from '../../core/crypto/provider.ts';
import { NAT_T_PREFERENCE, VendorId } from '../../core/ike/vendor-ids.ts';
import {
  Authentication,
  encodeId,
  encodeSa,
  IdType,
  KEY_IKE,
  LifeType,
  numericAttribute,
  Phase1Attribute,
  Phase1Encryption,
  Phase1Hash,
  type Proposal,
  Protocol,
  type Transform,
} from '../../core/wire/ikev1.ts';
import {
  COOKIE_LENGTH,
  ExchangeType,
  encodeMessage,
  encodePayloads,
  firstPayload,
  IKEV1_VERSION,
  type Payload,
  PayloadType,
} from '../../core/wire/isakmp.ts';
import type { Question } from './question.ts';

export interface Phase1Item {
  readonly encryption: number;
  readonly keyBits?: number;
  readonly hash: number;
  readonly group: number;
}

export interface Phase1Offer {
  readonly name: 'all' | 'modern' | 'aged' | 'broken';
  readonly items: readonly Phase1Item[];
  readonly authentications: readonly number[];
}

const aes256 = (hash: number, group: number) => ({ encryption: Phase1Encryption.AES_CBC, keyBits: 256, hash, group });
const aes128 = (hash: number, group: number) => ({ encryption: Phase1Encryption.AES_CBC, keyBits: 128, hash, group });
const tripleDes = (hash: number, group: number) => ({ encryption: Phase1Encryption.TRIPLE_DES_CBC, hash, group });
const des = (hash: number, group: number) => ({ encryption: Phase1Encryption.DES_CBC, hash, group });
const { MD5, SHA1, SHA2_256, SHA2_384, SHA2_512 } = Phase1Hash;
const { PSK, RSA_SIG, XAUTH_INIT_PSK } = Authentication;

const MODERN: readonly Phase1Item[] = [
  aes256(SHA2_256, 14),
  aes128(SHA2_256, 14),
  aes256(SHA2_256, 19),
  aes256(SHA2_384, 20),
  aes256(SHA1, 14),
  aes128(SHA1, 14),
];

/** So few that the message stays below the least MTU of IPv6, 1280 bytes: it must not be a fragment itself. */
export const ALL: Phase1Offer = {
  name: 'all',
  items: [...MODERN, aes256(SHA1, 2), tripleDes(SHA1, 2), tripleDes(SHA1, 14)],
  authentications: [PSK, XAUTH_INIT_PSK, RSA_SIG],
};
export const ONLY_MODERN: Phase1Offer = {
  name: 'modern',
  items: [...MODERN, aes128(SHA2_256, 19), aes256(SHA2_512, 16), aes256(SHA2_256, 15)],
  authentications: [PSK, XAUTH_INIT_PSK, RSA_SIG],
};
export const ONLY_AGED: Phase1Offer = {
  name: 'aged',
  items: [
    tripleDes(SHA1, 2),
    tripleDes(MD5, 2),
    aes128(SHA1, 2),
    aes256(SHA1, 2),
    aes128(MD5, 2),
    aes256(SHA1, 5),
    tripleDes(SHA1, 5),
    tripleDes(MD5, 5),
  ],
  authentications: [PSK, XAUTH_INIT_PSK, RSA_SIG],
};
/** What nobody should take: single DES, and the group of 768 bits. */
export const ONLY_BROKEN: Phase1Offer = {
  name: 'broken',
  items: [des(SHA1, 1), des(MD5, 1), des(SHA1, 2), des(MD5, 2), tripleDes(MD5, 1), tripleDes(SHA1, 1)],
  authentications: [PSK, XAUTH_INIT_PSK, RSA_SIG],
};

const AGGRESSIVE_ALGORITHMS: readonly ((group: number) => Phase1Item)[] = [
  (group) => aes256(SHA2_256, group),
  (group) => aes256(SHA1, group),
  (group) => aes128(SHA1, group),
  (group) => aes256(MD5, group),
  (group) => tripleDes(SHA1, group),
  (group) => tripleDes(MD5, group),
];

/** Seconds; a gateway that insists on naming one finds it. */
const LIFETIME = 28_800;
const NONCE_LENGTH = 20;
const NO_COOKIE = new Uint8Array(COOKIE_LENGTH);

export function mainModeQuestion(crypto: CryptoProvider, offer: Phase1Offer, padding = 0): Question {
  const transforms = offer.authentications.flatMap((authentication) =>
    offer.items.map((item) => ({ item, authentication })),
  );
  const payloads = [encodeSa(proposals(transforms)), ...vendorPayloads(), ...paddingPayloads(padding)];
  return message(crypto, ExchangeType.IDENTITY_PROTECTION, payloads, `main mode, ${transforms.length} transforms`);
}

/** By secret, with XAUTH and without: strongSwan takes the first that it knows, and then looks for a connection that has it. */
export const AGGRESSIVE_AUTHENTICATIONS: readonly number[] = [XAUTH_INIT_PSK, PSK];

/** With the name of a group that nobody has. `group`: of Diffie-Hellman; there is one in aggressive mode. */
export function aggressiveQuestion(crypto: CryptoProvider, group: DhGroup, authentication: number): Question {
  const transforms = AGGRESSIVE_ALGORITHMS.map((algorithms) => ({ item: algorithms(group), authentication }));
  const name = `sallyport-doctor-${toHex(crypto.random(4))}`;
  const payloads = [
    encodeSa(proposals(transforms)),
    { type: PayloadType.KE, body: crypto.generateDh(group).publicValue },
    { type: PayloadType.NONCE, body: crypto.random(NONCE_LENGTH) },
    encodeId({ type: IdType.KEY_ID, protocol: 0, port: 0, data: utf8(name) }),
    ...vendorPayloads(),
  ];
  return message(crypto, ExchangeType.AGGRESSIVE, payloads, `aggressive mode as group '${name}'`);
}

export interface Continuation {
  readonly initiatorCookie: Bytes;
  readonly responderCookie: Bytes;
  readonly group: DhGroup;
  /** NAT-D payloads: of the gateway first, then of us. */
  readonly natDetection: readonly Payload[];
}

/** Main mode's third message: it makes the gateway say what it sees of our address. */
export function natDetectionQuestion(crypto: CryptoProvider, continuation: Continuation): Question {
  const { initiatorCookie, responderCookie, group, natDetection } = continuation;
  const payloads = [
    { type: PayloadType.KE, body: crypto.generateDh(group).publicValue },
    { type: PayloadType.NONCE, body: crypto.random(NONCE_LENGTH) },
    ...natDetection,
  ];
  return {
    version: 1,
    initiatorCookie,
    bytes: encode(ExchangeType.IDENTITY_PROTECTION, initiatorCookie, responderCookie, payloads),
    says: 'main mode, third message with NAT-D',
  };
}

function proposals(transforms: readonly { readonly item: Phase1Item; readonly authentication: number }[]): Proposal[] {
  return [
    {
      number: 1,
      protocol: Protocol.ISAKMP,
      spi: new Uint8Array(0),
      transforms: transforms.map(({ item, authentication }, i) => transform(item, authentication, i + 1)),
    },
  ];
}

function transform(item: Phase1Item, authentication: number, number: number): Transform {
  return {
    number,
    id: KEY_IKE,
    attributes: [
      numericAttribute(Phase1Attribute.ENCRYPTION, item.encryption),
      ...(item.keyBits === undefined ? [] : [numericAttribute(Phase1Attribute.KEY_LENGTH, item.keyBits)]),
      numericAttribute(Phase1Attribute.HASH, item.hash),
      numericAttribute(Phase1Attribute.GROUP, item.group),
      numericAttribute(Phase1Attribute.AUTHENTICATION, authentication),
      numericAttribute(Phase1Attribute.LIFE_TYPE, LifeType.SECONDS),
      numericAttribute(Phase1Attribute.LIFE_DURATION, LIFETIME),
    ],
  };
}

function vendorPayloads(): Payload[] {
  const fragmentation = concat(VendorId.FRAGMENTATION, fromHex('80000000'));
  return [...NAT_T_PREFERENCE, VendorId.XAUTH, VendorId.DPD, VendorId.CISCO_UNITY, fragmentation].map((body) => ({
    type: PayloadType.VID,
    body,
  }));
}

/** A vendor ID that nobody knows is passed over (RFC 2408 section 3.16). */
function paddingPayloads(length: number): Payload[] {
  return length === 0 ? [] : [{ type: PayloadType.VID, body: paddingText(length) }];
}

/** Words, so that who finds them in a capture knows what they are. */
export function paddingText(length: number): Bytes {
  const words = utf8('Sallyport doctor: padding, to find out whether large datagrams pass. ');
  return Uint8Array.from({ length }, (_, i) => words[i % words.length]!);
}

function message(crypto: CryptoProvider, exchange: number, payloads: readonly Payload[], says: string): Question {
  const initiatorCookie = crypto.random(COOKIE_LENGTH);
  const bytes = encode(exchange, initiatorCookie, NO_COOKIE, payloads);
  return { version: 1, initiatorCookie, bytes, says: `IKEv1 ${says}` };
}

function encode(exchangeType: number, initiatorCookie: Bytes, responderCookie: Bytes, payloads: readonly Payload[]) {
  const nextPayload = firstPayload(payloads);
  const header = { initiatorCookie, responderCookie, nextPayload, exchangeType, flags: 0, messageId: 0 };
  return encodeMessage({ ...header, version: IKEV1_VERSION }, encodePayloads(payloads));
}
