/**
 * Transaction exchanges: Mode-Config (draft-dukes-ike-mode-cfg-02) and XAUTH (draft-beaulieu-ike-xauth-02).
 *
 *     gateway  REQUEST (name, password)  ->  client REPLY       each pair under a message ID of its own
 *     gateway  SET (status)              ->  client ACK
 *     client   REQUEST (address, DNS...) ->  gateway REPLY      pull; or
 *     gateway  SET (address, DNS...)     ->  client ACK         push
 *
 * A gateway takes nothing else: what a client sets about itself, its XAUTH status say, is refused.
 */
import { EMPTY } from '../bytes/bytes.ts';
import { fromUtf8, utf8 } from '../bytes/text.ts';
import type { IkePath } from '../carrier/ike-path.ts';
import { type Instant, MINUTE } from '../net/time.ts';
import {
  type Attribute,
  attributeBytes,
  attributeNumber,
  ConfigurationAttribute,
  type ConfigurationPayload,
  ConfigurationType,
  encodeConfiguration,
  numericAttribute,
  parseConfiguration,
} from '../wire/ikev1.ts';
import { ExchangeType, type IsakmpMessage, PayloadType } from '../wire/isakmp.ts';
import type { SaContext } from './context.ts';
import { type Exchange, type Exchanges, hash1Of, openExchange, sealExchange } from './exchange.ts';
import type { DropReason } from './types.ts';

export type TransactionState =
  /** The user types; the request is repeated a few times, then only waited for. */
  | { readonly awaits: 'xauth reply' }
  | { readonly awaits: 'xauth ack'; readonly succeeded: boolean }
  | { readonly awaits: 'configuration reply' }
  | { readonly awaits: 'configuration ack' }
  /** Our own side's answer to the peer's request. */
  | { readonly awaits: 'answer'; readonly identifier: number; readonly to: IkePath };

const XAUTH_FIRST = ConfigurationAttribute.XAUTH_TYPE;
const XAUTH_LAST = ConfigurationAttribute.XAUTH_ANSWER;
const XAUTH_TYPE_GENERIC = 0;

/** What our own side leaves unanswered for so long is forgotten; a person may be typing a password. */
const ANSWER_PATIENCE = 2 * MINUTE;

export interface XauthQuestion {
  readonly asks: 'password' | 'passcode';
  /** Shown to the user. */
  readonly message: string | undefined;
}

/** Gateway: asks for name and password, or for the passcode that goes with them. */
export function requestXauth(context: SaContext, exchanges: Exchanges, question: XauthQuestion, now: Instant): void {
  const { asks, message } = question;
  const passcode = asks === 'passcode';
  const wanted = passcode ? ConfigurationAttribute.XAUTH_PASSCODE : ConfigurationAttribute.XAUTH_USER_PASSWORD;
  const attributes = [
    numericAttribute(ConfigurationAttribute.XAUTH_TYPE, XAUTH_TYPE_GENERIC),
    ...(message ? [{ type: ConfigurationAttribute.XAUTH_MESSAGE, value: utf8(message) }] : []),
    ...(passcode ? [] : [{ type: ConfigurationAttribute.XAUTH_USER_NAME, value: EMPTY }]),
    { type: wanted, value: EMPTY },
  ];
  begin(context, exchanges, { awaits: 'xauth reply' }, ConfigurationType.REQUEST, attributes, now);
}

/** Gateway: tells the client how its login ended. The message holds STATUS alone: vpnc takes no other. */
export function finishXauth(context: SaContext, exchanges: Exchanges, succeeded: boolean, now: Instant): void {
  const status = numericAttribute(ConfigurationAttribute.XAUTH_STATUS, succeeded ? 1 : 0);
  begin(context, exchanges, { awaits: 'xauth ack', succeeded }, ConfigurationType.SET, [status], now);
}

/** Client: asks for its configuration. */
export function requestConfiguration(
  context: SaContext,
  exchanges: Exchanges,
  attributes: readonly Attribute[],
  now: Instant,
): void {
  begin(context, exchanges, { awaits: 'configuration reply' }, ConfigurationType.REQUEST, attributes, now);
}

/** Gateway: gives the configuration to a client that doesn't ask. */
export function pushConfiguration(
  context: SaContext,
  exchanges: Exchanges,
  attributes: readonly Attribute[],
  now: Instant,
): void {
  begin(context, exchanges, { awaits: 'configuration ack' }, ConfigurationType.SET, attributes, now);
}

/** Either side: answers a request that came as an event. Too late, and nothing happens. */
export function answerRequest(
  context: SaContext,
  exchanges: Exchanges,
  messageId: number,
  attributes: readonly Attribute[],
  now: Instant,
): void {
  const exchange = exchanges.find(messageId);
  if (exchange?.state.awaits !== 'answer') return;
  const { identifier, to } = exchange.state;
  answer(context, exchanges, exchange, { type: ConfigurationType.REPLY, identifier, attributes }, to, now);
}

