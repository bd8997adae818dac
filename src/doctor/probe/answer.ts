/** What a gateway's datagram says to a question. Never throws: whatever it sends is an answer or noise. */
import { type Bytes, isZero, readU16 } from '../../core/bytes/bytes.ts';
import { MalformedError } from '../../core/bytes/reader.ts';
import { notifyName } from '../../core/diagnosis/notify-words.ts';
import { readIkev1Offer, readIkev2Offer, type Suite } from '../../core/diagnosis/offer.ts';
import { parseNotification } from '../../core/wire/ikev1.ts';
import {
  Ikev2Flag,
  type Ikev2Notification,
  Ikev2Notify,
  Ikev2Payload,
  parseIkev2Notification,
  parseIkev2Payloads,
} from '../../core/wire/ikev2.ts';
import {
  IKEV1_VERSION,
  type IsakmpMessage,
  type Payload,
  PayloadType,
  parseMessage,
  parseWholeChain,
} from '../../core/wire/isakmp.ts';

export type Verdict =
  /** It chose from the offer, or went on with the negotiation. */
  | { readonly kind: 'accepted'; readonly suite: Suite | undefined }
  /** IKEv2: the offer is good, but the KE payload is to be of this group. */
  | { readonly kind: 'wants-group'; readonly group: number }
  /** IKEv2: it is under load, or always asks who sends. */
  | { readonly kind: 'wants-cookie'; readonly cookie: Bytes }
  | { readonly kind: 'refused'; readonly notify: string };

export interface Answer {
  readonly version: 1 | 2;
  readonly responderCookie: Bytes;
  readonly payloads: readonly Payload[];
  readonly vendorIds: readonly Bytes[];
  /** Of IKEv2. */
  readonly notifications: readonly Ikev2Notification[];
  readonly verdict: Verdict;
}

/** Undefined: it is no answer in clear to anything that the probe asks. */
export function readAnswer(datagram: Bytes): Answer | undefined {
  try {
    const message = parseMessage(datagram);
    return message.header.version >= IKEV1_VERSION * 2 ? readIkev2(message) : readIkev1(message);
  } catch (error) {
    if (error instanceof MalformedError) return undefined;
    throw error;
  }
}

/** The first payload's body of a type. */
export function bodyOf(payloads: readonly Payload[], type: number): Bytes | undefined {
  return payloads.find((payload) => payload.type === type)?.body;
}

export function bodiesOf(payloads: readonly Payload[], type: number): Bytes[] {
  return payloads.filter((payload) => payload.type === type).map(({ body }) => body);
}

/** The data of an IKEv2 notification. */
export function notifyData({ notifications }: Answer, type: number): Bytes | undefined {
  return notifications.find((one) => one.type === type)?.data;
}

function readIkev1({ header, body }: IsakmpMessage): Answer | undefined {
  const payloads = parseWholeChain(header.nextPayload, body);
  // without a cookie of its own it is what we sent ourselves, come back
  const sa = bodyOf(payloads, PayloadType.SA);
  const notify = bodyOf(payloads, PayloadType.N);
  const hasBegun = !isZero(header.responderCookie);
  const goesOn = hasBegun && (sa !== undefined || payloads.some(({ type }) => type === PayloadType.KE));
  if (!goesOn && notify === undefined) return undefined;
  return {
    version: 1,
    responderCookie: header.responderCookie,
    payloads,
    vendorIds: bodiesOf(payloads, PayloadType.VID),
    notifications: [],
    verdict: goesOn
      ? { kind: 'accepted', suite: sa && readIkev1Offer(sa)[0] }
      : { kind: 'refused', notify: notifyName(1, parseNotification(notify!).type) },
  };
}

function readIkev2({ header, body }: IsakmpMessage): Answer | undefined {
  if ((header.flags & Ikev2Flag.RESPONSE) === 0) return undefined;
  const payloads = parseIkev2Payloads(header.nextPayload, body);
  const notifications = bodiesOf(payloads, Ikev2Payload.N).map(parseIkev2Notification);
  const verdict = ikev2Verdict(payloads, notifications);
  if (!verdict) return undefined;
  const vendorIds = bodiesOf(payloads, Ikev2Payload.V);
  return { version: 2, responderCookie: header.responderCookie, payloads, vendorIds, notifications, verdict };
}

/** Below this, notifications are errors (RFC 7296 section 3.10.1). */
const FIRST_STATUS = 16_384;

function ikev2Verdict(payloads: readonly Payload[], notified: readonly Ikev2Notification[]): Verdict | undefined {
  const sa = bodyOf(payloads, Ikev2Payload.SA);
  if (sa) return { kind: 'accepted', suite: readIkev2Offer(sa)[0] };
  const error = notified.find(({ type }) => type < FIRST_STATUS);
  if (error?.type === Ikev2Notify.INVALID_KE_PAYLOAD && error.data.length === 2)
    return { kind: 'wants-group', group: readU16(error.data) };
  if (error) return { kind: 'refused', notify: notifyName(2, error.type) };
  const cookie = notified.find(({ type }) => type === Ikev2Notify.COOKIE);
  return cookie && { kind: 'wants-cookie', cookie: cookie.data };
}
