/**
 * Quick mode, RFC 2409 section 5.5, for ESP:
 *
 *     1  HDR*, HASH(1), SA, Ni [, KE] [, IDci, IDcr]  ->
 *     2                                               <-  HDR*, HASH(2), SA, Nr [, KE] [, IDci, IDcr]
 *     3  HDR*, HASH(3)                                ->
 *
 * The responder can receive from message 2 on and sends from message 3 on; the initiator does both from message 2 on.
 */
import { type Bytes, EMPTY, u32 } from '../bytes/bytes.ts';
import { MalformedError } from '../bytes/reader.ts';
import type { IkePath } from '../carrier/ike-path.ts';
import type { DhKeyPair } from '../crypto/provider.ts';
import type { EspKeys } from '../esp/sa.ts';
import { keymatLength, splitKeymat } from '../esp/suites.ts';
import type { Instant } from '../net/time.ts';
import { hash2, hash3 } from '../protection/ikev1-hashes.ts';
import { type QuickModeExchange, quickModeKeymat } from '../protection/ikev1-keys.ts';
import {
  encodeId,
  encodeSa,
  NotifyType,
  type Proposal,
  Protocol,
  parseAttributeList,
  parseId,
  parseNotification,
  parseSa,
} from '../wire/ikev1.ts';
import { ExchangeType, type IsakmpMessage, type Payload, PayloadType } from '../wire/isakmp.ts';
import type { SaContext } from './context.ts';
import { type Exchange, type Exchanges, establishedOf, hash1Of, openExchange, sealExchange } from './exchange.ts';
import { type Lifetimes, type Phase2Lifetime, phase2Lifetimes } from './lifetimes.ts';
import type { QuickModeIds } from './message-ids.ts';
import { originalAddresses } from './nat-detection.ts';
import { notifyPeer } from './notices.ts';
import type { PayloadSet } from './payload-set.ts';
import { NONCE_LENGTH } from './phase1.ts';
import {
  acceptPhase2Choice,
  choosePhase2,
  legacyPhase2Parts,
  type Phase2Choice,
  type Phase2Suite,
  phase2Offer,
} from './phase2-proposal.ts';
import { encodeSelector, hostSelector, parseNamedHost, parseSelector, type Selector } from './selector.ts';
import type { DropReason, EspPair, Phase2Request } from './types.ts';

/** What an initiator asks for. All suites share the PFS group of the first. */
export interface QuickModeIntent {
  readonly spi: number;
  /** Inbound SPI of the pair that is to be renewed. */
  readonly replaces?: number;
  readonly suites: readonly Phase2Suite[];
  readonly local: Selector;
  readonly remote: Selector;
  readonly lifetime: Phase2Lifetime;
  /** The offer word for word but for the SPI, instead of one made of `suites` and `lifetime`; none but `suites` is taken of it. */
  readonly proposals?: readonly Proposal[];
}

export type QuickModeState =
  | {
      readonly awaits: 'quick 2';
      readonly intent: QuickModeIntent;
      readonly nonce: Bytes;
      readonly dh: DhKeyPair | undefined;
    }
  | { readonly awaits: 'quick 3'; readonly pair: EspPair; readonly nonces: QuickModeExchange };

type State<Awaits extends QuickModeState['awaits']> = Extract<QuickModeState, { awaits: Awaits }>;

/** Seconds. A peer that wants less would have us do nothing but rekey. */
const SHORTEST_LIFETIME = 30;
/** vpnc, asked to rekey, writes its own 20 bytes over our nonce and takes just these for Nr_b: so ours has no more. */
const INITIATOR_NONCE_LENGTH = 20;

/** Sends message 1. False when the SA has too many exchanges open. */
export function beginQuickMode(
  context: SaContext,
  exchanges: Exchanges,
  intent: QuickModeIntent,
  now: Instant,
): boolean {
  const exchange = exchanges.begin(ExchangeType.QUICK_MODE, now);
  if (!exchange) return false;
  const group = intent.suites[0]?.group;
  const dh = group === undefined ? undefined : context.crypto.generateDh(group);
  const nonce = context.crypto.random(context.habits?.nonceLength ?? INITIATOR_NONCE_LENGTH);
  const payloads = [
    encodeSa(offerOf(intent)),
    { type: PayloadType.NONCE, body: nonce },
    ...kePayload(dh),
    encodeId(encodeSelector(intent.local)),
    encodeId(encodeSelector(intent.remote)),
    ...originalAddresses(intent.suites[0]!.mode, context.path.local.address, context.path.remote.address),
  ];
  exchange.state = { awaits: 'quick 2', intent, nonce, dh };
  exchanges.sendAwaiting(
    exchange,
    sealExchange(context, exchange, payloads, hash1Of(context, exchange.messageId)),
    now,
  );
  return true;
}

