/** L2TP's control messages as their AVPs make them, RFC 2661 section 6: reading and writing those of both ends. */
import { type Bytes, concat, readU16, u16, u32 } from '../bytes/bytes.ts';
import { MalformedError } from '../bytes/reader.ts';
import { utf8 } from '../bytes/text.ts';
import {
  type Avp,
  AvpType,
  encodeAvps,
  LAST_AVP_TYPE,
  MessageType,
  parseAvps,
  UNASSIGNED_AVP_TYPE,
} from '../wire/l2tp.ts';
import type { TunnelSecret } from './tunnel-secret.ts';

export interface ControlMessage {
  readonly type: number;
  /** Whether who doesn't know this message has to give up (section 4.1). */
  readonly mandatory: boolean;
  /** Values of the AVPs that are known; of equal ones the first. */
  readonly values: ReadonlyMap<number, Bytes>;
  /** An AVP that may not be passed over and isn't known. */
  readonly unknown: Avp | undefined;
}

/** Section 4.4.2 */
export const StopResult = { GENERAL_ERROR: 2, NOT_AUTHORIZED: 4, VERSION: 5, SHUTTING_DOWN: 6 } as const;
export const CallResult = { LOST_CARRIER: 1, GENERAL_ERROR: 2, ADMINISTRATIVE: 3, NO_FACILITIES: 4 } as const;
export const ErrorCode = { BAD_VALUE: 3, UNKNOWN_MANDATORY_AVP: 8 } as const;

/** Bytes of hidden AVPs in one message that are opened: each 16 of them cost a hash. */
export const MAX_HIDDEN = 4096;

const PROTOCOL_VERSION = 0x0100;
const BOTH_FRAMINGS = 3;
const RECEIVE_WINDOW = 4;
/** What a call without a telephone says of itself: framing that is synchronous, at no speed in particular (bit/s). */
const SYNCHRONOUS_FRAMING = 1;
const CONNECT_SPEED = 100_000_000;
/** Nobody looks a call up by it: there is one. */
const CALL_SERIAL_NUMBER = 1;

/** `body` is not empty. @param secret for AVPs that are hidden */
export function readMessage(body: Bytes, secret?: TunnelSecret): ControlMessage {
  const [first, ...others] = secret ? unhidden(parseAvps(body), secret) : parseAvps(body);
  // section 4.4.1: it is the first, and not hidden
  if (!first || !isKnown(first) || first.type !== AvpType.MESSAGE_TYPE || first.value.length !== 2) {
    throw new MalformedError('L2TP message: the first AVP is no Message Type');
  }
  const values = new Map<number, Bytes>();
  for (const { type, value } of others.filter(isKnown)) if (!values.has(type)) values.set(type, value);
  const unknown = others.find((avp) => avp.mandatory && !isKnown(avp));
  return { type: readU16(first.value), mandatory: first.mandatory, values, unknown };
}

/** Section 4.3: the last Random Vector before a hidden AVP is its own. What can't be read stays as it is, and isn't known. */
function unhidden(avps: readonly Avp[], secret: TunnelSecret): Avp[] {
  let randomVector: Bytes | undefined;
  let bytes = 0;
  return avps.map((avp) => {
    if (avp.type === AvpType.RANDOM_VECTOR && isKnown(avp)) randomVector = avp.value;
    if (!avp.hidden || avp.vendor !== 0 || !randomVector) return avp;
    bytes += avp.value.length;
    if (bytes > MAX_HIDDEN) return avp;
    const value = secret.unhide(avp.type, randomVector, avp.value);
    return value ? { ...avp, value, hidden: false } : avp;
  });
}

/** One that is still hidden isn't: there is no secret, since IPsec hides all of it already, or it is another. */
function isKnown({ vendor, type, hidden, reserved }: Avp): boolean {
  return vendor === 0 && type <= LAST_AVP_TYPE && type !== UNASSIGNED_AVP_TYPE && !hidden && reserved === 0;
}

/** A value of two bytes; undefined when it is absent. */
export function numberIn({ values }: ControlMessage, type: number): number | undefined {
  const value = values.get(type);
  if (value === undefined) return undefined;
  if (value.length !== 2) throw new MalformedError(`AVP ${type} of ${value.length} bytes`);
  return readU16(value);
}

