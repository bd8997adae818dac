/** What the payloads of one IKE message say, in short: what rules judge by and reports show. */
import type { Bytes } from '../bytes/bytes.ts';
import { startsWith } from '../bytes/bytes.ts';
import { MalformedError } from '../bytes/reader.ts';
import { fromUtf8, toHex } from '../bytes/text.ts';
import { VendorId } from '../ike/vendor-ids.ts';
import { ipFromBytes } from '../net/address.ts';
import {
  type Attribute,
  attributeNumber,
  ConfigurationAttribute,
  IdType,
  type Notification,
  parseConfiguration,
  parseDeletion,
  parseId,
  parseNotification,
} from '../wire/ikev1.ts';
import { EapCode, Ikev2Payload, parseIkev2KeGroup, parseIkev2Notification } from '../wire/ikev2.ts';
import { type Payload, PayloadType } from '../wire/isakmp.ts';
import { groupName, groupOfLength } from './algorithm-names.ts';
import { type IkeVersion, namesByNumber, notifyName } from './notify-words.ts';
import { offerText, readIkev1Offer, readIkev2Offer, type Suite } from './offer.ts';
import { productOf } from './products.ts';
import type { CertificateFacts, Reading } from './reading.ts';

export type PayloadFact =
  | { readonly kind: 'SA'; readonly offer: readonly Suite[] }
  | { readonly kind: 'KE'; readonly group: string; readonly length: number }
  | { readonly kind: 'VID'; readonly vendor: string; readonly hex: string }
  | { readonly kind: 'ID'; readonly name: string; readonly type: number; readonly text: string }
  /** `spi`, in hex, is empty where none is named; `detail` is the beginning of its data. */
  | { readonly kind: 'N'; readonly type: number; readonly name: string; readonly spi: string; readonly detail: string }
  | { readonly kind: 'NAT-D'; readonly hash: string }
  | { readonly kind: 'D'; readonly protocol: number; readonly spis: readonly string[] }
  | { readonly kind: 'CERT'; readonly length: number; readonly certificate: CertificateFacts | undefined }
  /** IKEv2's proof; its methods are in RFC 7296 section 3.8. */
  | { readonly kind: 'AUTH'; readonly method: number }
  /** Code and method of RFC 3748; a method of 0: the message has none. */
  | { readonly kind: 'EAP'; readonly code: number; readonly method: number }
  | { readonly kind: 'CP'; readonly type: number; readonly attributes: readonly ConfiguredAttribute[] }
  | { readonly kind: 'other'; readonly type: number; readonly name: string; readonly length: number };

export interface ConfiguredAttribute {
  readonly type: number;
  readonly name: string;
  readonly number: number | undefined;
  readonly length: number;
}

/** Our own limit on what is kept of a peer's words. */
export const MAX_WORDS = 128;

/** Malformed payloads become `other`, with what is wrong in their name. */
export function readPayload(version: IkeVersion, payload: Payload, reading: Reading): PayloadFact {
  try {
    return version === 1 ? readIkev1Payload(payload, reading) : readIkev2Payload(payload, reading);
  } catch (error) {
    if (!(error instanceof MalformedError)) throw error;
    return {
      kind: 'other',
      type: payload.type,
      name: `malformed ${payloadName(version, payload.type)}`,
      length: payload.body.length,
    };
  }
}

/** "SA aes256-sha1-modp1024 (psk), KE modp1024, VID 5 times" */
export function factsText(facts: readonly PayloadFact[]): string {
  const words = new Map<string, number>();
  for (const fact of facts) {
    const text = factText(fact);
    words.set(text, (words.get(text) ?? 0) + 1);
  }
  return [...words].map(([text, count]) => (count === 1 ? text : `${text} ${count} times`)).join(', ');
}

/** A proof by a certificate's key. */
export function isSignature({ method }: Extract<PayloadFact, { kind: 'AUTH' }>): boolean {
  return method !== BY_SECRET && AUTH_METHODS[method] !== undefined;
}

/** Printable, and short: it goes into evidence and to terminals. */
function printable(bytes: Bytes): string {
  return fromUtf8(bytes.subarray(0, MAX_WORDS)).replace(/[^\p{L}\p{M}\p{N}\p{P}\p{S} ]/gu, '?');
}

function readIkev1Payload({ type, body }: Payload, reading: Reading): PayloadFact {
  switch (type) {
    case PayloadType.SA:
      return { kind: 'SA', offer: readIkev1Offer(body) };
    case PayloadType.KE:
      return { kind: 'KE', group: groupOfLength(body.length), length: body.length };
    case PayloadType.VID:
      return vendorFact(body);
    case PayloadType.ID: {
      const id = parseId(body);
      return { kind: 'ID', name: 'ID', type: id.type, text: identityText(id.type, id.data) };
    }
    case PayloadType.N:
      return notifyFact(1, parseNotification(body));
    case PayloadType.D: {
      const { protocol, spis } = parseDeletion(body);
      return { kind: 'D', protocol, spis: spis.map(toHex) };
    }
    case PayloadType.NAT_D:
    case PayloadType.NAT_D_DRAFT:
      return { kind: 'NAT-D', hash: toHex(body.subarray(0, 64)) };
    case PayloadType.CERT:
      return certificateFact(body, reading);
    case PayloadType.ATTR: {
      const { type: message, attributes } = parseConfiguration(body);
      return { kind: 'CP', type: message, attributes: attributes.map(configured) };
    }
    default:
      return { kind: 'other', type, name: payloadName(1, type), length: body.length };
  }
}