export function handleQuick1(
  context: SaContext,
  exchanges: Exchanges,
  exchange: Exchange,
  message: IsakmpMessage,
  path: IkePath,
  now: Instant,
): DropReason | undefined {
  const payloads = openExchange(context, exchange, message, hash1Of(context, exchange.messageId));
  if ('drop' in payloads) return payloads.drop;
  const request = readSelectors(payloads, path);
  if ('refused' in request)
    return refuse(context, exchanges, exchange, request.refused, NotifyType.INVALID_ID_INFORMATION, now);
  const grant = context.environment.policy.authorizePhase2(context.id, request);
  if ('refused' in grant)
    return refuse(context, exchanges, exchange, grant.refused, NotifyType.INVALID_ID_INFORMATION, now);
  const publicValue = payloads.optional(PayloadType.KE);
  const rules = { legacy: context.environment.policy.legacy, modes: grant.modes, publicLength: publicValue?.length };
  const choice = choosePhase2(parseSa(payloads.one(PayloadType.SA)), rules);
  if ('refused' in choice)
    return refuse(context, exchanges, exchange, choice.refused, NotifyType.NO_PROPOSAL_CHOSEN, now);
  const { group } = choice.suite;
  const dh = group === undefined ? undefined : context.crypto.generateDh(group);
  const sharedSecret = dh && publicValue ? dh.sharedSecret(publicValue) : undefined;
  if (dh && !sharedSecret) throw new MalformedError('KE payload is no public value of the group');
  const nonces = {
    sharedSecret,
    initiatorNonce: payloads.nonce().slice(),
    responderNonce: context.crypto.random(NONCE_LENGTH),
  };
  const lifetime = shorterLifetime(grant.lifetime, choice);
  const { local, remote } = request;
  const pair = makePair(context, exchange, choice, grant.spi, nonces, { local, remote, lifetime, initiatedBy: 'peer' });
  const reply = [
    encodeSa([{ ...choice.answer, spi: u32(grant.spi) }]),
    { type: PayloadType.NONCE, body: nonces.responderNonce },
    ...kePayload(dh),
    ...payloads.all(PayloadType.ID).map((body) => ({ type: PayloadType.ID, body })),
    ...originalAddresses(choice.suite.mode, path.remote.address, path.local.address),
  ];
  context.emit({ type: 'esp-prepared', pair });
  exchange.state = { awaits: 'quick 3', pair, nonces };
  const { keys } = establishedOf(context);
  const hashOf = (rest: Bytes) => hash2(context.crypto, keys, exchange.messageId, nonces.initiatorNonce, rest);
  exchanges.sendAwaiting(exchange, sealExchange(context, exchange, reply, hashOf), now, path);
  return undefined;
}

export function handleQuick2(
  context: SaContext,
  exchanges: Exchanges,
  exchange: Exchange,
  state: State<'quick 2'>,
  message: IsakmpMessage,
  now: Instant,
): DropReason | undefined {
  const { keys } = establishedOf(context);
  const { intent, nonce, dh } = state;
  const payloads = openExchange(context, exchange, message, (rest) =>
    hash2(context.crypto, keys, exchange.messageId, nonce, rest),
  );
  if ('drop' in payloads) return payloads.drop;
  const choice = acceptPhase2Choice(parseSa(payloads.one(PayloadType.SA)), intent.suites);
  if (!choice) return abandon(context, exchanges, exchange, 'the peer chose a proposal that was not offered');
  // one SPI for both directions would mean one KEYMAT, and GCM nonces used twice
  if (choice.peerSpi === intent.spi) return abandon(context, exchanges, exchange, 'the peer chose our own SPI');
  const publicValue = payloads.optional(PayloadType.KE);
  const sharedSecret = dh && publicValue ? dh.sharedSecret(publicValue) : undefined;
  if (dh && !sharedSecret)
    return abandon(context, exchanges, exchange, 'the KE payload is no public value of the group');
  const nonces = { sharedSecret, initiatorNonce: nonce, responderNonce: payloads.nonce().slice() };
  const { local, remote, spi } = intent;
  const lifetime = shorterLifetime(shorterLifetime(intent.lifetime, choice), toldLifetime(payloads));
  const pair = makePair(context, exchange, choice, spi, nonces, { local, remote, lifetime, initiatedBy: 'us' });
  const last = sealExchange(context, exchange, [], () => hash3(context.crypto, keys, exchange.messageId, nonces));
  context.emit({ type: 'esp-prepared', pair });
  context.emit({ type: 'esp-established', pair });
  context.transmit(context.path, last);
  exchange.lastSent = last;
  exchanges.finish(exchange, now);
  return undefined;
}

export function handleQuick3(
  context: SaContext,
  exchanges: Exchanges,
  exchange: Exchange,
  ids: QuickModeIds,
  state: State<'quick 3'>,
  message: IsakmpMessage,
  path: IkePath,
  now: Instant,
): DropReason | undefined {
  const { keys } = establishedOf(context);
  const payloads = openExchange(context, exchange, message, () =>
    hash3(context.crypto, keys, exchange.messageId, state.nonces),
  );
  if ('drop' in payloads) return payloads.drop;
  ids.complete(exchange.messageId);
  exchanges.conclude(exchange, now);
  for (const what of legacyPhase2Parts(state.pair.suite))
    context.emit({ type: 'legacy-used', what: `${what} in phase 2` });
  // HASH(3) has our fresh nonce in it: this is no replay, so the peer is where it came from
  context.movePath(path);
  context.emit({ type: 'esp-established', pair: state.pair });
  return undefined;
}

