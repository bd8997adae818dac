/** How far a negotiation came, as far as that can be seen from outside. */

import type { IpAddress } from '../net/address.ts';
import { Ikev2Exchange } from '../wire/ikev2.ts';
import { ExchangeType } from '../wire/isakmp.ts';
import type { Conversation } from './conversation.ts';
import type { Evidence } from './finding.ts';
import { ofGateway } from './gateways.ts';
import { type Exchange, exchangesOf, type Message, type Negotiation, type Role } from './negotiation.ts';
import { isErrorNotify } from './notify-words.ts';
import { distinctSuites, type Suite } from './offer.ts';
import type { PayloadFact } from './payload-facts.ts';
import { PATIENCE, type Scene } from './rule.ts';

export type NotifyFact = Extract<PayloadFact, { kind: 'N' }>;

export function isPhase1(message: Pick<Message, 'exchange'>): boolean {
  const { exchange } = message;
  return (
    exchange === ExchangeType.IDENTITY_PROTECTION ||
    exchange === ExchangeType.AGGRESSIVE ||
    exchange === Ikev2Exchange.IKE_SA_INIT
  );
}

/** A notification, a question whether the other side lives, or a goodbye. */
export function isInformational({ exchange }: Pick<Message, 'exchange'>): boolean {
  return exchange === ExchangeType.INFORMATIONAL || exchange === Ikev2Exchange.INFORMATIONAL;
}

/** Each message of phase 1 (IKE_SA_INIT) once, in order. */
export function phase1Of(negotiation: Negotiation): readonly Message[] {
  return negotiation.answerTo(findPhase1);
}

function findPhase1({ messages }: Negotiation): readonly Message[] {
  return messages.filter((message) => isPhase1(message) && message.repeats === undefined);
}

export function of(role: Role, messages: readonly Message[]): Message[] {
  return messages.filter(({ from }) => from === role);
}

export function isAnswered(negotiation: Negotiation): boolean {
  return negotiation.messages.some(({ from }) => from === 'responder');
}

export function isAggressive(negotiation: Negotiation): boolean {
  return phase1Of(negotiation).some(
    ({ exchange, isEncrypted }) => exchange === ExchangeType.AGGRESSIVE && !isEncrypted,
  );
}

/** The initiator said nothing more than its first message. */
export function neverWentOn({ messages }: Negotiation): boolean {
  return of('initiator', messages).every(
    ({ packet, repeats }) => repeats !== undefined || packet === messages[0]!.packet,
  );
}

