/** Bodies of IKEv1 payloads: RFC 2408 section 3, RFC 2407 section 4.6, draft-dukes-ike-mode-cfg-02, [MS-IKEE] 2.2.7. */
import { type Bytes, concat } from '../bytes/bytes.ts';
import { Reader } from '../bytes/reader.ts';
import { Writer } from '../bytes/writer.ts';
import type { IpAddress } from '../net/address.ts';
import { type Payload, PayloadType } from './isakmp.ts';

export const IPSEC_DOI = 1;
const SIT_IDENTITY_ONLY = 1;

export const Protocol = { ISAKMP: 1, AH: 2, ESP: 3, IPCOMP: 4 } as const;

/** Our own limits: strongSwan's default offers some 200 transforms in one proposal. */
export const MAX_PROPOSALS = 64;
export const MAX_ATTRIBUTES = 64;
export const MAX_DELETED_SPIS = 64;

/** A basic attribute (AF bit set) has a number, a variable one bytes. */
export interface Attribute {
  readonly type: number;
  readonly value: number | Bytes;
}

export interface Transform {
  readonly number: number;
  readonly id: number;
  readonly attributes: readonly Attribute[];
}

export interface Proposal {
  readonly number: number;
  readonly protocol: number;
  readonly spi: Bytes;
  readonly transforms: readonly Transform[];
}

export interface Identification {
  readonly type: number;
  readonly protocol: number;
  readonly port: number;
  readonly data: Bytes;
}

export interface Notification {
  readonly protocol: number;
  readonly spi: Bytes;
  readonly type: number;
  readonly data: Bytes;
}

export interface Deletion {
  readonly protocol: number;
  readonly spis: readonly Bytes[];
}

/** The ATTR payload of Mode-Config and XAUTH. */
export interface ConfigurationPayload {
  readonly type: number;
  readonly identifier: number;
  readonly attributes: readonly Attribute[];
}

export interface Fragment {
  readonly id: number;
  /** From 1. */
  readonly number: number;
  readonly last: boolean;
  readonly data: Bytes;
}

/** RFC 2409 Appendix A */
export const Phase1Attribute = {
  ENCRYPTION: 1,
  HASH: 2,
  AUTHENTICATION: 3,
  GROUP: 4,
  LIFE_TYPE: 11,
  LIFE_DURATION: 12,
  KEY_LENGTH: 14,
} as const;
export const Phase1Encryption = { DES_CBC: 1, TRIPLE_DES_CBC: 5, AES_CBC: 7 } as const;
export const Phase1Hash = { MD5: 1, SHA1: 2, SHA2_256: 4, SHA2_384: 5, SHA2_512: 6 } as const;
/**
 * 9 to 11: RFC 4754; 65001 and up: draft-beaulieu-ike-xauth; 64221 and up: draft-ietf-ipsec-isakmp-hybrid-auth. Neither of these
 * two has a number for ECDSA.
 */
export const Authentication = {
  PSK: 1,
  DSS_SIG: 2,
  RSA_SIG: 3,
  ECDSA_256: 9,
  ECDSA_384: 10,
  ECDSA_521: 11,
  HYBRID_INIT_RSA: 64221,
  HYBRID_RESP_RSA: 64222,
  XAUTH_INIT_PSK: 65001,
  XAUTH_RESP_PSK: 65002,
  XAUTH_INIT_RSA: 65005,
  XAUTH_RESP_RSA: 65006,
} as const;
export const KEY_IKE = 1;

/** RFC 2407 section 4.5 */
export const Phase2Attribute = {
  LIFE_TYPE: 1,
  LIFE_DURATION: 2,
  GROUP: 3,
  ENCAPSULATION_MODE: 4,
  AUTHENTICATION: 5,
  KEY_LENGTH: 6,
} as const;
export const LifeType = { SECONDS: 1, KILOBYTES: 2 } as const;
/** RFC 3947 section 5.1; the drafts before it used numbers from the private range. */
export const EncapsulationMode = {
  TUNNEL: 1,
  TRANSPORT: 2,
  UDP_TUNNEL: 3,
  UDP_TRANSPORT: 4,
  UDP_TUNNEL_DRAFT: 61443,
  UDP_TRANSPORT_DRAFT: 61444,
} as const;
/** RFC 2407 section 4.4.4, RFC 4106: GCM with a 16-byte ICV */
export const EspTransform = { DES: 2, TRIPLE_DES: 3, NULL: 11, AES_CBC: 12, AES_GCM_16: 20 } as const;
export const EspAuthentication = {
  HMAC_MD5: 1,
  HMAC_SHA1: 2,
  HMAC_SHA2_256: 5,
  HMAC_SHA2_384: 6,
  HMAC_SHA2_512: 7,
} as const;

