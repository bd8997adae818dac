/**
 * L2TP, RFC 2661 section 3.1 and 4.1: its header, and the attribute value pairs of control messages.
 *
 *     | T L x x S x O P x x x x version | length (L) | tunnel ID | session ID | Ns (S) | Nr (S) | offset size (O), pad |
 *
 *     | M H reserved length | vendor ID | attribute type | value |
 */
import type { Bytes } from '../bytes/bytes.ts';
import { Reader } from '../bytes/reader.ts';
import { Writer } from '../bytes/writer.ts';

export const L2TP_PORT = 1701;

/** In the first 16 bits of the header. */
export const L2tpFlag = {
  CONTROL: 0x8000,
  LENGTH: 0x4000,
  SEQUENCE: 0x0800,
  OFFSET: 0x0200,
  PRIORITY: 0x0100,
} as const;
export const L2TP_VERSION = 2;
export const L2TP_VERSION_MASK = 0x000f;

/** What names a call in data messages, and the UDP port that the peer uses. */
export interface CallIds {
  readonly port: number;
  readonly localTunnel: number;
  readonly localSession: number;
  readonly peerTunnel: number;
  readonly peerSession: number;
}

/** A call whose PPP link is up: how its packets are framed. */
export interface PppCall extends CallIds {
  /** The largest packet that the peer takes. */
  readonly mru: number;
  /** It takes frames without FF 03, and protocols below 256 in one byte. */
  readonly acfc: boolean;
  readonly pfc: boolean;
}

export interface L2tpControl {
  readonly kind: 'control';
  readonly tunnelId: number;
  readonly sessionId: number;
  readonly ns: number;
  readonly nr: number;
  /** The AVPs; empty in a Zero-Length Body, which only acknowledges. */
  readonly body: Bytes;
}

export interface L2tpData {
  readonly kind: 'data';
  readonly tunnelId: number;
  readonly sessionId: number;
  /** Undefined without sequencing. */
  readonly ns: number | undefined;
  /** A PPP frame. */
  readonly payload: Bytes;
}

/** Reserved bits are ignored (section 3.1). */
export function parseL2tp(bytes: Bytes): L2tpControl | L2tpData {
  const outer = new Reader(bytes, 'L2TP header');
  const flags = outer.u16();
  if ((flags & L2TP_VERSION_MASK) !== L2TP_VERSION) outer.fail(`version ${flags & L2TP_VERSION_MASK}`);
  const control = (flags & L2tpFlag.CONTROL) !== 0;
  const sequence = (flags & L2tpFlag.SEQUENCE) !== 0;
  if (control && !(flags & L2tpFlag.LENGTH && sequence)) outer.fail('a control message without length or sequence');
  const r = (flags & L2tpFlag.LENGTH) !== 0 ? lengthReader(outer, control) : outer;
  const [tunnelId, sessionId] = [r.u16(), r.u16()];
  const [ns, nr] = sequence ? [r.u16(), r.u16()] : [undefined, undefined];
  if (control) return { kind: 'control', tunnelId, sessionId, ns: ns!, nr: nr!, body: r.rest() };
  if ((flags & L2tpFlag.OFFSET) !== 0) r.bytes(r.u16());
  return { kind: 'data', tunnelId, sessionId, ns, payload: r.rest() };
}

/** The length counts from the first byte of the header; only data may have something behind. */
function lengthReader(outer: Reader, whole: boolean): Reader {
  const length = outer.u16();
  if (length < 4) outer.fail(`length ${length} is less than its own header`);
  const inner = outer.sub(length - 4, 'L2TP message');
  if (whole) outer.end();
  return inner;
}

export function encodeL2tpControl({
  tunnelId,
  sessionId,
  ns,
  nr,
  body,
}: Omit<L2tpControl, 'kind'>): Uint8Array<ArrayBuffer> {
  return new Writer()
    .u16(L2tpFlag.CONTROL | L2tpFlag.LENGTH | L2tpFlag.SEQUENCE | L2TP_VERSION)
    .u16(12 + body.length)
    .u16(tunnelId)
    .u16(sessionId)
    .u16(ns)
    .u16(nr)
    .bytes(body)
    .finish();
}

