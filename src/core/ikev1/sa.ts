/**
 * One IKEv1 ISAKMP SA, initiator or responder, from its first message to its end: phase 1, and all exchanges under it.
 *
 * The owner calls `handleInput` and `handleTimeout`, and after every call of any method drains `pollTransmit` and
 * `pollEvent` until they give undefined, then arms one timer for `pollTimeout`.
 */
import { type Bytes, isZero } from '../bytes/bytes.ts';
import { MalformedError } from '../bytes/reader.ts';
import type { IkePath } from '../carrier/ike-path.ts';
import { type Instant, MINUTE, SECOND } from '../net/time.ts';
import type { Attribute, Identification } from '../wire/ikev1.ts';
import { COOKIE_LENGTH, ExchangeType, Flag, type IsakmpMessage, PayloadType, parseMessage } from '../wire/isakmp.ts';
import { beginAggressiveMode } from './aggressive-mode.ts';
import { SaContext } from './context.ts';
import { DeadPeerDetection } from './dpd.ts';
import { type Exchange, Exchanges } from './exchange.ts';
import { FragmentBuffer } from './fragments.ts';
import { handleInformational, readUnprotected } from './informational.ts';
import { beginMainMode } from './main-mode.ts';
import { QuickModeIds } from './message-ids.ts';
import { deleteEsp, deletePhase1, tellLifetime } from './notices.ts';
import { HALF_OPEN_LIFETIME, type InitiatorIntent, type Phase1State } from './phase1.ts';
import { Phase1Dialogue } from './phase1-dialogue.ts';
import {
  beginQuickMode,
  handleQuick1,
  handleQuick2,
  handleQuick3,
  type QuickModeIntent,
  quickModeTimedOut,
} from './quick-mode.ts';
import {
  answerRequest,
  finishXauth,
  handleTransaction,
  pushConfiguration,
  requestConfiguration,
  requestXauth,
  type XauthQuestion,
} from './transaction.ts';
import type {
  Credential,
  DropReason,
  Ikev1Environment,
  Ikev1Event,
  Phase1Established,
  Role,
  Transmit,
} from './types.ts';

/** A person may be typing a password. */
const LOGIN_PATIENCE = 2 * MINUTE;
/** Bytes of a fragmented message while the peer has proven nothing. */
const MAX_UNPROVEN = 16_384;

export class Ikev1Sa {
  readonly #context: SaContext;
  readonly #exchanges: Exchanges;
  readonly #dpd: DeadPeerDetection;
  /** Undefined until a first fragment comes, which to most SAs never does. */
  #fragments: FragmentBuffer | undefined;
  #quickModeIds = new QuickModeIds(false);
  readonly #phase1: Phase1Dialogue;
  #startedAt: Instant = 0;

  private constructor(context: SaContext, phase1: Phase1State) {
    this.#context = context;
    this.#exchanges = new Exchanges(context);
    this.#dpd = new DeadPeerDetection(context);
    this.#phase1 = new Phase1Dialogue(context, this.#dpd, phase1);
  }

  /** A responder for a first message from `path`. Give that message to `handleInput` next. */
  static respond(
    id: number,
    environment: Ikev1Environment,
    message: IsakmpMessage,
    path: IkePath,
    now: Instant,
  ): Ikev1Sa {
    const cookies = { initiator: message.header.initiatorCookie.slice(), responder: newCookie(environment) };
    const context = new SaContext(id, environment, 'responder', cookies, path);
    const aggressive = message.header.exchangeType === ExchangeType.AGGRESSIVE;
    context.timers.set('phase1', now + HALF_OPEN_LIFETIME);
    return new Ikev1Sa(context, { awaits: aggressive ? 'aggressive 1' : 'main 1' });
  }

  /** An initiator that has sent its first message to `path`. */
  static initiate(
    id: number,
    environment: Ikev1Environment,
    mode: 'main' | 'aggressive',
    intent: InitiatorIntent,
    path: IkePath,
    now: Instant,
  ): Ikev1Sa {
    const cookies = { initiator: newCookie(environment), responder: new Uint8Array(COOKIE_LENGTH) };
    const context = new SaContext(id, environment, 'initiator', cookies, path, intent.habits);
    const begin = mode === 'main' ? beginMainMode : beginAggressiveMode;
    const { message, state } = begin(context, intent);
    const sa = new Ikev1Sa(context, state);
    sa.#phase1.send(path, message, now);
    return sa;
  }

