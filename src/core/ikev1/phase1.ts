/**
 * What main and aggressive mode share: the states of phase 1, each named for the message it awaits, and the step from one
 * to the next. A step that fails leaves the state as it was: an attacker's message ends nobody's negotiation.
 */
import { type Bytes, EMPTY } from '../bytes/bytes.ts';
import type { IkePath } from '../carrier/ike-path.ts';
import type { DhKeyPair } from '../crypto/provider.ts';
import { isNatTraversalId, NAT_T_PREFERENCE, ownVendorIds, readVendorIds } from '../ike/vendor-ids.ts';
import { type Instant, SECOND } from '../net/time.ts';
import { isakmpKeys, type Phase1Exchange, type Phase1Keys } from '../protection/ikev1-keys.ts';
import {
  encodeNotification,
  encodeSa,
  type Identification,
  NotifyType,
  type Proposal,
  Protocol,
  parseNotification,
} from '../wire/ikev1.ts';
import { type Payload, PayloadType } from '../wire/isakmp.ts';
import { kindOf } from './authentication.ts';
import type { SaContext } from './context.ts';
import { legacyParts } from './legacy.ts';
import { speaksNatTraversal } from './nat-detection.ts';
import type { PayloadSet } from './payload-set.ts';
import { type Phase1Choice, type Phase1Suite, phase1Offer, phase1SuiteName } from './phase1-proposal.ts';
import type { AuthenticationKind, Credential, DropReason, Habits, NatDetected } from './types.ts';

export const NONCE_LENGTH = 32;

/** What an initiator brings along. */
export interface InitiatorIntent {
  readonly suites: readonly Phase1Suite[];
  readonly credential: Credential;
  readonly identity: Identification;
  /** Seconds. */
  readonly lifetime: number;
  /** The offer word for word, instead of one made of `suites` and `lifetime`; none but `suites` is taken of it. */
  readonly proposals?: readonly Proposal[];
  /** Absent: our own. */
  readonly habits?: Habits;
  /** Says that nothing is left here of an earlier time, so that the peer forgets what it has of us; absent: no. */
  readonly initialContact?: boolean;
}

/** Agreed on, and both cookies known: what is needed for the keys but the peer's public value and nonce. */
export interface OwnShare {
  readonly dh: DhKeyPair;
  readonly nonce: Bytes;
}

export type Phase1State =
  | { readonly awaits: 'main 1' }
  | { readonly awaits: 'main 3'; readonly choice: Phase1Choice; readonly initiatorSa: Bytes }
  | {
      readonly awaits: 'main 5';
      readonly choice: Phase1Choice;
      readonly exchange: Phase1Exchange;
      readonly sharedSecret: () => Bytes | undefined;
      readonly nat: NatDetected;
    }
  | { readonly awaits: 'aggressive 1' }
  | {
      readonly awaits: 'aggressive 3';
      readonly choice: Phase1Choice;
      readonly exchange: Phase1Exchange;
      readonly keys: Phase1Keys;
      readonly credential: Credential;
      readonly peerIdentity: Identification;
    }
  | { readonly awaits: 'main 2'; readonly intent: InitiatorIntent; readonly initiatorSa: Bytes }
  | {
      readonly awaits: 'main 4';
      readonly intent: InitiatorIntent;
      readonly choice: Phase1Choice;
      readonly initiatorSa: Bytes;
      readonly own: OwnShare;
    }
  | {
      readonly awaits: 'main 6';
      readonly intent: InitiatorIntent;
      readonly choice: Phase1Choice;
      readonly exchange: Phase1Exchange;
      readonly keys: Phase1Keys;
      readonly iv: Bytes;
      readonly nat: NatDetected;
    }
  | {
      readonly awaits: 'aggressive 2';
      readonly intent: InitiatorIntent;
      readonly initiatorSa: Bytes;
      readonly own: OwnShare;
    }
  /** Established. */
  | { readonly awaits: 'nothing' };

/** The state that awaits one certain message. */
export type Phase1Awaiting<Awaits extends Phase1State['awaits']> = Extract<Phase1State, { awaits: Awaits }>;

export type Phase1Step =
  | {
      readonly next: Phase1State;
      readonly reply?: Bytes;
      /** Where the reply goes and the peer is from now on, when not where the message came from. */
      readonly path?: IkePath;
    }
  | { readonly drop: DropReason }
  /** Told to a person; `notify` goes to the peer in clear when set. */
  | { readonly refused: string; readonly notify?: number };

/** A person types no password here: what takes longer is blocked or malicious. */
export const HALF_OPEN_LIFETIME = 30 * SECOND;

export function learnTraits(context: SaContext, payloads: PayloadSet): void {
  const traits = readVendorIds(payloads.all(PayloadType.VID));
  // both sides have to say that they take fragments
  const fragmentation =
    traits.fragmentation && (!context.habits || readVendorIds(context.habits.vendorIds).fragmentation);
  context.traits = { ...traits, fragmentation };
}

/** The SA payload of an initiator's first message. */
export function encodeOffer({ proposals, suites, lifetime }: InitiatorIntent): Payload {
  return encodeSa(proposals ?? phase1Offer(suites, lifetime));
}

export function newNonce(context: SaContext): Bytes {
  return context.crypto.random(context.habits?.nonceLength ?? NONCE_LENGTH);
}