/** "result 1, error 6"; undefined when there is no result code. */
export function resultText({ values }: ControlMessage): string | undefined {
  const value = values.get(AvpType.RESULT_CODE);
  if (value === undefined || value.length < 2) return undefined;
  return `result ${readU16(value)}${value.length < 4 ? '' : `, error ${readU16(value, 2)}`}`;
}

export function speaksOurVersion(message: ControlMessage): boolean {
  return numberIn(message, AvpType.PROTOCOL_VERSION) === PROTOCOL_VERSION;
}

/** What proves that a tunnel's secret is known, and asks for the proof. */
export interface Proving {
  readonly response?: Bytes | undefined;
  readonly challenge?: Bytes | undefined;
}

export function encodeSccrq(tunnelId: number, proving: Proving): Bytes {
  return encodeMessage(MessageType.SCCRQ, [...connectionAvps(tunnelId), ...provingAvps(proving)]);
}

export function encodeSccrp(tunnelId: number, proving: Proving): Bytes {
  return encodeMessage(MessageType.SCCRP, [...connectionAvps(tunnelId), ...provingAvps(proving)]);
}

function provingAvps({ response, challenge }: Proving): readonly Avp[] {
  return [
    ...(response ? [avp(AvpType.CHALLENGE_RESPONSE, response)] : []),
    ...(challenge ? [avp(AvpType.CHALLENGE, challenge)] : []),
  ];
}

function connectionAvps(tunnelId: number): readonly Avp[] {
  return [
    avp(AvpType.PROTOCOL_VERSION, u16(PROTOCOL_VERSION)),
    avp(AvpType.FRAMING_CAPABILITIES, u32(BOTH_FRAMINGS)),
    avp(AvpType.HOST_NAME, utf8('sallyport')),
    avp(AvpType.ASSIGNED_TUNNEL_ID, u16(tunnelId)),
    avp(AvpType.RECEIVE_WINDOW_SIZE, u16(RECEIVE_WINDOW)),
  ];
}

export function encodeScccn(proving: Proving): Bytes {
  return encodeMessage(MessageType.SCCCN, provingAvps(proving));
}

export function encodeStopCcn(tunnelId: number, result: number, error?: number): Bytes {
  return encodeMessage(MessageType.StopCCN, [
    avp(AvpType.ASSIGNED_TUNNEL_ID, u16(tunnelId)),
    avp(AvpType.RESULT_CODE, resultCode(result, error)),
  ]);
}

export function encodeIcrq(sessionId: number): Bytes {
  return encodeMessage(MessageType.ICRQ, [
    avp(AvpType.ASSIGNED_SESSION_ID, u16(sessionId)),
    avp(AvpType.CALL_SERIAL_NUMBER, u32(CALL_SERIAL_NUMBER)),
  ]);
}

export function encodeIcrp(sessionId: number): Bytes {
  return encodeMessage(MessageType.ICRP, [avp(AvpType.ASSIGNED_SESSION_ID, u16(sessionId))]);
}

export function encodeIccn(): Bytes {
  return encodeMessage(MessageType.ICCN, [
    avp(AvpType.TX_CONNECT_SPEED, u32(CONNECT_SPEED)),
    avp(AvpType.FRAMING_TYPE, u32(SYNCHRONOUS_FRAMING)),
  ]);
}

export function encodeCdn(sessionId: number, result: number, error?: number): Bytes {
  return encodeMessage(MessageType.CDN, [
    avp(AvpType.RESULT_CODE, resultCode(result, error)),
    avp(AvpType.ASSIGNED_SESSION_ID, u16(sessionId)),
  ]);
}

export function encodeHello(): Bytes {
  return encodeMessage(MessageType.HELLO, []);
}

export function encodeMessage(type: number, avps: readonly Avp[]): Bytes {
  return encodeAvps([avp(AvpType.MESSAGE_TYPE, u16(type)), ...avps]);
}

export function avp(type: number, value: Bytes): Avp {
  return { mandatory: true, hidden: false, reserved: 0, vendor: 0, type, value };
}

function resultCode(result: number, error: number | undefined): Bytes {
  return error === undefined ? u16(result) : concat(u16(result), u16(error));
}
