/**
 * The gateway without its sockets: datagrams, timeouts and answers go in; datagrams and events come out.
 *
 * An ISAKMP SA is found by both of its cookies, a session by its id, an inbound ESP SA by its SPI. After each call drain
 * `pollTransmit` and `pollEvent`, then arm one timer for `pollTimeout`.
 */
import { type Bytes, concat, EMPTY, isZero, readU32, u32 } from '../bytes/bytes.ts';
import { MalformedError } from '../bytes/reader.ts';
import { toHex } from '../bytes/text.ts';
import type { IkePath } from '../carrier/ike-path.ts';
import type { CryptoProvider } from '../crypto/provider.ts';
import type { EspPath } from '../esp/sa.ts';
import { addressIdentity, identityText } from '../ikev1/identity.ts';
import { MIN_SPI } from '../ikev1/phase2-proposal.ts';
import { Ikev1Sa } from '../ikev1/sa.ts';
import type { Ikev1Event, Ikev1Policy, Transmit } from '../ikev1/types.ts';
import { formatEndpoint, type IpAddress } from '../net/address.ts';
import type { Instant } from '../net/time.ts';
import { Authentication, encodeNotification, type Notification, NotifyType, Protocol } from '../wire/ikev1.ts';
import {
  COOKIE_LENGTH,
  ExchangeType,
  encodeMessage,
  encodePayloads,
  IKEV1_VERSION,
  type IsakmpHeader,
  type IsakmpMessage,
  parseMessage,
} from '../wire/isakmp.ts';
import { Admission } from './admission.ts';
import { Credentials, type Subject } from './credentials.ts';
import { Deadlines } from './deadlines.ts';
import type { GatewayEvent, LoginVerdict, Who } from './events.ts';
import type { GatewaySettings } from './policy.ts';
import { type SessionView, viewSession } from './session.ts';
import { Sessions } from './sessions.ts';

export interface GatewayOptions extends GatewaySettings {
  readonly crypto: CryptoProvider;
  readonly natTPort: number;
  /** The gateway's own address inside. */
  readonly ownAddress: IpAddress;
  /** When an authentic packet last came in through a session's tunnel; 0: never. */
  readonly lastTraffic: (sessionId: number) => Instant;
}

/** Negotiations under way, not counting established ones. Above, a new one takes the place of the oldest. */
export const MAX_HALF_OPEN = 4096;

/** Bytes that all of them hold together of what their peers sent: above, the oldest goes. */
export const MAX_HALF_OPEN_BYTES = 1 << 24;

/** Bytes of a phase 1 message: 200 transforms and a chain of certificates fit. */
const MAX_PHASE1_MESSAGE = 16_384;

const IKE_PORT = 500;
const NO_COOKIE = new Uint8Array(COOKIE_LENGTH);

type Cookies = Pick<IsakmpHeader, 'initiatorCookie' | 'responderCookie'>;

export class GatewayState {
  readonly #environment: { readonly crypto: CryptoProvider; readonly policy: Ikev1Policy };
  readonly #credentials: Credentials;
  readonly #sessions: Sessions;
  readonly #admission = new Admission();
  readonly #deadlines = new Deadlines();
  readonly #transmits: Transmit[] = [];
  readonly #events: GatewayEvent[] = [];
  readonly #sas = new Map<number, Ikev1Sa>();
  /** Initiator and responder cookie, hex. */
  readonly #byCookies = new Map<string, Ikev1Sa>();
  /** Half-open responders by initiator cookie and source, so that a repeated first message finds its answer. */
  readonly #byFirstMessage = new Map<string, Ikev1Sa>();
  readonly #firstMessageKeys = new Map<number, { readonly key: string; bytes: number }>();
  #halfOpenBytes = 0;
  /** SAs that we begin, by our cookie, until the peer's is known. */
  readonly #initiated = new Map<string, Ikev1Sa>();
  /** Failures told once per negotiation. */
  readonly #told = new Set<number>();
  #settings: GatewaySettings;
  #lastSaId = 0;