  get id(): number {
    return this.#context.id;
  }

  get role(): Role {
    return this.#context.role;
  }

  get initiatorCookie(): Bytes {
    return this.#context.initiatorCookie;
  }

  get responderCookie(): Bytes {
    return this.#context.responderCookie;
  }

  get path(): IkePath {
    return this.#context.path;
  }

  /** Undefined while phase 1 is under way. */
  get established(): Phase1Established | undefined {
    return this.#context.established;
  }

  /** Whom an aggressive mode under way is with, if it is true; undefined in main mode. */
  get claimed(): { readonly identity: Identification; readonly credential: Credential } | undefined {
    return this.#phase1.claimed;
  }

  /** The initiator's offer while phase 1 is under way. */
  get offer(): Bytes | undefined {
    return this.#phase1.offer;
  }

  /** Bytes that the peer's messages make us hold while phase 1 is under way, beside its offer. */
  get bytesHeld(): number {
    return this.#phase1.bytesHeld + (this.#fragments?.length ?? 0);
  }

  /** When its lifetime is over; undefined: it isn't known yet. */
  get expiresAt(): Instant | undefined {
    return this.#context.timers.at('expire');
  }

  get ended(): boolean {
    return this.#context.ended;
  }

  /** The key of Wireshark's IKEv1 table, once there is one. Only for a key log that the administrator asked for. */
  get cipherKey(): Bytes | undefined {
    return this.#context.established?.keys.cipherKey;
  }