function repeatsOf(negotiation: Negotiation, message: Message): Message[] {
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

/** What an answer takes on a slow line. Milliseconds. */
const ROUND_TRIP = 1000;

/** The end of what one side said to no avail: sent again, or long enough ago. Undefined: nobody waits for an answer. */
export function unanswered(
  negotiation: Negotiation,
  scene: Scene,
): { readonly role: Role; readonly first: Message; readonly messages: readonly Message[] } | undefined {
  const end = trailing(negotiation);
  const first = end?.messages[0];
  if (!end || !first) return undefined;
  const [again] = end.messages.flatMap(({ repeats }) => repeats ?? []);
  const repeated = again === undefined ? 0 : negotiation.messages.filter(({ repeats }) => repeats === again).length;
  // the answer to what was sent again may be on its way
  const isAwaited = repeated === 0 || (repeated === 1 && scene.lastAt - end.messages.at(-1)!.at < ROUND_TRIP);
  if (isAwaited && scene.lastAt - first.at < PATIENCE) return undefined;
  return { role: end.role, first, messages: end.messages };
}

export interface SeenNotify {
  readonly message: Message;
  readonly notify: NotifyFact;
}

/** Notifications in clear or opened, in order, without retransmissions. */
export function notifiesOf(negotiation: Negotiation): readonly SeenNotify[] {
  return negotiation.answerTo(findNotifies);
}

function findNotifies({ messages }: Negotiation): readonly SeenNotify[] {
  return messages
    .filter(({ repeats }) => repeats === undefined)
    .flatMap((message) => message.payloads.flatMap((fact) => (fact.kind === 'N' ? [{ message, notify: fact }] : [])));
}

export function errorsOf(negotiation: Negotiation): readonly SeenNotify[] {
  return notifiesOf(negotiation).filter(({ notify }) => isErrorNotify(notify.type));
}

export function quickModes(negotiation: Negotiation): readonly Exchange[] {
  return negotiation.answerTo(findQuickModes);
}

function findQuickModes(negotiation: Negotiation): readonly Exchange[] {
  return exchangesOf(negotiation).filter(({ type }) => type === ExchangeType.QUICK_MODE);
}

/** Quick mode came to its third message, or IKE_AUTH to an answer that holds more than an error. */
export function isEstablished(negotiation: Negotiation): boolean {
  return negotiation.answerTo(cameToItsEnd);
}

function cameToItsEnd(negotiation: Negotiation): boolean {
  if (negotiation.version === 1)
    return quickModes(negotiation).some(
      ({ messages }) => messages.length >= 3 && new Set(messages.map(({ from }) => from)).size === 2,
    );
  const { messages } = negotiation;
  if (messages.some(({ exchange, isResponse }) => exchange === Ikev2Exchange.CREATE_CHILD_SA && isResponse))
    return true;
  if (errorsOf(negotiation).some(({ notify }) => notify.name === 'AUTHENTICATION_FAILED')) return false;
  const answers = messages.filter(
    ({ exchange, isResponse, repeats }) => exchange === Ikev2Exchange.IKE_AUTH && isResponse && repeats === undefined,
  );
  const last = answers.at(-1);
  if (last?.isOpened && !isPiece(last)) return isWelcome(last) && !wentMissing(negotiation, last);
  const isLong =
    last !== undefined && (last.isFragment || last.length > (answers.length > 1 ? SHORT_END : SHORT_ANSWER));
  return isLong && !last.payloads.some(isRefusal) && !wentMissing(negotiation, last);
}

/** With the last fragment all that is inside comes, and nothing with those before. */
function isPiece({ isFragment, payloads }: Message): boolean {
  return isFragment && payloads.length === 0;
}

/** The gateway's own proof, and no more questions (EAP); the configuration that it has for the client comes with it. */
export function isWelcome({ payloads }: Message): boolean {
  const has = (kind: PayloadFact['kind']) => payloads.some((fact) => fact.kind === kind);
  return has('AUTH') && !has('EAP') && !payloads.some(isRefusal);
}

/** Its IP fragments didn't all come, and the other side asks for it again. */
function wentMissing({ messages }: Negotiation, { isLost, packet, from }: Message): boolean {
  return (
    isLost && messages.some((later) => later.packet > packet && later.from !== from && later.repeats !== undefined)
  );
}

function isRefusal(fact: PayloadFact): boolean {
  return fact.kind === 'N' && isErrorNotify(fact.type);
}

/** Phase 1 is proven on both sides: something of phase 2, or main mode's sixth message. */
export function isPhase1Done(negotiation: Negotiation): boolean {
  return negotiation.answerTo(cameThroughPhase1);
}

function cameThroughPhase1(negotiation: Negotiation): boolean {
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

/** The same behind EAP, whose refusals bring words; a welcome has proof, address and selectors. */
const SHORT_END = 176;

export function seconds(milliseconds: number): string {
  const value = milliseconds / 1000;
  return `${value < 10 ? value.toFixed(1) : Math.round(value)} s`;
}

/** So long after it began, a try by another way may have made a negotiation needless. */
const RACE = 20_000;

/**
 * Those that came to nothing, and that no later success of the same client makes irrelevant: clients try several ways, and
 * again after a person has changed something. Behind a NAT another port may be another client.
 */
export function failedOf(conversation: Conversation): Negotiation[] {
  const { negotiations } = conversation;
  const succeeded = Map.groupBy(negotiations.filter(isEstablished), clientNameOf);
  return negotiations.filter(
    (negotiation) =>
      negotiation.isWhole &&
      !isEstablished(negotiation) &&
      !succeeded.get(clientNameOf(negotiation))?.some((better) => isMadeGood(negotiation, better)),
  );
}

/** With another name it is another client, or a person has corrected it. */
function clientNameOf(negotiation: Negotiation): string {
  return `${negotiation.initiator.address.text} ${groupNameOf(negotiation)}`;
}

function isMadeGood(negotiation: Negotiation, better: Negotiation): boolean {
  if (better.lastAt < negotiation.firstAt) return false;
  return isSameClient(better, negotiation) || Math.abs(better.firstAt - negotiation.firstAt) < RACE;
}

/** By their ports: behind one NAT each client has its own. */
export function isSameClient(a: Negotiation, b: Negotiation): boolean {
  const isKnown = (port: number) => port === 500 || port === 4500;
  return a.initiator.port === b.initiator.port || (isKnown(a.initiator.port) && isKnown(b.initiator.port));
}

/** As aggressive mode tells it in clear. */
export function groupNameOf(negotiation: Negotiation): string {
  return facts(of('initiator', phase1Of(negotiation)).slice(0, 1), 'ID')[0]?.text ?? '';
}

export function chosenOf(negotiation: Negotiation): Suite | undefined {
  return negotiation.answerTo(findChosen);
}

function findChosen(negotiation: Negotiation): Suite | undefined {
  for (const message of of('responder', phase1Of(negotiation)))
    for (const fact of message.payloads) if (fact.kind === 'SA') return fact.offer[0];
  return undefined;
}

/** What the initiator offers for phase 1, of all its first messages. */
export function offerOf(negotiation: Negotiation): readonly Suite[] {
  const first = of('initiator', phase1Of(negotiation)).flatMap(({ payloads }) => payloads);
  return first.flatMap((fact) => (fact.kind === 'SA' ? fact.offer : []));
}

/** What gateways were seen to take from anybody: the best that is known of what they would have taken. */
export const takenBy: (gateway: string, scene: Scene) => readonly Suite[] = ofGateway((gateway, conversations) =>
  distinctSuites(
    conversations.flatMap(({ negotiations }) =>
      negotiations.flatMap((negotiation) => {
        if (negotiation.responder.address.text === gateway) return chosenOf(negotiation) ?? [];
        return negotiation.initiator.address.text === gateway ? offerOf(negotiation) : [];
      }),
    ),
  ),
);

export function vendorsOf(negotiation: Negotiation, role: Role): string[] {
  return of(role, negotiation.messages).flatMap(({ payloads }) =>
    payloads.flatMap((fact) => (fact.kind === 'VID' && fact.vendor !== 'unknown' ? [fact.vendor] : [])),
  );
}

export function isWindows(negotiation: Negotiation): boolean {
  return vendorsOf(negotiation, 'initiator').some((vendor) => vendor.startsWith('MS_'));
}

export function facts<K extends PayloadFact['kind']>(
  messages: readonly Message[],
  kind: K,
): Extract<PayloadFact, { kind: K }>[] {
  return messages.flatMap(({ payloads }) =>
    payloads.filter((fact): fact is Extract<PayloadFact, { kind: K }> => fact.kind === kind),
  );
}

/** A proof by shared secret, with XAUTH behind it or not. */
export function isBySecret(suite: Suite | undefined): boolean {
  return suite?.authentication.some((name) => name === 'psk' || name.startsWith('xauth-psk')) ?? false;
}

/** "packet 4 again, 3 times in all": the evidence of a message that was repeated. */
export function repeatEvidence(negotiation: Negotiation, message: Message): Evidence[] {
  const repeats = repeatsOf(negotiation, message);
  const last = repeats.at(-1);
  return last
    ? [{ packet: last.packet, says: `packet ${message.packet} again, ${repeats.length + 1} times in all` }]
    : [];
}

/** RFC 1918, RFC 6598, RFC 4193: what a NAT hides. */
export function isPrivate({ bytes }: IpAddress): boolean {
  const [a = 0, b = 0] = bytes;
  if (bytes.length === 16) return (a & 0xfe) === 0xfc;
  return a === 10 || (a === 172 && b >= 16 && b < 32) || (a === 192 && b === 168) || (a === 100 && b >= 64 && b < 128);
}