  constructor(options: GatewayOptions) {
    const { crypto, natTPort } = options;
    this.#settings = options;
    this.#credentials = new Credentials(crypto, () => this.#settings.policy);
    this.#environment = { crypto, policy: this.#ikePolicy(natTPort) };
    this.#sessions = new Sessions({
      ...options,
      settings: () => this.#settings,
      emit: (event) => this.#events.push(event),
      newSpi: (isTaken) => this.#newSpi(isTaken),
      initiate: (intent, path, now) => this.#initiate(intent, path, now),
    });
  }

  /** New rules for all that comes; who is on stays on, and follows those of its group or peer if it is still there. */
  reload(settings: GatewaySettings): void {
    this.#settings = settings;
    Object.assign(this.#environment.policy, changeable(settings));
    this.#sessions.reload();
  }

  /** Takes an IKE message without its non-ESP marker. Nothing that a peer can send makes it throw. */
  handleDatagram(path: IkePath, datagram: Bytes, now: Instant): void {
    const sa = this.#find(path, datagram, now);
    if (!sa) return;
    sa.handleInput(datagram, path, now);
    this.#countBytes(sa);
    this.#settle(sa, now);
  }

  handleTimeout(now: Instant): void {
    for (let owner = this.#deadlines.takeDue(now); owner; owner = this.#deadlines.takeDue(now)) {
      const [kind, id] = owner.split(' ');
      if (kind === 'sa') {
        const sa = this.#sas.get(Number(id));
        sa?.handleTimeout(now);
        if (sa) this.#settle(sa, now);
      } else {
        this.#sessions.handleTimeout(Number(id), now);
        this.#settleTouched(now);
      }
    }
  }

  pollTimeout(): Instant | undefined {
    return this.#deadlines.next();
  }

  pollTransmit(): Transmit | undefined {
    return this.#transmits.shift();
  }

  pollEvent(): GatewayEvent | undefined {
    return this.#events.shift();
  }

  /** The answer to an `authenticate` event; nothing happens when the client has gone meanwhile. */
  answerLogin(requestId: number, verdict: LoginVerdict, now: Instant): void {
    this.#sessions.answerLogin(requestId, verdict, now);
    this.#settleTouched(now);
  }

  /** The dataplane saw an authentic packet of the session come from elsewhere. */
  handlePathChange(sessionId: number, path: EspPath): void {
    this.#sessions.handlePathChange(sessionId, path);
  }

  /** The peer uses an inbound SA for the first time. */
  handleFirstPacket(sessionId: number, inboundSpi: number, now: Instant): void {
    this.#sessions.handleFirstPacket(sessionId, inboundSpi, now);
    this.#settleTouched(now);
  }

  /** An outbound SA nears the end of its volume or sequence numbers. */
  handleRekeyNeeded(sessionId: number, spi: number, now: Instant): void {
    this.#sessions.handleRekeyNeeded(sessionId, spi, now);
    this.#settleTouched(now);
  }

  /** ESP came for an SPI that we don't have: its sender may have outlived our restart (RFC 2408 section 3.14.1). */
  handleUnknownSpi(path: EspPath, spi: number, now: Instant): void {
    const remote = path.carrier === 'nat-t' ? path.remote : { ...path.remote, port: IKE_PORT };
    const local = path.carrier === 'nat-t' ? path.local : { ...path.local, port: IKE_PORT };
    const carrier = path.carrier === 'nat-t' ? 'nat-t' : 'udp';
    const cookies = { initiatorCookie: this.#environment.crypto.random(COOKIE_LENGTH), responderCookie: NO_COOKIE };
    const notification = { protocol: Protocol.ESP, spi: u32(spi), type: NotifyType.INVALID_SPI, data: EMPTY };
    this.#notify({ carrier, local, remote }, cookies, notification, now);
  }

  /** Ends a session, with a delete to the peer. False: there is none. */
  kick(sessionId: number, reason: string, now: Instant): boolean {
    const found = this.#sessions.endById(sessionId, reason);
    this.#settleTouched(now);
    return found;
  }

  /** Ends all of a user's sessions, and keeps a login under way out. */
  endUser(user: string, reason: string, now: Instant): void {
    this.#sessions.endByUser(user, reason);
    this.#settleTouched(now);
  }

  /** Ends all sessions, with deletes. */
  close(now: Instant): void {
    for (const session of this.#sessions.all) this.#sessions.end(session, 'the gateway stops');
    this.#settleTouched(now);
  }

  /** Addresses that belong to users statically and are not given to others. */
  reserve(addresses: readonly IpAddress[]): void {
    this.#sessions.reserve(addresses);
  }

  sessions(): SessionView[] {
    return this.#sessions.all.filter((session) => session.stage.awaits === 'nothing').map(viewSession);
  }

  get halfOpen(): number {
    return this.#byFirstMessage.size;
  }

  get halfOpenBytes(): number {
    return this.#halfOpenBytes;
  }

  #ikePolicy(natTPort: number): Ikev1Policy {
    return {
      side: 'gateway',
      natTPort,
      ...changeable(this.#settings),
      credentials: (kind, identity, remote) => this.#credentials.find(kind, identity, remote),
      ownIdentity: (kind, path) => (kind === 'psk' ? addressIdentity(path.local.address) : this.#settings.identity!),
      authorizePhase2: (saId, request) => this.#sessions.authorizePhase2(saId, request),
      lastTraffic: (saId) => this.#sessions.lastTraffic(saId),
    };
  }

  #find(path: IkePath, datagram: Bytes, now: Instant): Ikev1Sa | undefined {
    try {
      const message = parseMessage(datagram);
      if (isPhase1(message) && datagram.length > MAX_PHASE1_MESSAGE) throw new MalformedError('too long for phase 1');
      const { initiatorCookie, responderCookie } = message.header;
      const initiator = toHex(initiatorCookie);
      if (isZero(responderCookie)) return this.#findFirst(initiator, message, path, now);
      const known = this.#byCookies.get(initiator + toHex(responderCookie)) ?? this.#initiated.get(initiator);
      if (!known) this.#answerStranger(message, path, now);
      return known;
    } catch (error) {
      if (!(error instanceof MalformedError)) throw error;
      this.#events.push({ type: 'dropped', reason: 'ike_malformed' });
      return undefined;
    }
  }

  /** A peer whose SA we lost, in a restart say, learns of it before its DPD does. */
  #answerStranger({ header }: IsakmpMessage, path: IkePath, now: Instant): void {
    this.#events.push({ type: 'dropped', reason: 'ike_unknown_cookies' });
    if (header.exchangeType === ExchangeType.INFORMATIONAL) return;
    const { initiatorCookie, responderCookie } = header;
    const spi = concat(initiatorCookie, responderCookie);
    this.#notify(path, header, { protocol: Protocol.ISAKMP, spi, type: NotifyType.INVALID_COOKIE, data: EMPTY }, now);
  }

  #notify(path: IkePath, cookies: Cookies, notification: Notification, now: Instant): void {
    if (!this.#admission.mayNotify(now)) return;
    const payload = encodeNotification(notification);
    const { initiatorCookie, responderCookie } = cookies;
    const header = {
      initiatorCookie,
      responderCookie,
      nextPayload: payload.type,
      version: IKEV1_VERSION,
      exchangeType: ExchangeType.INFORMATIONAL,
      flags: 0,
      messageId: readU32(this.#environment.crypto.random(4)),
    };
    this.#transmits.push({ path, message: encodeMessage(header, encodePayloads([payload])) });
  }

  /** A first message, new or repeated. */
  #findFirst(initiator: string, message: IsakmpMessage, path: IkePath, now: Instant): Ikev1Sa | undefined {
    const { exchangeType, version } = message.header;
    const key = `${initiator} ${formatEndpoint(path.remote)}`;
    const known = this.#byFirstMessage.get(key);
    if (known) return known;
    if (version >> 4 !== 1 || !isPhase1(message)) {
      this.#events.push({ type: 'dropped', reason: version >> 4 === 1 ? 'ike_unexpected_exchange' : 'ike_version' });
      return undefined;
    }
    if (exchangeType === ExchangeType.AGGRESSIVE && !this.#admission.admits(path.remote, now)) {
      this.#events.push({ type: 'dropped', reason: 'ike_rate_limit' });
      return undefined;
    }
    if (this.#byFirstMessage.size >= MAX_HALF_OPEN) this.#forgetOldestHalfOpen();
    const sa = Ikev1Sa.respond(++this.#lastSaId, this.#environment, message, path, now);
    this.#byFirstMessage.set(key, sa);
    this.#firstMessageKeys.set(sa.id, { key, bytes: 0 });
    this.#byCookies.set(initiator + toHex(sa.responderCookie), sa);
    this.#sas.set(sa.id, sa);
    return sa;
  }

  #countBytes(sa: Ikev1Sa): void {
    const entry = this.#firstMessageKeys.get(sa.id);
    if (!entry) return;
    this.#halfOpenBytes += sa.bytesHeld - entry.bytes;
    entry.bytes = sa.bytesHeld;
    while (this.#halfOpenBytes > MAX_HALF_OPEN_BYTES) this.#forgetOldestHalfOpen();
  }

  #forgetOldestHalfOpen(): void {
    const oldest = this.#byFirstMessage.values().next().value;
    if (!oldest) return;
    this.#events.push({ type: 'dropped', reason: 'ike_half_open_full' });
    this.#forget(oldest);
  }

  #initiate(intent: Parameters<typeof Ikev1Sa.initiate>[3], path: IkePath, now: Instant): number {
    const sa = Ikev1Sa.initiate(++this.#lastSaId, this.#environment, 'main', intent, path, now);
    this.#initiated.set(toHex(sa.initiatorCookie), sa);
    this.#sas.set(sa.id, sa);
    this.#settle(sa, now);
    return sa.id;
  }

  /** Takes over what an SA has to say, and keeps the tables in step with it. */
  #settle(sa: Ikev1Sa, now: Instant): void {
    for (let event = sa.pollEvent(); event; event = sa.pollEvent()) this.#apply(sa, event, now);
    for (let transmit = sa.pollTransmit(); transmit; transmit = sa.pollTransmit()) this.#transmits.push(transmit);
    if (sa.ended) this.#forget(sa);
    else this.#deadlines.set(`sa ${sa.id}`, sa.pollTimeout());
    this.#settleTouched(now);
  }

  #settleTouched(now: Instant): void {
    for (const sa of this.#sessions.takeTouched()) this.#settle(sa, now);
    for (const { id, at } of this.#sessions.takeDeadlines()) this.#deadlines.set(`session ${id}`, at);
  }

  #apply(sa: Ikev1Sa, event: Ikev1Event, now: Instant): void {
    switch (event.type) {
      case 'dropped':
        this.#events.push(event);
        break;
      case 'failed':
        // what a peer says about a login that failed has been told already
        if (sa.established && this.#sessions.isEntering(sa.id)) break;
        this.#tell(sa, event.step, event.reason, now);
        break;
      case 'legacy-used':
        this.#events.push({ type: 'legacy-used', who: this.#whoIs(sa), what: event.what });
        break;
      case 'established':
        this.#forgetFirstMessage(sa);
        this.#initiated.delete(toHex(sa.initiatorCookie));
        this.#byCookies.set(toHex(sa.initiatorCookie) + toHex(sa.responderCookie), sa);
        this.#events.push({ type: 'phase1-key', initiatorCookie: sa.initiatorCookie, cipherKey: sa.cipherKey! });
        this.#sessions.handleEstablished(sa, event, now);
        break;
      case 'ended':
        if (!sa.established) this.#tell(sa, 'phase 1', event.detail, now);
        this.#sessions.handlePhase1Ended(sa, event.reason, event.detail, now);
        break;
      default:
        this.#sessions.handleEvent(sa, event, now);
    }
  }

  /** A phase 1 that fails is told of once, by the first thing that went wrong. */
  #tell(sa: Ikev1Sa, step: string, reason: string, now: Instant): void {
    if (!sa.established && (this.#told.has(sa.id) || !this.#admission.mayReport(now))) return;
    this.#told.add(sa.id);
    this.#events.push({ type: 'failure', who: this.#whoIs(sa), step, reason });
  }

  #whoIs(sa: Ikev1Sa): Who {
    const known = this.#sessions.whoIs(sa.id);
    if (known) return known;
    const identity = sa.claimed && identityText(sa.claimed.identity);
    const subject = sa.claimed?.credential.subject as Subject | undefined;
    const group = subject?.kind === 'group' ? subject.group.name : undefined;
    return { remote: formatEndpoint(sa.path.remote), identity, group, user: undefined };
  }

  #forget(sa: Ikev1Sa): void {
    this.#forgetFirstMessage(sa);
    this.#initiated.delete(toHex(sa.initiatorCookie));
    this.#byCookies.delete(toHex(sa.initiatorCookie) + toHex(sa.responderCookie));
    this.#sas.delete(sa.id);
    this.#told.delete(sa.id);
    this.#deadlines.set(`sa ${sa.id}`, undefined);
  }

  #forgetFirstMessage(sa: Ikev1Sa): void {
    const entry = this.#firstMessageKeys.get(sa.id);
    if (!entry) return;
    this.#halfOpenBytes -= entry.bytes;
    this.#firstMessageKeys.delete(sa.id);
    this.#byFirstMessage.delete(entry.key);
  }

  /** Random, and unique among all inbound SAs of the process. */
  #newSpi(isTaken: (spi: number) => boolean): number {
    for (;;) {
      const spi = readU32(this.#environment.crypto.random(4));
      if (spi >= MIN_SPI && !isTaken(spi)) return spi;
    }
  }
}

