/** What we tell a peer outside of any exchange: notifications and deletes, each in one protected informational message. */
import { type Bytes, u32 } from '../bytes/bytes.ts';
import type { IkePath } from '../carrier/ike-path.ts';
import { phase2Iv } from '../protection/ikev1-cipher.ts';
import {
  encodeAttributes,
  encodeDeletion,
  encodeNotification,
  LifeType,
  type Notification,
  NotifyType,
  numericAttribute,
  Phase1Attribute,
  Protocol,
} from '../wire/ikev1.ts';
import { ExchangeType, type Payload } from '../wire/isakmp.ts';
import type { SaContext } from './context.ts';
import { establishedOf, hash1Of, sealExchange } from './exchange.ts';

/** Gives the message, for who may have to repeat it. */
export function notifyPeer(context: SaContext, notification: Notification, path: IkePath = context.path): Bytes {
  const message = sealInformational(context, encodeNotification(notification));
  context.transmit(path, message);
  return message;
}

/** RESPONDER-LIFETIME, RFC 2407 section 4.6.3.1: phase 1 ends here sooner than the peer proposed. */
export function tellLifetime(context: SaContext, seconds: number): void {
  const attributes = [
    numericAttribute(Phase1Attribute.LIFE_TYPE, LifeType.SECONDS),
    numericAttribute(Phase1Attribute.LIFE_DURATION, seconds),
  ];
  const data = encodeAttributes(attributes);
  notifyPeer(context, { protocol: Protocol.ISAKMP, spi: context.spi, type: NotifyType.RESPONDER_LIFETIME, data });
}

/** Tells the peer that this phase 1 is no more. */
export function deletePhase1(context: SaContext): void {
  const deletion = encodeDeletion({ protocol: Protocol.ISAKMP, spis: [context.spi] });
  context.transmit(context.path, sealInformational(context, deletion));
}

/** Tells the peer that we no longer receive on these SPIs of ours. */
export function deleteEsp(context: SaContext, inboundSpis: readonly number[]): void {
  const deletion = encodeDeletion({ protocol: Protocol.ESP, spis: inboundSpis.map(u32) });
  context.transmit(context.path, sealInformational(context, deletion));
}

function sealInformational(context: SaContext, payload: Payload) {
  const { keys, phase1Iv } = establishedOf(context);
  const messageId = context.newMessageId(() => false);
  const iv = phase2Iv(context.crypto, keys, phase1Iv, messageId);
  const exchange = { messageId, exchangeType: ExchangeType.INFORMATIONAL, iv };
  return sealExchange(context, exchange, [payload], hash1Of(context, messageId));
}