export function encodeL2tpData({ tunnelId, sessionId, ns, payload }: Omit<L2tpData, 'kind'>): Uint8Array<ArrayBuffer> {
  const w = new Writer()
    .u16((ns === undefined ? 0 : L2tpFlag.SEQUENCE) | L2TP_VERSION)
    .u16(tunnelId)
    .u16(sessionId);
  // Nr is reserved in data messages (section 5.4)
  if (ns !== undefined) w.u16(ns).u16(0);
  return w.bytes(payload).finish();
}

export const MessageType = {
  SCCRQ: 1,
  SCCRP: 2,
  SCCCN: 3,
  StopCCN: 4,
  HELLO: 6,
  OCRQ: 7,
  OCRP: 8,
  OCCN: 9,
  ICRQ: 10,
  ICRP: 11,
  ICCN: 12,
  CDN: 14,
  WEN: 15,
  SLI: 16,
} as const;

export const AvpType = {
  MESSAGE_TYPE: 0,
  RESULT_CODE: 1,
  PROTOCOL_VERSION: 2,
  FRAMING_CAPABILITIES: 3,
  HOST_NAME: 7,
  ASSIGNED_TUNNEL_ID: 9,
  RECEIVE_WINDOW_SIZE: 10,
  CHALLENGE: 11,
  CHALLENGE_RESPONSE: 13,
  ASSIGNED_SESSION_ID: 14,
  CALL_SERIAL_NUMBER: 15,
  FRAMING_TYPE: 19,
  TX_CONNECT_SPEED: 24,
  RANDOM_VECTOR: 36,
  SEQUENCING_REQUIRED: 39,
} as const;
/** All types of RFC 2661 are 0 to this; 20 alone is not assigned. */
export const LAST_AVP_TYPE = 39;
export const UNASSIGNED_AVP_TYPE = 20;

export interface Avp {
  readonly mandatory: boolean;
  readonly hidden: boolean;
  /** Four bits; an AVP in which one is set counts as unknown (section 4.1). */
  readonly reserved: number;
  /** 0: the IETF. */
  readonly vendor: number;
  readonly type: number;
  readonly value: Bytes;
}

const AVP_HEADER_LENGTH = 6;
const AVP_LENGTH_MASK = 0x03ff;
const MAX_AVP_VALUE = AVP_LENGTH_MASK - AVP_HEADER_LENGTH;
/** Our own limit on the AVPs of one message. */
export const MAX_AVPS = 64;

export function parseAvps(body: Bytes): Avp[] {
  const r = new Reader(body, 'AVPs');
  const avps: Avp[] = [];
  while (r.remaining > 0) {
    if (avps.length === MAX_AVPS) r.fail(`more than ${MAX_AVPS}`);
    const first = r.u16();
    const length = first & AVP_LENGTH_MASK;
    if (length < AVP_HEADER_LENGTH) r.fail(`an AVP claims ${length} bytes, less than its own header`);
    const avp = r.sub(length - 2, 'AVP');
    avps.push({
      mandatory: (first & 0x8000) !== 0,
      hidden: (first & 0x4000) !== 0,
      reserved: (first >> 10) & 15,
      vendor: avp.u16(),
      type: avp.u16(),
      value: avp.rest(),
    });
  }
  return avps;
}

export function encodeAvps(avps: readonly Avp[]): Uint8Array<ArrayBuffer> {
  const w = new Writer();
  for (const { mandatory, hidden, reserved, vendor, type, value } of avps) {
    if (value.length > MAX_AVP_VALUE) throw new RangeError(`an AVP of ${value.length} bytes`);
    w.u16((mandatory ? 0x8000 : 0) | (hidden ? 0x4000 : 0) | (reserved << 10) | (AVP_HEADER_LENGTH + value.length))
      .u16(vendor)
      .u16(type)
      .bytes(value);
  }
  return w.finish();
}