function isPhase1({ header: { exchangeType } }: IsakmpMessage): boolean {
  return exchangeType === ExchangeType.IDENTITY_PROTECTION || exchangeType === ExchangeType.AGGRESSIVE;
}

/** What IKE takes of the settings. */
function changeable(settings: GatewaySettings) {
  const { policy, certificate, verifier, phase1Lifetime, dpd } = settings;
  const authentications = servedMethods(settings);
  return {
    legacy: policy.legacy,
    natTraversal: policy.natT,
    phase1Lifetime,
    dpd,
    authentications,
    certificate,
    verifier,
  };
}

/** The methods that some group or peer may use. */
function servedMethods({ policy, certificate, verifier }: GatewaySettings): number[] {
  const { groups, peers } = policy;
  const hybrid = certificate && groups.some((group) => group.hybrid);
  const signatures = certificate && verifier;
  const byCertificate = groups.some((group) => group.certificates) || peers.some((peer) => peer.psk === undefined);
  return [
    ...(hybrid ? [Authentication.HYBRID_INIT_RSA] : []),
    ...(signatures && byCertificate ? [Authentication.XAUTH_INIT_RSA, Authentication.RSA_SIG] : []),
    Authentication.XAUTH_INIT_PSK,
    Authentication.PSK,
  ];
}