  /** Takes one datagram that names this SA's cookies. Nothing that a peer can send makes it throw. */
  handleInput(datagram: Bytes, path: IkePath, now: Instant): void {
    if (this.#context.ended) return this.#context.drop('ike_late');
    try {
      const drop = this.#handleMessage(datagram, path, now);
      if (drop) this.#context.drop(drop);
    } catch (error) {
      if (!(error instanceof MalformedError)) throw error;
      this.#context.drop('ike_malformed');
    }
  }

  handleTimeout(now: Instant): void {
    for (let due = this.#context.timers.takeDue(now); due; due = this.#context.timers.takeDue(now)) {
      if (due === 'phase1') this.#phase1.handleTimeout(now);
      else if (due === 'expire') this.#expire();
      else if (due === 'rekey') this.#context.emit({ type: 'rekey-due' });
      else if (due === 'dpd') this.#dpd.handleTimeout(now);
      else if (due === 'finished') this.#exchanges.forgetFinished(now);
      else this.#exchangeSilent(Number(due.slice('exchange:'.length)), now);
    }
  }

  /** When to call `handleTimeout`; changes with every call. */
  pollTimeout(): Instant | undefined {
    return this.#context.timers.next();
  }

  pollTransmit(): Transmit | undefined {
    return this.#context.transmits.shift();
  }

  pollEvent(): Ikev1Event | undefined {
    return this.#context.events.shift();
  }

  /**
   * Asks the peer (R-U-THERE) over another path, once: call it again until `path-answered` tells that the answer came back
   * over it. The SA stays where it is until `followPath`.
   */
  probePath(path: IkePath): void {
    if (this.#context.established && !this.#context.ended) this.#dpd.probe(path);
  }

  /** The dataplane saw the peer elsewhere: NAT-T's IKE follows its ESP. Or a path that was probed answered. */
  followPath(path: IkePath): void {
    this.#context.path = path;
  }

  requestXauth(question: XauthQuestion, now: Instant): void {
    requestXauth(this.#context, this.#exchanges, question, now);
  }

  finishXauth(succeeded: boolean, now: Instant): void {
    finishXauth(this.#context, this.#exchanges, succeeded, now);
  }

  requestConfiguration(attributes: readonly Attribute[], now: Instant): void {
    requestConfiguration(this.#context, this.#exchanges, attributes, now);
  }

  pushConfiguration(attributes: readonly Attribute[], now: Instant): void {
    pushConfiguration(this.#context, this.#exchanges, attributes, now);
  }

  /** Answers a `configuration-requested` or `xauth-requested` event. */
  answerRequest(messageId: number, attributes: readonly Attribute[], now: Instant): void {
    answerRequest(this.#context, this.#exchanges, messageId, attributes, now);
  }

  /** False when too many exchanges are open. Ends in `esp-established` or `esp-abandoned`. */
  beginQuickMode(intent: QuickModeIntent, now: Instant): boolean {
    return beginQuickMode(this.#context, this.#exchanges, intent, now);
  }

  deleteEsp(inboundSpis: readonly number[]): void {
    if (this.#context.established && !this.#context.ended) deleteEsp(this.#context, inboundSpis);
  }

  /** Tells the peer, and ends. */
  close(detail: string): void {
    if (this.#context.ended) return;
    if (this.#context.established) deletePhase1(this.#context);
    this.#context.end('closed', detail);
  }

  #handleMessage(datagram: Bytes, path: IkePath, now: Instant): DropReason | undefined {
    const message = parseMessage(datagram);
    if (message.header.version >> 4 !== 1) return 'ike_version';
    if (message.header.nextPayload === PayloadType.FRAGMENT) return this.#handleFragment(message, path, now);
    switch (message.header.exchangeType) {
      case ExchangeType.IDENTITY_PROTECTION:
      case ExchangeType.AGGRESSIVE:
        return this.#handlePhase1(datagram, message, path, now);
      case ExchangeType.INFORMATIONAL:
        if (!this.#context.established) return this.#phase1.hear(message);
        if (!(message.header.flags & Flag.ENCRYPTION)) return this.#doubt(message, now);
        return this.#handleInformational(message, path, now);
      case ExchangeType.TRANSACTION:
      case ExchangeType.QUICK_MODE:
        return this.#handleExchange(datagram, message, path, now);
      default:
        return 'ike_unexpected_exchange';
    }
  }

  /** What came in clear under a phase 1 may be anybody's. But it may be true: a client asks whether the gateway is there. */
  #doubt(message: IsakmpMessage, now: Instant): DropReason {
    if (this.#context.environment.policy.side !== 'client') return 'ike_not_encrypted';
    const says = readUnprotected(message);
    if (says && this.#dpd.suspect(now)) this.#context.fail('phase 1', says);
    return 'ike_unauthenticated_notify';
  }

  #handleInformational(message: IsakmpMessage, path: IkePath, now: Instant): DropReason | undefined {
    // whether it is a sign of life, dead peer detection knows: anybody can repeat an old one
    const drop = handleInformational(this.#context, this.#exchanges, this.#dpd, message, path, now);
    if (!drop) this.#phase1.confirm();
    return drop;
  }

  #handleFragment(message: IsakmpMessage, path: IkePath, now: Instant): DropReason | undefined {
    // before the peer has proven itself it gets less room
    this.#fragments ??= new FragmentBuffer();
    const whole = this.#fragments.add(message, this.#context.established ? undefined : MAX_UNPROVEN);
    if (whole === 'incomplete') return undefined;
    if (whole === 'dropped') return 'ike_fragment';
    const { header } = parseMessage(whole);
    return header.nextPayload === PayloadType.FRAGMENT ? 'ike_fragment' : this.#handleMessage(whole, path, now);
  }

  #handlePhase1(datagram: Bytes, message: IsakmpMessage, path: IkePath, now: Instant): DropReason | undefined {
    const before = this.#context.established;
    const drop = this.#phase1.handleMessage(datagram, message, path, now);
    if (!before && this.#context.established) this.#start(now);
    return drop;
  }

  #start(now: Instant): void {
    this.#quickModeIds = new QuickModeIds(this.#context.traits.countingMessageIds);
    this.#dpd.start(now);
    this.#startedAt = now;
    this.#tellLifetime(now);
  }

  /** What is left of it, if phase 1 ends sooner than the peer wished. */
  #tellLifetime(now: Instant): void {
    const { lifetimeCutTo } = this.#context.established ?? {};
    if (this.#context.role !== 'responder' || lifetimeCutTo === undefined) return;
    const left = lifetimeCutTo - Math.floor((now - this.#startedAt) / SECOND);
    if (left > 0) tellLifetime(this.#context, left);
  }

  #handleExchange(datagram: Bytes, message: IsakmpMessage, path: IkePath, now: Instant): DropReason | undefined {
    if (!this.#context.established) return 'ike_unexpected_exchange';
    const { messageId, exchangeType } = message.header;
    if (messageId === 0) return 'ike_unexpected_exchange';
    const digest = this.#context.digest(datagram);
    const known = this.#exchanges.find(messageId);
    if (known && this.#exchanges.answersRepeat(known, digest, path)) return undefined;
    if (known && known.exchangeType !== exchangeType) return 'ike_unexpected_exchange';
    if (!known || known.state.awaits === 'nothing') {
      const refusal = this.#mayBegin(exchangeType, messageId, known);
      if (refusal) return refusal;
    }
    const exchange = known ?? this.#exchanges.open(messageId, exchangeType, now);
    if (!exchange) return 'ike_too_many_exchanges';
    let counts = false;
    try {
      const drop = this.#stepExchange(exchange, message, path, now);
      counts = drop === undefined;
      if (drop) return drop;
    } finally {
      // what was malformed or not authentic leaves no trace: neither in the table nor as "the message answered last"
      if (!counts && !known) this.#exchanges.close(exchange);
    }
    exchange.lastReceived = digest;
    exchange.repeats = 0;
    // a first message may be a replay; a later one proves that the peer is there
    if (known) this.#dpd.heard(now);
    // nobody acknowledges that, and who got it before our last message of phase 1 couldn't read it
    if (known && exchangeType === ExchangeType.QUICK_MODE) this.#tellLifetime(now);
    this.#phase1.confirm();
    return undefined;
  }

  /** Transaction exchanges with vpnc go on under a known ID; a quick mode's ID is never served twice. */
  #mayBegin(exchangeType: number, messageId: number, known: Exchange | undefined): DropReason | undefined {
    if (exchangeType !== ExchangeType.QUICK_MODE) return undefined;
    const verdict = this.#quickModeIds.check(messageId);
    if (verdict !== 'fresh') return verdict;
    return known ? 'ike_message_id_reused' : undefined;
  }

  #stepExchange(exchange: Exchange, message: IsakmpMessage, path: IkePath, now: Instant): DropReason | undefined {
    const [context, exchanges, { state }] = [this.#context, this.#exchanges, exchange];
    if (exchange.exchangeType === ExchangeType.TRANSACTION) {
      return handleTransaction(context, exchanges, exchange, message, path, now);
    }
    switch (state.awaits) {
      case 'nothing':
        return handleQuick1(context, exchanges, exchange, message, path, now);
      case 'quick 2':
        return handleQuick2(context, exchanges, exchange, state, message, now);
      case 'quick 3':
        return handleQuick3(context, exchanges, exchange, this.#quickModeIds, state, message, path, now);
      default:
        return 'ike_unexpected_exchange';
    }
  }

  #exchangeSilent(messageId: number, now: Instant): void {
    const exchange = this.#exchanges.find(messageId);
    if (!exchange) return;
    if (exchange.state.awaits === 'answer') return this.#exchanges.close(exchange);
    if (this.#exchanges.sendAgain(exchange, now)) return;
    const { state, since } = exchange;
    switch (state.awaits) {
      case 'quick 2':
      case 'quick 3':
        return quickModeTimedOut(this.#context, this.#exchanges, exchange, state);
      case 'xauth reply':
        if (now < since + LOGIN_PATIENCE) {
          this.#context.timers.set(`exchange:${messageId}`, since + LOGIN_PATIENCE);
          return;
        }
        return this.#context.end(
          'timeout',
          'no name and password came: the client never asked its user, or does no XAUTH',
        );
      case 'xauth ack':
        // the client may be content without a word; a failed one has been told
        this.#exchanges.finish(exchange, now);
        if (state.succeeded) this.#context.emit({ type: 'xauth-finished' });
        return;
      case 'configuration reply':
      case 'configuration ack':
        return this.#context.end('timeout', 'the peer left Mode-Config unanswered');
      default:
        return this.#exchanges.close(exchange);
    }
  }

  #expire(): void {
    if (this.#context.established) deletePhase1(this.#context);
    this.#context.end('lifetime', 'phase 1 ended without a rekey');
  }
}

function newCookie(environment: Ikev1Environment): Bytes {
  for (;;) {
    const cookie = environment.crypto.random(COOKIE_LENGTH);
    if (!isZero(cookie)) return cookie;
  }
}