/** A quick mode that got no answer. */
export function quickModeTimedOut(
  context: SaContext,
  exchanges: Exchanges,
  exchange: Exchange,
  state: QuickModeState,
): void {
  const why =
    state.awaits === 'quick 3'
      ? "message 3 never came: our answer doesn't reach the client, or it refused the proposal"
      : 'no answer to message 1';
  abandon(context, exchanges, exchange, why);
}

function abandon(context: SaContext, exchanges: Exchanges, exchange: Exchange, reason: string): undefined {
  const { state } = exchange;
  if (state.awaits === 'quick 2') {
    const { spi: inboundSpi, replaces } = state.intent;
    context.emit({ type: 'esp-abandoned', inboundSpi, replaces, reason });
  } else if (state.awaits === 'quick 3') {
    context.emit({ type: 'esp-abandoned', inboundSpi: state.pair.inbound.spi, replaces: undefined, reason });
  }
  exchanges.close(exchange);
  return undefined;
}

/** Ends an exchange of ours that the peer refused by a notification. */
export function quickModeRefusedByPeer(
  context: SaContext,
  exchanges: Exchanges,
  exchange: Exchange,
  notify: string,
): void {
  abandon(context, exchanges, exchange, `the peer refused it: ${notify}`);
}

/** Told once; a repeat of the message is answered from cache. */
function refuse(
  context: SaContext,
  exchanges: Exchanges,
  exchange: Exchange,
  reason: string,
  notify: number,
  now: Instant,
): DropReason | undefined {
  context.emit({ type: 'esp-refused', reason });
  exchange.lastSent = notifyPeer(context, {
    protocol: Protocol.ESP,
    spi: EMPTY,
    type: notify,
    data: u32(exchange.messageId),
  });
  exchanges.finish(exchange, now);
  return undefined;
}

/** IDci is the initiator's side, IDcr ours; without both, the two ends of the path (RFC 2409 section 5.5). */
function readSelectors(payloads: PayloadSet, path: IkePath): Phase2Request | { readonly refused: string } {
  const ids = payloads.all(PayloadType.ID);
  if (ids.length === 0)
    return { remote: hostSelector(path.remote.address), local: hostSelector(path.local.address), path };
  if (ids.length !== 2) throw new MalformedError(`${ids.length} ID payloads in quick mode`);
  const seen = [path.remote.address, path.local.address];
  const [remote, local] = ids.map(parseId).map((id, i) => parseSelector(id) ?? parseNamedHost(id, seen[i]!));
  if (!remote || !local) return { refused: 'its selectors are no addresses or subnets' };
  return { remote, local, path };
}

function makePair(
  context: SaContext,
  exchange: Exchange,
  choice: Phase2Choice,
  ownSpi: number,
  nonces: QuickModeExchange,
  rest: Pick<EspPair, 'local' | 'remote' | 'lifetime' | 'initiatedBy'>,
): EspPair {
  const { keys } = establishedOf(context);
  const { suite, peerSpi } = choice;
  const keysFor = (spi: number): EspKeys => {
    const keymat = quickModeKeymat(context.crypto, keys, nonces, Protocol.ESP, spi, keymatLength(suite.esp));
    return splitKeymat(suite.esp, keymat);
  };
  const inbound = { spi: ownSpi, keys: keysFor(ownSpi) };
  const outbound = { spi: peerSpi, keys: keysFor(peerSpi) };
  return { messageId: exchange.messageId, suite, inbound, outbound, ...rest };
}

/** RESPONDER-LIFETIME, RFC 2407 section 4.6.3.1: the peer's own end of the pair, sooner than what it chose. */
function toldLifetime(payloads: PayloadSet): Lifetimes {
  const notification = payloads
    .all(PayloadType.N)
    .map(parseNotification)
    .find(({ type, protocol }) => type === NotifyType.RESPONDER_LIFETIME && protocol === Protocol.ESP);
  return phase2Lifetimes(notification ? parseAttributeList(notification.data) : []);
}

function shorterLifetime(ours: Phase2Lifetime, theirs: Lifetimes): Phase2Lifetime {
  const { kilobytes } = theirs;
  return {
    seconds: Math.max(SHORTEST_LIFETIME, Math.min(ours.seconds, theirs.seconds ?? ours.seconds)),
    kilobytes: ours.kilobytes && kilobytes ? Math.min(ours.kilobytes, kilobytes) : (ours.kilobytes ?? kilobytes),
  };
}

function offerOf({ proposals, suites, spi, lifetime }: QuickModeIntent): Proposal[] {
  return proposals?.map((proposal) => ({ ...proposal, spi: u32(spi) })) ?? phase2Offer(suites, spi, lifetime);
}

function kePayload(dh: DhKeyPair | undefined): Payload[] {
  return dh ? [{ type: PayloadType.KE, body: dh.publicValue }] : [];
}
