/** One IKE message of either version, as far as it can be read without keys. Never throws: what is wrong becomes a word. */
import { type Bytes, readU16, readU32 } from '../bytes/bytes.ts';
import { MalformedError } from '../bytes/reader.ts';
import { toHex } from '../bytes/text.ts';
import { Ikev2Exchange, Ikev2Flag, Ikev2Payload, parseIkev2Payloads } from '../wire/ikev2.ts';
import {
  COOKIE_LENGTH,
  ExchangeType,
  Flag,
  ISAKMP_HEADER_LENGTH,
  PAYLOAD_HEADER_LENGTH,
  type Payload,
  PayloadType,
  parsePayloads,
} from '../wire/isakmp.ts';
import type { IkeVersion } from './notify-words.ts';
import type { PayloadFact } from './payload-facts.ts';
import type { PayloadMemory } from './payload-memory.ts';

export interface IkeHead {
  readonly version: IkeVersion;
  /** Both as they stand there, in hex; with IKEv2 they are SPIs. */
  readonly cookies: string;
  readonly initiatorCookie: string;
  /** Undefined: zero, as in the first message. */
  readonly responderCookie: string | undefined;
  readonly exchange: number;
  readonly flags: number;
  readonly messageId: number;
  readonly firstPayload: number;
  /** What the header claims. */
  readonly length: number;
}

export interface IkeDatagram extends IkeHead {
  readonly encrypted: boolean;
  readonly payloads: readonly PayloadFact[];
  /** What is wrong with it: cut by the capture, or not as the format has it. */
  readonly trouble: string | undefined;
}

const VERSION_AT = 17;
const EXCHANGE_AT = 18;
const FLAGS_AT = 19;
const MESSAGE_ID_AT = 20;
const LENGTH_AT = 24;
/** No cookie, in hex. */
export const ZERO_COOKIE = '0000000000000000';

const IKEV1_EXCHANGES: readonly number[] = [1, ...Object.values(ExchangeType)];
const IKEV2_EXCHANGES: readonly number[] = Object.values(Ikev2Exchange);

/** Undefined: it isn't IKE. `wireLength`: of the message before a capture cut it. */
export function readHead(bytes: Bytes, wireLength: number): IkeHead | undefined {
  if (bytes.length < ISAKMP_HEADER_LENGTH) return undefined;
  const major = bytes[VERSION_AT]! >> 4;
  const exchange = bytes[EXCHANGE_AT]!;
  if (major !== 1 && major !== 2) return undefined;
  if (!(major === 1 ? IKEV1_EXCHANGES : IKEV2_EXCHANGES).includes(exchange)) return undefined;
  const length = readU32(bytes, LENGTH_AT);
  if (length < ISAKMP_HEADER_LENGTH || length > wireLength) return undefined;
  const cookies = toHex(bytes.subarray(0, 2 * COOKIE_LENGTH));
  const [initiatorCookie, responderCookie] = [cookies.slice(0, 2 * COOKIE_LENGTH), cookies.slice(2 * COOKIE_LENGTH)];
  if (initiatorCookie === ZERO_COOKIE) return undefined;
  return {
    version: major,
    cookies,
    initiatorCookie,
    responderCookie: responderCookie === ZERO_COOKIE ? undefined : responderCookie,
    exchange,
    flags: bytes[FLAGS_AT]!,
    messageId: readU32(bytes, MESSAGE_ID_AT),
    firstPayload: bytes[16]!,
    length,
  };
}

export function readDatagram(head: IkeHead, bytes: Bytes, memory: PayloadMemory): IkeDatagram {
  const encrypted = head.version === 1 && (head.flags & Flag.ENCRYPTION) !== 0;
  const isCut = bytes.length < head.length;
  if (encrypted) return { ...head, encrypted, payloads: CLOSED, trouble: isCut ? CUT : undefined };
  const body = bytes.subarray(ISAKMP_HEADER_LENGTH, head.length);
  const { payloads, trouble } = isCut ? { payloads: wholeOnes(head, body), trouble: CUT } : chainOf(head, body);
  return {
    ...head,
    encrypted: payloads.some(({ type }) => isSealed(head.version, type)),
    payloads: payloads
      .filter(({ type }) => !isSealed(head.version, type))
      .map((payload) => memory.read(head.version, payload)),
    trouble,
  };
}

export function isResponse(head: IkeHead): boolean {
  return head.version === 2 && (head.flags & Ikev2Flag.RESPONSE) !== 0;
}

/** IKEv2 says in each message whether it comes from who began the SA. */
export function isFromInitiator(head: IkeHead): boolean {
  return head.version === 2 && (head.flags & Ikev2Flag.INITIATOR) !== 0;
}

export function isFragment(head: IkeHead): boolean {
  return head.version === 1 ? head.firstPayload === PayloadType.FRAGMENT : head.firstPayload === Ikev2Payload.SKF;
}

/** What is seen of an encrypted message; one for all, as there are many. */
const CLOSED: readonly PayloadFact[] = [];
const CUT = 'the capture holds only its beginning';

function isSealed(version: IkeVersion, type: number): boolean {
  return version === 2 && (type === Ikev2Payload.SK || type === Ikev2Payload.SKF);
}

/** Of a message that the capture cut: the payloads before the cut, which both versions put in one form. SK is known by its header. */
function wholeOnes(head: IkeHead, body: Bytes): Payload[] {
  const payloads: Payload[] = [];
  let type = head.firstPayload;
  for (let at = 0; type !== 0 && at + PAYLOAD_HEADER_LENGTH <= body.length; ) {
    const length = readU16(body, at + 2);
    const isWhole = length >= PAYLOAD_HEADER_LENGTH && at + length <= body.length;
    if (isWhole || isSealed(head.version, type))
      payloads.push({ type, body: body.subarray(at + PAYLOAD_HEADER_LENGTH, isWhole ? at + length : body.length) });
    if (!isWhole || isSealed(head.version, type)) break;
    type = body[at]!;
    at += length;
  }
  return payloads;
}

function chainOf(head: IkeHead, body: Bytes): { payloads: Payload[]; trouble: string | undefined } {
  try {
    const payloads =
      head.version === 1
        ? parsePayloads(head.firstPayload, body).payloads
        : parseIkev2Payloads(head.firstPayload, body);
    return { payloads, trouble: undefined };
  } catch (error) {
    if (!(error instanceof MalformedError)) throw error;
    return { payloads: [], trouble: error.message };
  }
}