export function handleTransaction(
  context: SaContext,
  exchanges: Exchanges,
  exchange: Exchange,
  message: IsakmpMessage,
  path: IkePath,
  now: Instant,
): DropReason | undefined {
  const payloads = openExchange(context, exchange, message, hash1Of(context, exchange.messageId));
  if ('drop' in payloads) return payloads.drop;
  const configuration = parseConfiguration(payloads.one(PayloadType.ATTR));
  switch (exchange.state.awaits) {
    case 'xauth reply':
      return handleXauthReply(context, exchanges, exchange, configuration, now);
    case 'xauth ack':
      if (configuration.type !== ConfigurationType.ACK) return 'ike_unexpected_payload';
      if (exchange.state.succeeded) context.emit({ type: 'xauth-finished' });
      exchanges.conclude(exchange, now);
      return undefined;
    case 'configuration reply':
      if (configuration.type !== ConfigurationType.REPLY) return 'ike_unexpected_payload';
      exchanges.conclude(exchange, now);
      context.emit({ type: 'configuration-received', attributes: configuration.attributes });
      return undefined;
    case 'configuration ack':
      if (configuration.type !== ConfigurationType.ACK) return 'ike_unexpected_payload';
      exchanges.conclude(exchange, now);
      context.emit({ type: 'configuration-acknowledged' });
      return undefined;
    case 'nothing':
      return handlePeersRequest(context, exchanges, exchange, configuration, path, now);
    default:
      return 'ike_unexpected_payload';
  }
}

function handleXauthReply(
  context: SaContext,
  exchanges: Exchanges,
  exchange: Exchange,
  { type, attributes }: ConfigurationPayload,
  now: Instant,
): DropReason | undefined {
  if (type !== ConfigurationType.REPLY) return 'ike_unexpected_payload';
  exchanges.conclude(exchange, now);
  const text = (wanted: number) => {
    const attribute = attributes.find((one) => one.type === wanted);
    return attribute && fromUtf8(attributeBytes(attribute));
  };
  const status = attributes.find((one) => one.type === ConfigurationAttribute.XAUTH_STATUS);
  if (attributeNumber(status) === 0) {
    context.end('login failed', 'the user gave up');
    return undefined;
  }
  const password =
    text(ConfigurationAttribute.XAUTH_USER_PASSWORD) ?? text(ConfigurationAttribute.XAUTH_PASSCODE) ?? '';
  const userName = text(ConfigurationAttribute.XAUTH_USER_NAME) ?? '';
  context.emit({ type: 'xauth-answered', userName, password });
  return undefined;
}

/** The first message of an exchange that the peer began. */
function handlePeersRequest(
  context: SaContext,
  exchanges: Exchanges,
  exchange: Exchange,
  { type, identifier, attributes }: ConfigurationPayload,
  path: IkePath,
  now: Instant,
): DropReason | undefined {
  const { side } = context.environment.policy;
  const xauth = attributes.some((one) => one.type >= XAUTH_FIRST && one.type <= XAUTH_LAST);
  const { messageId } = exchange;
  if (type === ConfigurationType.REQUEST && xauth === (side === 'client')) {
    exchange.state = { awaits: 'answer', identifier, to: path };
    context.timers.set(`exchange:${messageId}`, now + ANSWER_PATIENCE);
    if (xauth) context.emit({ type: 'xauth-requested', messageId, attributes });
    else context.emit({ type: 'configuration-requested', messageId, attributes });
    return undefined;
  }
  if (type === ConfigurationType.SET && side === 'client') {
    const acknowledged = attributes.map((one) => (xauth ? one : { type: one.type, value: EMPTY }));
    answer(
      context,
      exchanges,
      exchange,
      { type: ConfigurationType.ACK, identifier, attributes: acknowledged },
      path,
      now,
    );
    const status = attributes.find((one) => one.type === ConfigurationAttribute.XAUTH_STATUS);
    if (xauth) context.emit({ type: 'xauth-result', succeeded: attributeNumber(status) === 1 });
    else context.emit({ type: 'configuration-received', attributes });
    return undefined;
  }
  exchanges.close(exchange);
  return 'ike_unexpected_payload';
}

function begin(
  context: SaContext,
  exchanges: Exchanges,
  state: TransactionState,
  type: number,
  attributes: readonly Attribute[],
  now: Instant,
): void {
  const exchange = exchanges.begin(ExchangeType.TRANSACTION, now);
  if (!exchange) return;
  exchange.state = state;
  // the identifier matches replies to requests within one exchange; each of ours has but one
  const payload = encodeConfiguration({ type, identifier: 0, attributes });
  exchanges.sendAwaiting(
    exchange,
    sealExchange(context, exchange, [payload], hash1Of(context, exchange.messageId)),
    now,
  );
}

function answer(
  context: SaContext,
  exchanges: Exchanges,
  exchange: Exchange,
  configuration: ConfigurationPayload,
  path: IkePath,
  now: Instant,
): void {
  const payload = encodeConfiguration(configuration);
  exchange.lastSent = sealExchange(context, exchange, [payload], hash1Of(context, exchange.messageId));
  context.transmit(path, exchange.lastSent);
  exchanges.finish(exchange, now);
}