/** RFC 2407 section 4.6.2.1 */
export const IdType = {
  IPV4_ADDR: 1,
  FQDN: 2,
  USER_FQDN: 3,
  IPV4_ADDR_SUBNET: 4,
  IPV6_ADDR: 5,
  IPV6_ADDR_SUBNET: 6,
  IPV4_ADDR_RANGE: 7,
  IPV6_ADDR_RANGE: 8,
  DER_ASN1_DN: 9,
  DER_ASN1_GN: 10,
  KEY_ID: 11,
} as const;

/** RFC 2408 section 3.14.1, RFC 2407 section 4.6.3, RFC 3706 */
export const NotifyType = {
  INVALID_PAYLOAD_TYPE: 1,
  DOI_NOT_SUPPORTED: 2,
  SITUATION_NOT_SUPPORTED: 3,
  INVALID_COOKIE: 4,
  INVALID_MAJOR_VERSION: 5,
  INVALID_MINOR_VERSION: 6,
  INVALID_EXCHANGE_TYPE: 7,
  INVALID_FLAGS: 8,
  INVALID_MESSAGE_ID: 9,
  INVALID_PROTOCOL_ID: 10,
  INVALID_SPI: 11,
  INVALID_TRANSFORM_ID: 12,
  ATTRIBUTES_NOT_SUPPORTED: 13,
  NO_PROPOSAL_CHOSEN: 14,
  BAD_PROPOSAL_SYNTAX: 15,
  PAYLOAD_MALFORMED: 16,
  INVALID_KEY_INFORMATION: 17,
  INVALID_ID_INFORMATION: 18,
  INVALID_CERT_ENCODING: 19,
  INVALID_CERTIFICATE: 20,
  CERT_TYPE_UNSUPPORTED: 21,
  INVALID_CERT_AUTHORITY: 22,
  INVALID_HASH_INFORMATION: 23,
  AUTHENTICATION_FAILED: 24,
  INVALID_SIGNATURE: 25,
  CERTIFICATE_UNAVAILABLE: 28,
  UNSUPPORTED_EXCHANGE_TYPE: 29,
  UNEQUAL_PAYLOAD_LENGTHS: 30,
  CONNECTED: 16384,
  RESPONDER_LIFETIME: 24576,
  REPLAY_STATUS: 24577,
  INITIAL_CONTACT: 24578,
  R_U_THERE: 36136,
  R_U_THERE_ACK: 36137,
  /** Cisco's clusters: four bytes follow, the address of the gateway to go to. */
  CISCO_LOAD_BALANCE: 40501,
} as const;

export const ConfigurationType = { REQUEST: 1, REPLY: 2, SET: 3, ACK: 4 } as const;
/** draft-dukes-ike-mode-cfg-02 section 3.5; from 16520 draft-beaulieu-ike-xauth-02 section 6.2; from 28672 Cisco Unity */
export const ConfigurationAttribute = {
  INTERNAL_IP4_ADDRESS: 1,
  INTERNAL_IP4_NETMASK: 2,
  INTERNAL_IP4_DNS: 3,
  INTERNAL_IP4_NBNS: 4,
  INTERNAL_ADDRESS_EXPIRY: 5,
  INTERNAL_IP4_DHCP: 6,
  APPLICATION_VERSION: 7,
  /** Apple's clients look for split DNS here (RFC 8598's number). */
  INTERNAL_DNS_DOMAIN: 25,
  XAUTH_TYPE: 16520,
  XAUTH_USER_NAME: 16521,
  XAUTH_USER_PASSWORD: 16522,
  XAUTH_PASSCODE: 16523,
  XAUTH_MESSAGE: 16524,
  XAUTH_CHALLENGE: 16525,
  XAUTH_DOMAIN: 16526,
  XAUTH_STATUS: 16527,
  XAUTH_NEXT_PIN: 16528,
  XAUTH_ANSWER: 16529,
  UNITY_BANNER: 28672,
  UNITY_SAVE_PASSWD: 28673,
  UNITY_DEF_DOMAIN: 28674,
  UNITY_SPLIT_DNS: 28675,
  UNITY_SPLIT_INCLUDE: 28676,
  UNITY_NATT_PORT: 28677,
  UNITY_LOCAL_LAN: 28678,
  UNITY_PFS: 28679,
  UNITY_BACKUP_SERVERS: 28681,
} as const;

