/**
 * What the gateway tells, unprotected, to those it knows nothing of: that their SA is gone (RFC 2408 section 3.14.1), so that who
 * outlived our restart learns of it before its DPD does; and that there is no IKEv2 here. Held to a rate, never an answer to
 * a notification, and never longer than what was asked.
 */
import { type Bytes, concat, EMPTY, readU32, u32 } from '../bytes/bytes.ts';
import type { IkePath } from '../carrier/ike-path.ts';
import type { CryptoProvider } from '../crypto/provider.ts';
import { type EspPath, goesWithIke } from '../esp/sa.ts';
import type { Transmit } from '../ikev1/types.ts';
import { encodeNotification, type Notification, NotifyType, Protocol } from '../wire/ikev1.ts';
import { encodeIkev2Notification, Ikev2Exchange, Ikev2Flag, Ikev2Notify } from '../wire/ikev2.ts';
import {
  COOKIE_LENGTH,
  ExchangeType,
  encodeMessage,
  encodePayloads,
  IKEV1_VERSION,
  type IsakmpHeader,
  type IsakmpMessage,
} from '../wire/isakmp.ts';

const IKE_PORT = 500;

/** Undefined: such a message is not answered. */
export function invalidCookie(crypto: CryptoProvider, path: IkePath, header: IsakmpHeader): Transmit | undefined {
  if (header.exchangeType === ExchangeType.INFORMATIONAL) return undefined;
  const { initiatorCookie, responderCookie } = header;
  const spi = concat(initiatorCookie, responderCookie);
  const notification = { protocol: Protocol.ISAKMP, spi, type: NotifyType.INVALID_COOKIE, data: EMPTY };
  return { path, message: encode(crypto, initiatorCookie, responderCookie, notification) };
}

/** To where the sender of that ESP speaks IKE. */
export function invalidSpi(crypto: CryptoProvider, path: EspPath, spi: number): Transmit {
  const notification = { protocol: Protocol.ESP, spi: u32(spi), type: NotifyType.INVALID_SPI, data: EMPTY };
  const message = encode(crypto, crypto.random(COOKIE_LENGTH), new Uint8Array(COOKIE_LENGTH), notification);
  const { carrier, local, remote } = path;
  if (goesWithIke(carrier)) return { path: { carrier, local, remote }, message };
  const ike = { carrier: 'udp', local: { ...local, port: IKE_PORT }, remote: { ...remote, port: IKE_PORT } } as const;
  return { path: ike, message };
}

/**
 * To who begins IKEv2, and would ask for minutes: a response to its request (RFC 7296 section 1.5). It is of version 2, though section
 * 2.5 has the highest that we speak: charon throws a message of IKEv1 away unread. Undefined: it doesn't begin an SA.
 */
export function invalidMajorVersion(path: IkePath, { header, body }: IsakmpMessage): Transmit | undefined {
  const { version, exchangeType, flags, messageId } = header;
  const begins = exchangeType === Ikev2Exchange.IKE_SA_INIT && flags === Ikev2Flag.INITIATOR && messageId === 0;
  if (version >> 4 !== 2 || !begins) return undefined;
  const payload = encodeIkev2Notification({
    protocol: 0,
    spi: EMPTY,
    type: Ikev2Notify.INVALID_MAJOR_VERSION,
    data: EMPTY,
  });
  const chain = encodePayloads([payload]);
  if (chain.length > body.length) return undefined;
  return { path, message: encodeMessage({ ...header, nextPayload: payload.type, flags: Ikev2Flag.RESPONSE }, chain) };
}

function encode(
  crypto: CryptoProvider,
  initiatorCookie: Bytes,
  responderCookie: Bytes,
  notification: Notification,
): Bytes {
  const payload = encodeNotification(notification);
  const header = {
    initiatorCookie,
    responderCookie,
    nextPayload: payload.type,
    version: IKEV1_VERSION,
    exchangeType: ExchangeType.INFORMATIONAL,
    flags: 0,
    messageId: readU32(crypto.random(4)),
  };
  return encodeMessage(header, encodePayloads([payload]));
}
