/** How far a negotiation came, as far as that can be seen from outside. */

import { Ikev2Exchange } from '../wire/ikev2.ts';
import { ExchangeType } from '../wire/isakmp.ts';
import { type Exchange, exchangesOf, type Message, type Negotiation, type Role } from './negotiation.ts';
import { isErrorNotify } from './notify-words.ts';
import type { PayloadFact } from './payload-facts.ts';
import { PATIENCE, type Scene } from './rule.ts';

export type NotifyFact = Extract<PayloadFact, { kind: 'N' }>;

export function isPhase1(message: Message): boolean {
  const { exchange } = message;
  return (
    exchange === ExchangeType.IDENTITY_PROTECTION ||
    exchange === ExchangeType.AGGRESSIVE ||
    exchange === Ikev2Exchange.IKE_SA_INIT
  );
}

/** Each message of phase 1 (IKE_SA_INIT) once, in order. */
export function phase1Of(negotiation: Negotiation): Message[] {
  return negotiation.messages.filter((message) => isPhase1(message) && message.repeats === undefined);
}

export function of(role: Role, messages: readonly Message[]): Message[] {
  return messages.filter(({ from }) => from === role);
}

export function isAnswered(negotiation: Negotiation): boolean {
  return negotiation.messages.some(({ from }) => from === 'responder');
}

export function isAggressive(negotiation: Negotiation): boolean {
  return negotiation.messages.some(({ exchange, isEncrypted }) => exchange === ExchangeType.AGGRESSIVE && !isEncrypted);
}

export function repeatsOf(negotiation: Negotiation, message: Message): Message[] {
  return negotiation.messages.filter(({ repeats }) => repeats === message.packet);
}

/** How often a message was sent, the first time included. */
export function timesSent(negotiation: Negotiation, message: Message): number {
  return 1 + repeatsOf(negotiation, message).length;
}

/** The messages at the end to which the other side said nothing any more. */
export function trailing(
  negotiation: Negotiation,
): { readonly role: Role; readonly messages: readonly Message[] } | undefined {
  const { messages } = negotiation;
  const last = messages.at(-1);
  if (!last) return undefined;
  const from = messages.findLastIndex((message) => message.from !== last.from) + 1;
  return { role: last.from, messages: messages.slice(from) };
}

/** The end of what one side said to no avail: sent again, or long enough ago. Undefined: nobody waits for an answer. */
export function unanswered(
  negotiation: Negotiation,
  scene: Scene,
): { readonly role: Role; readonly first: Message; readonly messages: readonly Message[] } | undefined {
  const end = trailing(negotiation);
  const first = end?.messages[0];
  if (!end || !first) return undefined;
  const wasRepeated = end.messages.some(({ repeats }) => repeats !== undefined);
  if (!wasRepeated && scene.lastAt - first.at < PATIENCE) return undefined;
  return { role: end.role, first, messages: end.messages };
}

export interface SeenNotify {
  readonly message: Message;
  readonly notify: NotifyFact;
}

/** Notifications in clear or opened, in order, without retransmissions. */
export function notifiesOf(negotiation: Negotiation): SeenNotify[] {
  return negotiation.messages
    .filter(({ repeats }) => repeats === undefined)
    .flatMap((message) => message.payloads.flatMap((fact) => (fact.kind === 'N' ? [{ message, notify: fact }] : [])));
}

export function errorsOf(negotiation: Negotiation): SeenNotify[] {
  return notifiesOf(negotiation).filter(({ notify }) => isErrorNotify(notify.type));
}

export function quickModes(negotiation: Negotiation): Exchange[] {
  return exchangesOf(negotiation).filter(({ type }) => type === ExchangeType.QUICK_MODE);
}

/** Quick mode came to its third message, or IKE_AUTH to an answer that holds more than an error. */
export function isEstablished(negotiation: Negotiation): boolean {
  if (negotiation.version === 1)
    return quickModes(negotiation).some(
      ({ messages }) => messages.length >= 3 && new Set(messages.map(({ from }) => from)).size === 2,
    );
  return negotiation.messages.some(
    (message) =>
      (message.exchange === Ikev2Exchange.CREATE_CHILD_SA && message.isResponse) ||
      (message.exchange === Ikev2Exchange.IKE_AUTH && message.isResponse && message.length > SHORT_ANSWER),
  );
}

/** Phase 1 is proven on both sides: something of phase 2, or main mode's sixth message. */
export function isPhase1Done(negotiation: Negotiation): boolean {
  if (negotiation.version === 2) return isEstablished(negotiation);
  const phase1 = phase1Of(negotiation);
  const [initiator, responder] = [of('initiator', phase1), of('responder', phase1)];
  if (!isAggressive(negotiation) && initiator.length >= 3 && responder.length >= 3) return true;
  return exchangesOf(negotiation).some(
    ({ type, messages }) =>
      (type === ExchangeType.QUICK_MODE || type === ExchangeType.TRANSACTION) &&
      new Set(messages.map(({ from }) => from)).size === 2,
  );
}

/** An encrypted answer that holds one notification, with any cipher and integrity: 28 header, SK with IV and ICV, and 8 bytes or a few more. */
export const SHORT_ANSWER = 112;

export function seconds(milliseconds: number): string {
  const value = milliseconds / 1000;
  return `${value < 10 ? value.toFixed(1) : Math.round(value)} s`;
}
