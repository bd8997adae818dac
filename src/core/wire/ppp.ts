/**
 * PPP in its frames: RFC 1661 (frames, LCP and its kin), RFC 1334 (PAP), RFC 1994 (CHAP).
 *
 *     | FF 03 (unless compressed) | protocol, 2 bytes or 1 | information |
 *
 *     | code | identifier | length | data |          and in configuration messages:  | type | length | data |
 */
import type { Bytes } from '../bytes/bytes.ts';
import { Reader } from '../bytes/reader.ts';
import { Writer } from '../bytes/writer.ts';

export const PppProtocol = {
  IPV4: 0x0021,
  IPCP: 0x8021,
  IPV6CP: 0x8057,
  CCP: 0x80fd,
  LCP: 0xc021,
  PAP: 0xc023,
  CHAP: 0xc223,
  EAP: 0xc227,
} as const;

export const ADDRESS_AND_CONTROL = 0xff03;

export interface PppFrame {
  readonly protocol: number;
  readonly information: Bytes;
}

/** Takes both compressions whether agreed on or not: what they leave out is plain from what is there (RFC 1661 section 6.5, 6.6). */
export function parsePppFrame(bytes: Bytes): PppFrame {
  const compressed = bytes[0] !== ADDRESS_AND_CONTROL >> 8 || bytes[1] !== (ADDRESS_AND_CONTROL & 0xff);
  const r = new Reader(compressed ? bytes : bytes.subarray(2), 'PPP frame');
  const first = r.u8();
  if ((first & 1) === 1) return { protocol: first, information: r.rest() };
  const protocol = (first << 8) | r.u8();
  if ((protocol & 1) === 0) r.fail(`protocol ${protocol.toString(16)} is even`);
  return { protocol, information: r.rest() };
}

/** Without either compression, as LCP has to be. */
export function encodePppFrame({ protocol, information }: PppFrame): Uint8Array<ArrayBuffer> {
  return new Writer().u16(ADDRESS_AND_CONTROL).u16(protocol).bytes(information).finish();
}

/** RFC 1661 section 5; the first seven are of all control protocols. */
export const Code = {
  CONFIGURE_REQUEST: 1,
  CONFIGURE_ACK: 2,
  CONFIGURE_NAK: 3,
  CONFIGURE_REJECT: 4,
  TERMINATE_REQUEST: 5,
  TERMINATE_ACK: 6,
  CODE_REJECT: 7,
  PROTOCOL_REJECT: 8,
  ECHO_REQUEST: 9,
  ECHO_REPLY: 10,
  DISCARD_REQUEST: 11,
  /** RFC 1570 */
  IDENTIFICATION: 12,
  TIME_REMAINING: 13,
} as const;

export const PapCode = { REQUEST: 1, ACK: 2, NAK: 3 } as const;
export const ChapCode = { CHALLENGE: 1, RESPONSE: 2, SUCCESS: 3, FAILURE: 4 } as const;

export interface ControlPacket {
  readonly code: number;
  readonly identifier: number;
  readonly data: Bytes;
}

const CONTROL_HEADER_LENGTH = 4;

/** What lies behind its length is padding (RFC 1661 section 5). */
export function parseControlPacket(bytes: Bytes): ControlPacket {
  const r = new Reader(bytes, 'PPP control packet');
  const [code, identifier, length] = [r.u8(), r.u8(), r.u16()];
  if (length < CONTROL_HEADER_LENGTH) r.fail(`length ${length} is less than its own header`);
  return { code, identifier, data: r.bytes(length - CONTROL_HEADER_LENGTH) };
}

export function encodeControlPacket({ code, identifier, data }: ControlPacket): Uint8Array<ArrayBuffer> {
  return new Writer()
    .u8(code)
    .u8(identifier)
    .u16(CONTROL_HEADER_LENGTH + data.length)
    .bytes(data)
    .finish();
}

export interface Option {
  readonly type: number;
  readonly data: Bytes;
}

export const LcpOption = { MRU: 1, ACCM: 2, AUTHENTICATION: 3, MAGIC: 5, PFC: 7, ACFC: 8 } as const;
/** RFC 1332, RFC 1877 */
export const IpcpOption = {
  ADDRESS: 3,
  PRIMARY_DNS: 129,
  PRIMARY_NBNS: 130,
  SECONDARY_DNS: 131,
  SECONDARY_NBNS: 132,
} as const;
/** In the authentication option, behind CHAP's number: RFC 1994 section 3, RFC 2759 section 6. */
export const CHAP_MD5 = 5;
export const CHAP_MS_V2 = 0x81;

/** Our own limit on the options of one message. */
export const MAX_OPTIONS = 32;

export function parseOptions(bytes: Bytes): Option[] {
  const r = new Reader(bytes, 'PPP options');
  const options: Option[] = [];
  while (r.remaining > 0) {
    if (options.length === MAX_OPTIONS) r.fail(`more than ${MAX_OPTIONS}`);
    const type = r.u8();
    const length = r.u8();
    if (length < 2) r.fail(`option ${type} claims ${length} bytes, less than its own header`);
    options.push({ type, data: r.bytes(length - 2) });
  }
  return options;
}

export function encodeOptions(options: readonly Option[]): Uint8Array<ArrayBuffer> {
  const w = new Writer();
  for (const { type, data } of options)
    w.u8(type)
      .u8(2 + data.length)
      .bytes(data);
  return w.finish();
}

/** PAP's Authenticate-Request, RFC 1334 section 2.2.1. */
export interface PapRequest {
  readonly name: Bytes;
  readonly password: Bytes;
}

export function parsePapRequest(data: Bytes): PapRequest {
  const r = new Reader(data, 'PAP request');
  const request = { name: r.bytes(r.u8()), password: r.bytes(r.u8()) };
  r.end();
  return request;
}

export function encodePapRequest({ name, password }: PapRequest): Uint8Array<ArrayBuffer> {
  return new Writer().u8(name.length).bytes(name).u8(password.length).bytes(password).finish();
}

/** The body of PAP's answers: a message for the user, RFC 1334 section 2.2.2. */
export function encodePapMessage(message: Bytes): Uint8Array<ArrayBuffer> {
  return new Writer().u8(message.length).bytes(message).finish();
}

/** CHAP's Challenge and Response, RFC 1994 section 4.1. */
export interface ChapValue {
  readonly value: Bytes;
  readonly name: Bytes;
}

export function parseChapValue(data: Bytes): ChapValue {
  const r = new Reader(data, 'CHAP value');
  return { value: r.bytes(r.u8()), name: r.rest() };
}

export function encodeChapValue({ value, name }: ChapValue): Uint8Array<ArrayBuffer> {
  return new Writer().u8(value.length).bytes(value).bytes(name).finish();
}

/** The value of an MS-CHAPv2 Response, RFC 2759 section 4. */
export interface MsChapV2Response {
  readonly peerChallenge: Bytes;
  readonly ntResponse: Bytes;
}

export function parseMsChapV2Response(value: Bytes): MsChapV2Response {
  const r = new Reader(value, 'MS-CHAPv2 response');
  const peerChallenge = r.bytes(16);
  // reserved: zero, but nobody is to rely on it; then flags
  r.bytes(8);
  const ntResponse = r.bytes(24);
  r.u8();
  r.end();
  return { peerChallenge, ntResponse };
}

export function encodeMsChapV2Response({ peerChallenge, ntResponse }: MsChapV2Response): Uint8Array<ArrayBuffer> {
  return new Writer().bytes(peerChallenge).zeros(8).bytes(ntResponse).u8(0).finish();
}