/** The value of a numeric attribute, basic or of up to six bytes; undefined when it is no number. */
export function attributeNumber(attribute: Attribute | undefined): number | undefined {
  if (attribute === undefined) return undefined;
  const { value } = attribute;
  if (typeof value === 'number') return value;
  return value.length >= 1 && value.length <= 6 ? value.reduce((sum, byte) => sum * 256 + byte, 0) : undefined;
}

/** A basic attribute holds 16 bits; a greater number goes out as four bytes. */
export function numericAttribute(type: number, value: number): Attribute {
  return { type, value: value <= 0xffff ? value : new Writer().u32(value).finish() };
}

/** What an attribute holds, as bytes: a basic one as its two. */
export function attributeBytes(attribute: Attribute): Bytes {
  return typeof attribute.value === 'number' ? new Writer().u16(attribute.value).finish() : attribute.value;
}

export function encodeAttributes(attributes: readonly Attribute[]): Uint8Array<ArrayBuffer> {
  const w = new Writer();
  writeAttributes(w, attributes);
  return w.finish();
}

/** What stands alone and not in an ATTR payload: the data of a notification. */
export function parseAttributeList(bytes: Bytes): Attribute[] {
  return parseAttributes(new Reader(bytes, 'attributes'));
}

export function parseSa(body: Bytes): Proposal[] {
  const r = new Reader(body, 'SA payload');
  if (r.u32() !== IPSEC_DOI) r.fail('unknown DOI');
  if (r.u32() !== SIT_IDENTITY_ONLY) r.fail('unknown situation');
  const proposals: Proposal[] = [];
  for (const sub of chain(r, PayloadType.PROPOSAL, MAX_PROPOSALS)) proposals.push(parseProposal(sub));
  return proposals;
}

export function encodeSa(proposals: readonly Proposal[]): Payload {
  const w = new Writer().u32(IPSEC_DOI).u32(SIT_IDENTITY_ONLY);
  writeChain(w, PayloadType.PROPOSAL, proposals, (proposal) => {
    w.u8(proposal.number).u8(proposal.protocol).u8(proposal.spi.length).u8(proposal.transforms.length);
    w.bytes(proposal.spi);
    writeChain(w, PayloadType.TRANSFORM, proposal.transforms, (transform) => {
      w.u8(transform.number).u8(transform.id).u16(0);
      writeAttributes(w, transform.attributes);
    });
  });
  return { type: PayloadType.SA, body: w.finish() };
}

export function parseId(body: Bytes): Identification {
  const r = new Reader(body, 'ID payload');
  return { type: r.u8(), protocol: r.u8(), port: r.u16(), data: r.rest() };
}

export function encodeId(id: Identification): Payload {
  const w = new Writer().u8(id.type).u8(id.protocol).u16(id.port).bytes(id.data);
  return { type: PayloadType.ID, body: w.finish() };
}

/** NAT-OA, RFC 3947 section 5.2: an address as its sender sees it. `type` differs between the drafts and the RFC. */
export function encodeOriginalAddress(type: number, { bytes }: IpAddress): Payload {
  const idType = bytes.length === 4 ? IdType.IPV4_ADDR : IdType.IPV6_ADDR;
  return { type, body: new Writer().u8(idType).zeros(3).bytes(bytes).finish() };
}

export function parseNotification(body: Bytes): Notification {
  const r = new Reader(body, 'Notification payload');
  r.u32();
  const protocol = r.u8();
  const spiLength = r.u8();
  return { protocol, type: r.u16(), spi: r.bytes(spiLength), data: r.rest() };
}

export function encodeNotification(notification: Notification): Payload {
  const w = new Writer().u32(IPSEC_DOI).u8(notification.protocol).u8(notification.spi.length).u16(notification.type);
  return { type: PayloadType.N, body: w.bytes(notification.spi).bytes(notification.data).finish() };
}

