/** ISAKMP messages, RFC 2408 section 3: the header and the chain of generic payloads. Bodies are in `ikev1.ts`. */
import type { Bytes } from '../bytes/bytes.ts';
import { MalformedError, Reader } from '../bytes/reader.ts';
import { Writer } from '../bytes/writer.ts';

export const ISAKMP_HEADER_LENGTH = 28;
export const COOKIE_LENGTH = 8;
/** Longest message taken: more is never needed, and the length field would allow 4 GB. */
export const MAX_MESSAGE_LENGTH = 65_507;
/** Our own limit; Windows, the most talkative client, sends about 12. */
export const MAX_PAYLOADS = 64;

/** Next payload, reserved, length. */
export const PAYLOAD_HEADER_LENGTH = 4;

export const IKEV1_VERSION = 0x10;

export const ExchangeType = {
  IDENTITY_PROTECTION: 2,
  AGGRESSIVE: 4,
  INFORMATIONAL: 5,
  /** draft-dukes-ike-mode-cfg */
  TRANSACTION: 6,
  QUICK_MODE: 32,
} as const;

export const PayloadType = {
  NONE: 0,
  SA: 1,
  PROPOSAL: 2,
  TRANSFORM: 3,
  KE: 4,
  ID: 5,
  CERT: 6,
  CR: 7,
  HASH: 8,
  SIG: 9,
  NONCE: 10,
  N: 11,
  D: 12,
  VID: 13,
  ATTR: 14,
  NAT_D: 20,
  NAT_OA: 21,
  NAT_D_DRAFT: 130,
  NAT_OA_DRAFT: 131,
  FRAGMENT: 132,
} as const;

export const Flag = { ENCRYPTION: 1, COMMIT: 2, AUTHENTICATION_ONLY: 4 } as const;

export interface IsakmpHeader {
  readonly initiatorCookie: Bytes;
  readonly responderCookie: Bytes;
  readonly nextPayload: number;
  /** Major version in the high four bits, minor in the low ones. */
  readonly version: number;
  readonly exchangeType: number;
  readonly flags: number;
  readonly messageId: number;
}

/** One payload of a chain: its type and what follows its generic header. */
export interface Payload {
  readonly type: number;
  readonly body: Bytes;
}

export interface IsakmpMessage {
  readonly header: IsakmpHeader;
  /** All that follows the header: payloads, or their ciphertext. */
  readonly body: Bytes;
}

export function parseMessage(bytes: Bytes): IsakmpMessage {
  const r = new Reader(bytes, 'ISAKMP header');
  const header = {
    initiatorCookie: r.bytes(COOKIE_LENGTH),
    responderCookie: r.bytes(COOKIE_LENGTH),
    nextPayload: r.u8(),
    version: r.u8(),
    exchangeType: r.u8(),
    flags: r.u8(),
    messageId: r.u32(),
  };
  const length = r.u32();
  if (length !== bytes.length) r.fail(`length field says ${length}, ${bytes.length} bytes came`);
  return { header, body: r.rest() };
}

export function encodeMessage(header: IsakmpHeader, body: Bytes): Uint8Array<ArrayBuffer> {
  return new Writer()
    .bytes(header.initiatorCookie)
    .bytes(header.responderCookie)
    .u8(header.nextPayload)
    .u8(header.version)
    .u8(header.exchangeType)
    .u8(header.flags)
    .u32(header.messageId)
    .u32(ISAKMP_HEADER_LENGTH + body.length)
    .bytes(body)
    .finish();
}

/**
 * The payloads of a chain and its exact length. Bytes behind the chain are the padding of encryption: the caller knows
 * whether any are allowed.
 */
export function parsePayloads(first: number, body: Bytes): { readonly payloads: Payload[]; readonly length: number } {
  const r = new Reader(body, 'payload chain');
  const payloads: Payload[] = [];
  for (let type = first; type !== PayloadType.NONE; ) {
    if (payloads.length === MAX_PAYLOADS) r.fail(`more than ${MAX_PAYLOADS} payloads`);
    const next = r.u8();
    if (r.u8() !== 0) r.fail(`reserved byte of payload ${type} isn't zero`);
    const length = r.u16();
    if (length < PAYLOAD_HEADER_LENGTH) r.fail(`payload ${type} claims ${length} bytes, less than its own header`);
    payloads.push({ type, body: r.bytes(length - PAYLOAD_HEADER_LENGTH) });
    type = next;
  }
  return { payloads, length: r.offset };
}

/** A chain that fills `body` to its end, as in a message in clear. */
export function parseWholeChain(first: number, body: Bytes): Payload[] {
  const { payloads, length } = parsePayloads(first, body);
  if (length !== body.length) throw new MalformedError(`payload chain: ${body.length - length} bytes left over`);
  return payloads;
}

export function encodePayloads(payloads: readonly Payload[]): Uint8Array<ArrayBuffer> {
  const w = new Writer();
  for (const [i, payload] of payloads.entries()) {
    w.u8(payloads[i + 1]?.type ?? PayloadType.NONE)
      .u8(0)
      .u16(PAYLOAD_HEADER_LENGTH + payload.body.length)
      .bytes(payload.body);
  }
  return w.finish();
}

export function firstPayload(payloads: readonly Payload[]): number {
  return payloads[0]?.type ?? PayloadType.NONE;
}

export function isPhase1({ exchangeType }: IsakmpHeader): boolean {
  return exchangeType === ExchangeType.IDENTITY_PROTECTION || exchangeType === ExchangeType.AGGRESSIVE;
}