/** The responder repeats the peer's best NAT-T vendor ID; the initiator offers all. */
export function vendorIdPayloads(context: SaContext): Payload[] {
  const { natTraversalVendorId } = context.traits;
  const answered = natTraversalVendorId ? [natTraversalVendorId] : [];
  const natTraversal = context.role === 'initiator' ? NAT_T_PREFERENCE : answered;
  const ids = context.habits?.vendorIds ?? ownVendorIds(natTraversal);
  const sent = speaksNatTraversal(context) ? ids : ids.filter((id) => !isNatTraversalId(id));
  return sent.map((body) => ({ type: PayloadType.VID, body }));
}

/** INITIAL-CONTACT names the phase 1 that it comes in, RFC 2407 section 4.6.3.3. */
export function initialContactPayloads(context: SaContext, { initialContact }: InitiatorIntent): Payload[] {
  if (!initialContact) return [];
  const { spi } = context;
  return [encodeNotification({ protocol: Protocol.ISAKMP, spi, type: NotifyType.INITIAL_CONTACT, data: EMPTY })];
}

export function hasInitialContact(payloads: PayloadSet): boolean {
  return payloads.all(PayloadType.N).some((body) => parseNotification(body).type === NotifyType.INITIAL_CONTACT);
}

/** One object for all: it lives as long as the SA. */
const OVER: Phase1State = { awaits: 'nothing' };

/** Marks phase 1 as established: from here on the peer is who it says and where it is. */
export function establish(
  context: SaContext,
  result: {
    readonly choice: Phase1Choice;
    readonly keys: Phase1Keys;
    readonly phase1Iv: Bytes;
    readonly exchange: 'main mode' | 'aggressive mode';
    readonly peerIdentity: Identification;
    readonly credential: Credential;
    readonly nat: NatDetected;
    readonly path: IkePath;
    readonly initialContact: boolean;
  },
  now: Instant,
): Phase1State {
  const { choice, path, initialContact, ...rest } = result;
  const keys = isakmpKeys(rest.keys);
  // its bytes alone: a view has all that it is a view of outside of the heap
  const peerIdentity = { ...rest.peerIdentity, data: rest.peerIdentity.data.slice() };
  const established = { ...rest, keys, peerIdentity, suite: choice.suite, traits: context.traits };
  const { phase1Lifetime } = context.environment.policy;
  const offered = choice.lifetime ?? phase1Lifetime;
  const lifetime = Math.min(offered, phase1Lifetime) * SECOND;
  context.established = { ...established, lifetimeCutTo: offered > phase1Lifetime ? phase1Lifetime : undefined };
  context.path = path;
  context.timers.clear('phase1');
  context.limitLifetime(lifetime, now);
  for (const what of legacyParts(choice.suite)) context.emit({ type: 'legacy-used', what: `${what} in phase 1` });
  context.emit({ type: 'established', ...established });
  if (initialContact) context.emit({ type: 'initial-contact' });
  return OVER;
}

/** The initiator's offer, which a state may share with others: {@link Ikev1Environment.shareOffer}. */
export function offerOf(state: Phase1State): Bytes | undefined {
  if ('initiatorSa' in state) return state.initiatorSa;
  return 'exchange' in state ? state.exchange.initiatorSa : undefined;
}

/** Bytes that a state keeps for itself alone, of what the peer said and of our own share. */
export function heldFor(state: Phase1State): number {
  if (!('exchange' in state)) return 0;
  const { initiatorPublic, responderPublic, initiatorNonce, responderNonce } = state.exchange;
  const shares = initiatorPublic.length + responderPublic.length + initiatorNonce.length + responderNonce.length;
  return shares + ('peerIdentity' in state ? state.peerIdentity.data.length : 0);
}

/** Why a negotiation that went silent may have done so. */
export function silenceExplained(state: Phase1State): string {
  switch (state.awaits) {
    case 'main 5':
      return 'no fifth message came: the client gave up, or its port 4500 is blocked on the way';
    case 'aggressive 3':
      return `no third message came (${phase1SuiteName(state.choice.suite)}): ${silenceAfterOurProof(kindOf(state.choice))}`;
    case 'main 2':
    case 'aggressive 2':
      return 'no answer: the peer is down, or UDP 500 is blocked on the way';
    case 'main 6':
      return `no sixth message came: ${silenceAfterMessage5(kindOf(state.choice))}`;
    default:
      return `the negotiation stopped before message ${state.awaits.split(' ')[1]}`;
  }
}

/** What an encrypted notification means before phase 1 is done. Certificates leave no doubt about the keys: what they prove is refused. */
export function sealedNoticeExplained(state: Phase1State): string {
  const byCertificate = 'choice' in state && kindOf(state.choice) !== 'psk';
  if (byCertificate) return "it answered with a notification that can't be read before phase 1 is done";
  return 'it answered with a notification under keys that are not ours: the secrets differ';
}

function silenceAfterMessage5(kind: AuthenticationKind): string {
  if (kind === 'psk') return 'the pre-shared keys differ, or UDP 4500 is blocked on the way';
  const blocked = 'UDP 4500 or IP fragments are blocked on the way';
  return kind === 'hybrid' ? blocked : `the peer doesn't take our certificate, or ${blocked}`;
}

function silenceAfterOurProof(kind: AuthenticationKind): string {
  const distrust =
    kind === 'psk'
      ? 'the group secrets differ and the client saw it in our answer'
      : "the client doesn't trust our certificate (its authority, or the name in it)";
  return `${distrust}, or the answer is blocked on the way`;
}