export function parseDeletion(body: Bytes): Deletion {
  const r = new Reader(body, 'Delete payload');
  r.u32();
  const protocol = r.u8();
  const spiLength = r.u8();
  const count = r.u16();
  if (count > MAX_DELETED_SPIS) r.fail(`${count} SPIs, more than ${MAX_DELETED_SPIS}`);
  const spis = Array.from({ length: count }, () => r.bytes(spiLength));
  r.end();
  return { protocol, spis };
}

export function encodeDeletion(deletion: Deletion): Payload {
  const w = new Writer()
    .u32(IPSEC_DOI)
    .u8(deletion.protocol)
    .u8(deletion.spis[0]?.length ?? 0)
    .u16(deletion.spis.length);
  return { type: PayloadType.D, body: w.bytes(concat(...deletion.spis)).finish() };
}

export function parseConfiguration(body: Bytes): ConfigurationPayload {
  const r = new Reader(body, 'Attribute payload');
  const type = r.u8();
  r.u8();
  return { type, identifier: r.u16(), attributes: parseAttributes(r) };
}

export function encodeConfiguration(configuration: ConfigurationPayload): Payload {
  const w = new Writer().u8(configuration.type).u8(0).u16(configuration.identifier);
  writeAttributes(w, configuration.attributes);
  return { type: PayloadType.ATTR, body: w.finish() };
}

export function parseFragment(body: Bytes): Fragment {
  const r = new Reader(body, 'Fragment payload');
  const id = r.u16();
  const number = r.u8();
  const last = (r.u8() & 1) === 1;
  if (number === 0) r.fail('fragments count from 1');
  if (r.remaining === 0) r.fail('an empty fragment');
  return { id, number, last, data: r.rest() };
}

export function encodeFragment(fragment: Fragment): Payload {
  const w = new Writer()
    .u16(fragment.id)
    .u8(fragment.number)
    .u8(fragment.last ? 1 : 0)
    .bytes(fragment.data);
  return { type: PayloadType.FRAGMENT, body: w.finish() };
}

function parseProposal(r: Reader): Proposal {
  const number = r.u8();
  const protocol = r.u8();
  const spiLength = r.u8();
  const count = r.u8();
  const spi = r.bytes(spiLength);
  const transforms: Transform[] = [];
  for (const sub of chain(r, PayloadType.TRANSFORM, 255)) transforms.push(parseTransform(sub));
  if (transforms.length !== count) r.fail(`${count} transforms announced, ${transforms.length} came`);
  return { number, protocol, spi, transforms };
}

function parseTransform(r: Reader): Transform {
  const number = r.u8();
  const id = r.u8();
  r.u16();
  return { number, id, attributes: parseAttributes(r) };
}

/** RFC 2408 section 3.3: AF bit and type (2), then the value (2) or its length (2) and the value. */
function parseAttributes(r: Reader): Attribute[] {
  const attributes: Attribute[] = [];
  while (r.remaining > 0) {
    if (attributes.length === MAX_ATTRIBUTES) r.fail(`more than ${MAX_ATTRIBUTES} attributes`);
    const type = r.u16();
    const value = r.u16();
    if (type & 0x8000) attributes.push({ type: type & 0x7fff, value });
    else attributes.push({ type, value: r.bytes(value) });
  }
  return attributes;
}

function writeAttributes(w: Writer, attributes: readonly Attribute[]): void {
  for (const { type, value } of attributes) {
    if (typeof value === 'number') w.u16(0x8000 | type).u16(value);
    else w.u16(type).u16(value.length).bytes(value);
  }
}

/** Proposals and transforms: next (0 or their own type), reserved, length, body; the chain fills its reader. */
function* chain(r: Reader, type: number, limit: number): Generator<Reader> {
  for (let count = 1, more = true; more; count++) {
    if (count > limit) r.fail(`more than ${limit} substructures of type ${type}`);
    const next = r.u8();
    if (next !== type && next !== PayloadType.NONE) r.fail(`substructure ${next} after one of type ${type}`);
    r.u8();
    yield r.sub(r.u16() - 4, `substructure of type ${type}`);
    more = next === type;
  }
  r.end();
}

function writeChain<T>(w: Writer, type: number, items: readonly T[], write: (item: T) => void): void {
  for (const [i, item] of items.entries()) {
    const start = w.length;
    w.u8(i + 1 < items.length ? type : PayloadType.NONE)
      .u8(0)
      .u16(0);
    write(item);
    w.patchU16(start + 2, w.length - start);
  }
}
