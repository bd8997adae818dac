/** Informational exchanges, RFC 2409 section 5.7: each is one protected message, without an answer and without repeats. */
import { bytesEqual, readU32 } from '../bytes/bytes.ts';
import type { IkePath } from '../carrier/ike-path.ts';
import { ipFromBytes } from '../net/address.ts';
import { type Instant, MINUTE, SECOND } from '../net/time.ts';
import { phase2Iv } from '../protection/ikev1-cipher.ts';
import {
  type Notification,
  NotifyType,
  Protocol,
  parseAttributeList,
  parseDeletion,
  parseNotification,
} from '../wire/ikev1.ts';
import { type IsakmpMessage, PayloadType, parseWholeChain } from '../wire/isakmp.ts';
import type { SaContext } from './context.ts';
import type { DeadPeerDetection } from './dpd.ts';
import { type Exchange, type Exchanges, establishedOf, hash1Of, openExchange } from './exchange.ts';
import { phase1Lifetimes } from './lifetimes.ts';
import { notifyExplained } from './notify-names.ts';
import { quickModeRefusedByPeer } from './quick-mode.ts';
import type { DropReason } from './types.ts';

/** RFC 2408 section 3.14.1: the errors among the notifications. */
const LAST_ERROR = 8191;

/** What a quick mode's first message is refused by. */
const REFUSALS: ReadonlySet<number> = new Set([
  NotifyType.INVALID_PROTOCOL_ID,
  NotifyType.INVALID_SPI,
  NotifyType.INVALID_TRANSFORM_ID,
  NotifyType.ATTRIBUTES_NOT_SUPPORTED,
  NotifyType.NO_PROPOSAL_CHOSEN,
  NotifyType.BAD_PROPOSAL_SYNTAX,
  NotifyType.INVALID_KEY_INFORMATION,
  NotifyType.INVALID_ID_INFORMATION,
]);

/** A gateway that wants a new phase 1 more often than this wants nothing but logins. */
const MIN_PHASE1_LIFETIME = MINUTE;

export function handleInformational(
  context: SaContext,
  exchanges: Exchanges,
  dpd: DeadPeerDetection,
  message: IsakmpMessage,
  path: IkePath,
  now: Instant,
): DropReason | undefined {
  const { messageId } = message.header;
  const { keys, phase1Iv } = establishedOf(context);
  const exchange = { messageId, iv: phase2Iv(context.crypto, keys, phase1Iv, messageId) };
  const payloads = openExchange(context, exchange, message, hash1Of(context, messageId));
  if ('drop' in payloads) return payloads.drop;
  for (const body of payloads.all(PayloadType.N)) {
    const fresh = handleNotification(context, exchanges, dpd, parseNotification(body), path, now);
    if (fresh) context.movePath(path);
  }
  for (const body of payloads.all(PayloadType.D)) handleDeletion(context, parseDeletion(body));
  return undefined;
}

/**
 * A notification in clear: anybody can have sent it, so it changes nothing, but often it tells a person at once what else only
 * silence would. Undefined: it says nothing.
 */
export function readUnprotected(message: IsakmpMessage): string | undefined {
  const payloads = parseWholeChain(message.header.nextPayload, message.body);
  const errors = payloads
    .filter(({ type }) => type === PayloadType.N)
    .map(({ body }) => parseNotification(body).type)
    .filter((type) => type <= LAST_ERROR);
  return errors.length > 0 ? `the peer says ${errors.map(notifyExplained).join('; ')}` : undefined;
}

/** True if the notification proves that the peer is there now: it can't be a replay. */
function handleNotification(
  context: SaContext,
  exchanges: Exchanges,
  dpd: DeadPeerDetection,
  notification: Notification,
  path: IkePath,
  now: Instant,
): boolean {
  switch (notification.type) {
    case NotifyType.R_U_THERE:
      return dpd.handleRequest(notification, path, now);
    case NotifyType.R_U_THERE_ACK:
      return dpd.handleAcknowledgement(notification, path, now);
    case NotifyType.INITIAL_CONTACT:
      context.emit({ type: 'initial-contact' });
      return false;
    case NotifyType.RESPONDER_LIFETIME:
      if (notification.protocol === Protocol.ISAKMP) hearLifetime(context, notification, now);
      return false;
    case NotifyType.CISCO_LOAD_BALANCE:
      hearRedirection(context, notification);
      return false;
    default:
      if (notification.type <= LAST_ERROR) handleError(context, exchanges, notification);
      return false;
  }
}

/** An error names the quick mode that it refuses by message ID in its data, or not at all: then it is the only one there is. */
function handleError(context: SaContext, exchanges: Exchanges, { type, data }: Notification): void {
  const name = notifyExplained(type);
  const named = data.length >= 4 ? exchanges.find(readU32(data)) : undefined;
  const exchange = named ?? (REFUSALS.has(type) ? onlyQuickMode(context, exchanges) : undefined);
  if (exchange?.state.awaits === 'quick 2' || exchange?.state.awaits === 'quick 3') {
    quickModeRefusedByPeer(context, exchanges, exchange, name);
  } else {
    context.fail('informational', `the peer says ${name}`);
  }
}

/** To go where a gateway sends us would need the leave of the profile: a person is told. */
function hearRedirection(context: SaContext, { data }: Notification): void {
  if (context.environment.policy.side !== 'client' || data.length !== 4) return;
  context.fail('phase 1', `the gateway's cluster sends us on to ${ipFromBytes(data).text}: take that as the gateway`);
}

/** A client has mostly one under way. A gateway doesn't guess: whose notifications anybody repeats would cost others more. */
function onlyQuickMode(context: SaContext, exchanges: Exchanges): Exchange | undefined {
  if (context.environment.policy.side !== 'client') return undefined;
  const [only, ...others] = exchanges.awaiting('quick 2');
  return others.length === 0 ? only : undefined;
}

/** RESPONDER-LIFETIME, RFC 2407 section 4.6.3.1. It only ever shortens: an old one that somebody repeats does no harm. */
function hearLifetime(context: SaContext, { data }: Notification, now: Instant): void {
  const { seconds } = phase1Lifetimes(parseAttributeList(data));
  if (context.role !== 'initiator' || seconds === undefined) return;
  context.limitLifetime(Math.max(MIN_PHASE1_LIFETIME, seconds * SECOND), now);
}

function handleDeletion(context: SaContext, { protocol, spis }: ReturnType<typeof parseDeletion>): void {
  if (protocol === Protocol.ISAKMP) {
    const peer = context.environment.policy.side === 'client' ? 'gateway' : 'client';
    if (spis.some((spi) => bytesEqual(spi, context.spi))) context.end('deleted by the peer', `the ${peer} hung up`);
  } else if (protocol === Protocol.ESP) {
    context.emit({ type: 'esp-deleted', spis: spis.filter((spi) => spi.length === 4).map((spi) => readU32(spi)) });
  }
}
