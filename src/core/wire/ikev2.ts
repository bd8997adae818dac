/** What of IKEv2 can be read without keys, RFC 7296 section 3: payload chains, and the bodies of SA, KE and Notify. */
import type { Bytes } from '../bytes/bytes.ts';
import { Reader } from '../bytes/reader.ts';
import { Writer } from '../bytes/writer.ts';
import { MAX_PAYLOADS, PAYLOAD_HEADER_LENGTH, type Payload } from './isakmp.ts';

export const IKEV2_VERSION = 0x20;

export const Ikev2Exchange = {
  IKE_SA_INIT: 34,
  IKE_AUTH: 35,
  CREATE_CHILD_SA: 36,
  INFORMATIONAL: 37,
  /** RFC 9242 */
  IKE_INTERMEDIATE: 43,
} as const;

/** In the header's flags. */
export const Ikev2Flag = { INITIATOR: 0x08, VERSION: 0x10, RESPONSE: 0x20 } as const;

export const Ikev2Payload = {
  SA: 33,
  KE: 34,
  IDi: 35,
  IDr: 36,
  CERT: 37,
  CERTREQ: 38,
  AUTH: 39,
  NONCE: 40,
  N: 41,
  D: 42,
  V: 43,
  TSi: 44,
  TSr: 45,
  SK: 46,
  CP: 47,
  EAP: 48,
  /** RFC 7383 */
  SKF: 53,
} as const;

/** First byte of the EAP payload's message: RFC 3748 section 4. */
export const EapCode = { REQUEST: 1, RESPONSE: 2, SUCCESS: 3, FAILURE: 4 } as const;

/** RFC 7296 section 3.10.1 and the RFCs named. */
export const Ikev2Notify = {
  UNSUPPORTED_CRITICAL_PAYLOAD: 1,
  INVALID_IKE_SPI: 4,
  INVALID_MAJOR_VERSION: 5,
  INVALID_SYNTAX: 7,
  INVALID_MESSAGE_ID: 9,
  INVALID_SPI: 11,
  NO_PROPOSAL_CHOSEN: 14,
  INVALID_KE_PAYLOAD: 17,
  AUTHENTICATION_FAILED: 24,
  SINGLE_PAIR_REQUIRED: 34,
  NO_ADDITIONAL_SAS: 35,
  INTERNAL_ADDRESS_FAILURE: 36,
  FAILED_CP_REQUIRED: 37,
  TS_UNACCEPTABLE: 38,
  INVALID_SELECTORS: 39,
  TEMPORARY_FAILURE: 43,
  CHILD_SA_NOT_FOUND: 44,
  INITIAL_CONTACT: 16384,
  SET_WINDOW_SIZE: 16385,
  ADDITIONAL_TS_POSSIBLE: 16386,
  IPCOMP_SUPPORTED: 16387,
  NAT_DETECTION_SOURCE_IP: 16388,
  NAT_DETECTION_DESTINATION_IP: 16389,
  COOKIE: 16390,
  USE_TRANSPORT_MODE: 16391,
  HTTP_CERT_LOOKUP_SUPPORTED: 16392,
  REKEY_SA: 16393,
  ESP_TFC_PADDING_NOT_SUPPORTED: 16394,
  /** RFC 4555 */
  MOBIKE_SUPPORTED: 16396,
  /** RFC 5685 */
  REDIRECT: 16407,
  /** RFC 7383 */
  FRAGMENTATION_SUPPORTED: 16430,
  /** RFC 7427 */
  SIGNATURE_HASH_ALGORITHMS: 16431,
} as const;

/** RFC 7296 section 3.3.2 */
export const TransformType = { ENCR: 1, PRF: 2, INTEG: 3, KE: 4, ESN: 5 } as const;

/** Our own limits. */
const MAX_SA_PROPOSALS = 64;
const MAX_SA_TRANSFORMS = 255;

const KEY_LENGTH_ATTRIBUTE = 14;
/** What a substructure's first byte says when another follows: left over from IKEv1 (section 3.3.1). */
const MORE_PROPOSALS = 2;
const MORE_TRANSFORMS = 3;

export interface Ikev2Transform {
  readonly type: number;
  readonly id: number;
  readonly keyBits: number | undefined;
}

export interface Ikev2Proposal {
  readonly number: number;
  readonly protocol: number;
  readonly spi: Bytes;
  readonly transforms: readonly Ikev2Transform[];
}

export interface Ikev2Notification {
  readonly protocol: number;
  readonly spi: Bytes;
  readonly type: number;
  readonly data: Bytes;
}

/**
 * The payloads of a chain, whatever their critical bits. An SK or SKF payload ends it (section 3.14): its next payload names what is inside.
 */