function readIkev2Payload({ type, body }: Payload, reading: Reading): PayloadFact {
  switch (type) {
    case Ikev2Payload.SA:
      return { kind: 'SA', offer: readIkev2Offer(body) };
    case Ikev2Payload.KE:
      return { kind: 'KE', group: groupName(parseIkev2KeGroup(body)), length: body.length - 4 };
    case Ikev2Payload.V:
      return vendorFact(body);
    case Ikev2Payload.IDi:
    case Ikev2Payload.IDr:
      return {
        kind: 'ID',
        name: payloadName(2, type),
        type: body[0] ?? 0,
        text: identityText(body[0] ?? 0, body.subarray(4)),
      };
    case Ikev2Payload.N:
      return notifyFact(2, parseIkev2Notification(body));
    case Ikev2Payload.AUTH:
      return { kind: 'AUTH', method: body[0] ?? 0 };
    case Ikev2Payload.CP: {
      // of IKEv1's form, but that three bytes behind the type are reserved (section 3.15)
      const { type: message, attributes } = parseConfiguration(body);
      return { kind: 'CP', type: message, attributes: attributes.map(configured) };
    }
    case Ikev2Payload.EAP:
      return { kind: 'EAP', code: body[0] ?? 0, method: body[4] ?? 0 };
    case Ikev2Payload.CERT:
      return certificateFact(body, reading);
    default:
      return { kind: 'other', type, name: payloadName(2, type), length: body.length };
  }
}

function notifyFact(version: IkeVersion, { type, spi, data }: Notification): PayloadFact {
  const detail = toHex(data.subarray(0, 16));
  return { kind: 'N', type, name: notifyName(version, type), spi: toHex(spi.subarray(0, 16)), detail };
}

/** The first byte is the encoding (RFC 2408 section 3.9): an X.509 certificate for signatures. */
const X509 = 4;

function certificateFact(body: Bytes, { certificate }: Reading): PayloadFact {
  return {
    kind: 'CERT',
    length: body.length,
    certificate: body[0] === X509 ? certificate?.(body.slice(1)) : undefined,
  };
}

/** Values stay behind: among them are passwords. */
function configured(attribute: Attribute): ConfiguredAttribute {
  const { type, value } = attribute;
  return {
    type,
    name: CONFIGURATION_NAMES.get(type) ?? `attribute ${type}`,
    number:
      type === ConfigurationAttribute.XAUTH_STATUS || type === ConfigurationAttribute.XAUTH_TYPE
        ? attributeNumber(attribute)
        : undefined,
    length: typeof value === 'number' ? 2 : value.length,
  };
}

const CONFIGURATION_NAMES = namesByNumber(ConfigurationAttribute);

function identityText(type: number, data: Bytes): string {
  if ((type === IdType.IPV4_ADDR && data.length === 4) || (type === IdType.IPV6_ADDR && data.length === 16))
    return ipFromBytes(data).text;
  if (type === IdType.IPV4_ADDR_SUBNET && data.length === 8)
    return `${data.subarray(0, 4).join('.')}/${data.subarray(4).join('.')}`;
  if (type === IdType.DER_ASN1_DN) return `a certificate's name of ${data.length} bytes`;
  return printable(data);
}

/** Those that engines go by; others say what a peer is. */
const VENDORS = Object.entries(VendorId);

function vendorFact(body: Bytes): PayloadFact {
  const known = VENDORS.find(([, id]) => startsWith(body, id))?.[0] ?? productOf(body);
  return { kind: 'VID', vendor: known ?? 'unknown', hex: toHex(body.subarray(0, 24)) };
}

const BY_SECRET = 2;
/** RFC 7296 section 3.8, RFC 4754, RFC 7427 */
const AUTH_METHODS: Readonly<Record<number, string>> = {
  1: 'RSA',
  [BY_SECRET]: 'by secret',
  3: 'DSS',
  9: 'ECDSA',
  10: 'ECDSA',
  11: 'ECDSA',
  14: 'by signature',
};

const EAP_CODES = namesByNumber(EapCode);
const IKEV1_PAYLOADS = namesByNumber(PayloadType);
const IKEV2_PAYLOADS = namesByNumber(Ikev2Payload);

function payloadName(version: IkeVersion, type: number): string {
  return (version === 1 ? IKEV1_PAYLOADS : IKEV2_PAYLOADS).get(type) ?? `payload ${type}`;
}

function factText(fact: PayloadFact): string {
  switch (fact.kind) {
    case 'SA':
      return `SA ${offerText(fact.offer)}`;
    case 'KE':
      return `KE ${fact.group}`;
    case 'VID':
      return 'VID';
    case 'ID':
      return `${fact.name} ${fact.text}`;
    case 'N':
      return fact.name;
    case 'NAT-D':
      return 'NAT-D';
    case 'D':
      return `D of ${fact.spis.length}`;
    case 'CERT':
      return `CERT of ${fact.length} bytes`;
    case 'AUTH':
      return `AUTH ${AUTH_METHODS[fact.method] ?? `method ${fact.method}`}`;
    case 'EAP':
      return `EAP ${EAP_CODES.get(fact.code)?.toLowerCase() ?? `code ${fact.code}`}`;
    case 'CP':
      return `ATTR ${fact.attributes.map(({ name }) => name).join(' ') || 'without attributes'}`;
    case 'other':
      return fact.name;
  }
}