export function parseIkev2Payloads(first: number, body: Bytes): Payload[] {
  const r = new Reader(body, 'IKEv2 payload chain');
  const payloads: Payload[] = [];
  for (let type = first; type !== 0; ) {
    if (payloads.length === MAX_PAYLOADS) r.fail(`more than ${MAX_PAYLOADS} payloads`);
    const next = r.u8();
    r.u8();
    const length = r.u16();
    if (length < PAYLOAD_HEADER_LENGTH) r.fail(`payload ${type} claims ${length} bytes, less than its own header`);
    payloads.push({ type, body: r.bytes(length - PAYLOAD_HEADER_LENGTH) });
    if (type === Ikev2Payload.SK || type === Ikev2Payload.SKF) break;
    type = next;
  }
  return payloads;
}

export function parseIkev2Sa(body: Bytes): Ikev2Proposal[] {
  const r = new Reader(body, 'IKEv2 SA payload');
  const proposals: Ikev2Proposal[] = [];
  for (let more = true; more; ) {
    if (proposals.length === MAX_SA_PROPOSALS) r.fail(`more than ${MAX_SA_PROPOSALS} proposals`);
    more = r.u8() !== 0;
    r.u8();
    proposals.push(parseProposal(r.sub(r.u16() - 4, 'IKEv2 proposal')));
  }
  r.end();
  return proposals;
}

export function parseIkev2Notification(body: Bytes): Ikev2Notification {
  const r = new Reader(body, 'IKEv2 Notify payload');
  const protocol = r.u8();
  const spiLength = r.u8();
  return { protocol, type: r.u16(), spi: r.bytes(spiLength), data: r.rest() };
}

/** The group of a KE payload. */
export function parseIkev2KeGroup(body: Bytes): number {
  return new Reader(body, 'IKEv2 KE payload').u16();
}

/** A chain is encoded by `encodePayloads` of `isakmp.ts`: critical bits are zero, as section 2.5 wants of payloads that it defines. */
export function encodeIkev2Sa(proposals: readonly Ikev2Proposal[]): Payload {
  const w = new Writer();
  for (const [i, proposal] of proposals.entries()) {
    const start = w.length;
    w.u8(i + 1 < proposals.length ? MORE_PROPOSALS : 0).zeros(3);
    w.u8(proposal.number).u8(proposal.protocol).u8(proposal.spi.length).u8(proposal.transforms.length);
    w.bytes(proposal.spi);
    for (const [k, transform] of proposal.transforms.entries())
      writeTransform(w, transform, k + 1 === proposal.transforms.length);
    w.patchU16(start + 2, w.length - start);
  }
  return { type: Ikev2Payload.SA, body: w.finish() };
}

export function encodeIkev2Ke(group: number, publicValue: Bytes): Payload {
  return { type: Ikev2Payload.KE, body: new Writer().u16(group).u16(0).bytes(publicValue).finish() };
}

export function encodeIkev2Notification({ protocol, spi, type, data }: Ikev2Notification): Payload {
  const w = new Writer().u8(protocol).u8(spi.length).u16(type).bytes(spi).bytes(data);
  return { type: Ikev2Payload.N, body: w.finish() };
}

function parseProposal(r: Reader): Ikev2Proposal {
  const number = r.u8();
  const protocol = r.u8();
  const spiLength = r.u8();
  const count = r.u8();
  const spi = r.bytes(spiLength);
  const transforms: Ikev2Transform[] = [];
  while (transforms.length < Math.min(count, MAX_SA_TRANSFORMS)) {
    r.u16();
    transforms.push(parseTransform(r.sub(r.u16() - 4, 'IKEv2 transform')));
  }
  r.end();
  return { number, protocol, spi, transforms };
}

function parseTransform(r: Reader): Ikev2Transform {
  const type = r.u8();
  r.u8();
  const id = r.u16();
  let keyBits: number | undefined;
  while (r.remaining > 0) {
    const attribute = r.u16();
    const value = r.u16();
    if ((attribute & 0x8000) === 0) r.bytes(value);
    else if ((attribute & 0x7fff) === KEY_LENGTH_ATTRIBUTE) keyBits = value;
  }
  return { type, id, keyBits };
}

function writeTransform(w: Writer, { type, id, keyBits }: Ikev2Transform, isLast: boolean): void {
  w.u8(isLast ? 0 : MORE_TRANSFORMS).u8(0);
  w.u16(keyBits === undefined ? 8 : 12);
  w.u8(type).u8(0).u16(id);
  if (keyBits !== undefined) w.u16(0x8000 | KEY_LENGTH_ATTRIBUTE).u16(keyBits);
}
