/**
 * The gateway without its sockets: datagrams, timeouts and answers go in; datagrams and events come out.
 *
 * An ISAKMP SA is found by both of its cookies, a session by its id, an inbound ESP SA by its SPI. After each call drain
 * `pollTransmit` and `pollEvent`, then arm one timer for `pollTimeout`.
 */
import { type Bytes, isZero } from '../bytes/bytes.ts';
import { MalformedError } from '../bytes/reader.ts';
import type { IkePath } from '../carrier/ike-path.ts';
import type { CryptoProvider } from '../crypto/provider.ts';
import type { EspPath } from '../esp/sa.ts';
import { addressIdentity, identityText } from '../ikev1/identity.ts';
import { Ikev1Sa } from '../ikev1/sa.ts';
import type { Ikev1Environment, Ikev1Event, Ikev1Policy, Transmit } from '../ikev1/types.ts';
import { formatEndpoint, type IpAddress } from '../net/address.ts';
import { earliest, type Instant } from '../net/time.ts';
import { ExchangeType, type IsakmpMessage, isPhase1, parseMessage } from '../wire/isakmp.ts';
import { Admission } from './admission.ts';
import { Credentials, type Subject } from './credentials.ts';
import { Deadlines } from './deadlines.ts';
import type { GatewayEvent, LoginVerdict, Who } from './events.ts';
import { policyFromSettings } from './ike-policy.ts';
import type { GatewaySettings } from './policy.ts';
import { SaTable } from './sa-table.ts';
import { type SessionView, viewSession } from './session.ts';
import { Sessions } from './sessions.ts';
import { newSpi } from './spi.ts';
import { invalidCookie, invalidMajorVersion, invalidSpi } from './strangers.ts';

export interface GatewayOptions extends GatewaySettings {
  readonly crypto: CryptoProvider;
  readonly natTPort: number;
  /** The gateway's own address inside. */
  readonly ownAddress: IpAddress;
  /** When an authentic packet last came in through a session's tunnel; 0: never. */
  readonly lastTraffic: (sessionId: number) => Instant;
}

/** Bytes of a phase 1 message: 200 transforms and a chain of certificates fit. */
const MAX_PHASE1_MESSAGE = 16_384;

export class GatewayState {
  readonly #environment: Ikev1Environment;
  readonly #credentials: Credentials;
  readonly #sessions: Sessions;
  readonly #admission = new Admission();
  /** By id. */
  readonly #saDeadlines = new Deadlines<number>();
  readonly #sessionDeadlines = new Deadlines<number>();
  readonly #transmits: Transmit[] = [];
  readonly #events: GatewayEvent[] = [];
  readonly #sas: SaTable;
  /** Failures told once per negotiation. */
  readonly #told = new Set<number>();
  #settings: GatewaySettings;
  #lastSaId = 0;

  constructor(options: GatewayOptions) {
    const { crypto, natTPort } = options;
    this.#settings = options;
    this.#credentials = new Credentials(crypto, () => this.#settings.policy);
    this.#sas = new SaTable(crypto);
    const shareOffer = (body: Bytes) => this.#sas.shareOffer(body);
    this.#environment = { crypto, policy: this.#ikePolicy(natTPort), shareOffer };
    this.#sessions = new Sessions({
      ...options,
      settings: () => this.#settings,
      emit: (event) => this.#events.push(event),
      newSpi: (isTaken) => newSpi(crypto, isTaken),
      initiate: (intent, path, now) => this.#initiate(intent, path, now),
    });
  }

  /** New rules for all that comes; who is on stays on, and follows those of its group or peer if it is still there. */
  reload(settings: GatewaySettings, now: Instant): void {
    this.#settings = settings;
    Object.assign(this.#environment.policy, policyFromSettings(settings));
    this.#sessions.reload();
    this.#settleTouched(now);
  }

  /** Takes an IKE message without its non-ESP marker. Nothing that a peer can send makes it throw. */
  handleDatagram(path: IkePath, datagram: Bytes, now: Instant): void {
    const sa = this.#find(path, datagram, now);
    if (!sa) return;
    sa.handleInput(datagram, path, now);
    // first of all: who is through with phase 1 is half-open no more
    this.#settle(sa, now);
    this.#sas.weigh(sa);
    this.#dropSurplus();
  }

  handleTimeout(now: Instant): void {
    while ((this.pollTimeout() ?? Number.POSITIVE_INFINITY) <= now) {
      const saId = this.#saDeadlines.takeDue(now);
      const sa = saId === undefined ? undefined : this.#sas.byId(saId);
      sa?.handleTimeout(now);
      if (sa) this.#settle(sa, now);
      const sessionId = this.#sessionDeadlines.takeDue(now);
      if (sessionId === undefined) continue;
      this.#sessions.handleTimeout(sessionId, now);
      this.#settleTouched(now);
    }
  }

  pollTimeout(): Instant | undefined {
    return earliest(this.#saDeadlines.next(), this.#sessionDeadlines.next());
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

  /** A client's L2TP message, from that UDP port, that came through the session's own SA. */
  handleL2tp(sessionId: number, port: number, message: Bytes, now: Instant): void {
    this.#sessions.handleL2tp(sessionId, port, message, now);
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

  /** ESP came for an SPI that we don't have: a session's client may have a pair too many, a stranger outlived our restart. */
  handleUnknownSpi(path: EspPath, spi: number, now: Instant): void {
    if (this.#sessions.disownSpi(path, spi)) this.#settleTouched(now);
    else if (this.#admission.mayNotify(now)) this.#transmits.push(invalidSpi(this.#environment.crypto, path, spi));
  }

  /** Ends a session by its number, with a delete to the peer. False: there is none. */
  kick(number: number, reason: string, now: Instant): boolean {
    const found = this.#sessions.endByNumber(number, reason);
    this.#settleTouched(now);
    return found;
  }

  /** The dataplane can't do what it was ordered: that ends the session, and whoever shares SAs with it. */
  breakOff(sessionId: number, reason: string, now: Instant): void {
    this.#sessions.breakById(sessionId, reason);
    this.#settleTouched(now);
  }

  /** Ends all of a user's sessions, and keeps a login under way out. */
  endUser(user: string, reason: string, now: Instant): void {
    this.#sessions.endByUser(user, reason);
    this.#settleTouched(now);
  }

  /** Ends all sessions, with deletes. */
  close(now: Instant): void {
    for (const session of this.#sessions.all) this.#sessions.endLine(session.line, 'the gateway stops');
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
    return this.#sas.halfOpen;
  }

  get halfOpenBytes(): number {
    return this.#sas.halfOpenBytes;
  }

  #ikePolicy(natTPort: number): Ikev1Policy {
    return {
      side: 'gateway',
      natTPort,
      ...policyFromSettings(this.#settings),
      credentials: (kind, identity, remote) => this.#credentials.find(kind, identity, remote),
      ownIdentity: (kind, path) => (kind === 'psk' ? addressIdentity(path.local.address) : this.#settings.identity!),
      authorizePhase2: (saId, request) => this.#sessions.authorizePhase2(saId, request),
      lastTraffic: (saId) => this.#sessions.lastTraffic(saId),
    };
  }

  #find(path: IkePath, datagram: Bytes, now: Instant): Ikev1Sa | undefined {
    try {
      const message = parseMessage(datagram);
      if (isPhase1(message.header) && datagram.length > MAX_PHASE1_MESSAGE)
        throw new MalformedError('too long for phase 1');
      const { initiatorCookie, responderCookie } = message.header;
      if (isZero(responderCookie)) return this.#findFirst(message, path, now);
      const known = this.#sas.byCookies(initiatorCookie, responderCookie);
      if (!known) this.#answerStranger(message, path, now);
      return known;
    } catch (error) {
      if (!(error instanceof MalformedError)) throw error;
      this.#events.push({ type: 'dropped', reason: 'ike_malformed' });
      return undefined;
    }
  }

  #answerStranger({ header }: IsakmpMessage, path: IkePath, now: Instant): void {
    this.#events.push({ type: 'dropped', reason: 'ike_unknown_cookies' });
    const answer = invalidCookie(this.#environment.crypto, path, header);
    if (answer && this.#admission.mayNotify(now)) this.#transmits.push(answer);
  }

  /** A first message, new or repeated. */
  #findFirst(message: IsakmpMessage, path: IkePath, now: Instant): Ikev1Sa | undefined {
    const { exchangeType, version } = message.header;
    const known = this.#sas.byFirstMessage(message.header.initiatorCookie, path.remote);
    if (known) return known;
    if (version >> 4 !== 1) return this.#refuseVersion(message, path, now);
    if (!isPhase1(message.header)) {
      this.#events.push({ type: 'dropped', reason: 'ike_unexpected_exchange' });
      return undefined;
    }
    if (exchangeType === ExchangeType.AGGRESSIVE && !this.#admission.admits(path.remote, now)) {
      this.#events.push({ type: 'dropped', reason: 'ike_rate_limit' });
      return undefined;
    }
    const sa = Ikev1Sa.respond(++this.#lastSaId, this.#environment, message, path, now);
    this.#sas.addResponder(sa, path.remote);
    return sa;
  }

  #refuseVersion(message: IsakmpMessage, path: IkePath, now: Instant): undefined {
    this.#events.push({ type: 'dropped', reason: 'ike_version' });
    const answer = invalidMajorVersion(path, message);
    if (!answer || !this.#admission.mayNotify(now)) return;
    this.#transmits.push(answer);
    if (!this.#admission.mayReport(now)) return;
    const who = { remote: formatEndpoint(path.remote), identity: undefined, group: undefined, user: undefined };
    const reason = 'the client speaks IKEv2, and this gateway IKEv1 alone';
    this.#events.push({ type: 'failure', who, step: 'phase 1', reason });
  }

  #dropSurplus(): void {
    for (let sa = this.#sas.surplus(); sa; sa = this.#sas.surplus()) {
      this.#events.push({ type: 'dropped', reason: 'ike_half_open_full' });
      this.#forget(sa);
    }
  }

  #initiate(intent: Parameters<typeof Ikev1Sa.initiate>[3], path: IkePath, now: Instant): number {
    const sa = Ikev1Sa.initiate(++this.#lastSaId, this.#environment, 'main', intent, path, now);
    this.#sas.addInitiator(sa);
    this.#settle(sa, now);
    return sa.id;
  }

  /** Takes over what an SA has to say, and keeps the tables in step with it. */
  #settle(sa: Ikev1Sa, now: Instant): void {
    for (let event = sa.pollEvent(); event; event = sa.pollEvent()) this.#apply(sa, event, now);
    for (let transmit = sa.pollTransmit(); transmit; transmit = sa.pollTransmit()) this.#transmits.push(transmit);
    if (sa.ended) this.#forget(sa);
    else this.#saDeadlines.set(sa.id, sa.pollTimeout());
    this.#settleTouched(now);
  }

  #settleTouched(now: Instant): void {
    for (const sa of this.#sessions.takeTouched()) this.#settle(sa, now);
    for (const { id, at } of this.#sessions.takeDeadlines()) this.#sessionDeadlines.set(id, at);
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
        this.#sas.establish(sa);
        this.#admission.handleProof(this.#sas.sourceOf(sa) ?? sa.path.remote);
        this.#events.push({ type: 'phase1-key', initiatorCookie: sa.initiatorCookie, cipherKey: sa.cipherKey! });
        this.#sessions.handleEstablished(sa, event, now);
        if ((event.credential.subject as Subject).kind === 'peer') this.#welcome(sa, now);
        break;
      case 'ended':
        if (!sa.established) this.#tell(sa, 'phase 1', event.detail, now);
        this.#sessions.handlePhase1Ended(sa, event.reason, event.detail, now);
        break;
      default:
        if (event.type === 'xauth-finished') this.#welcome(sa, now);
        this.#sessions.handleEvent(sa, event, now);
    }
  }

  /** Comes back from where its first message came from, or, renewing, from where it is now. */
  #welcome(sa: Ikev1Sa, now: Instant): void {
    for (const source of [this.#sas.sourceOf(sa) ?? sa.path.remote, sa.path.remote]) {
      this.#admission.handleLogin(source, now);
    }
  }

  /** A phase 1 that fails is told of once, by the first thing that went wrong. */
  #tell(sa: Ikev1Sa, step: string, reason: string, now: Instant): void {
    const isTold = sa.established
      ? this.#admission.mayReportError(now)
      : !this.#told.has(sa.id) && this.#admission.mayReport(now);
    if (!isTold) return;
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
    this.#sas.remove(sa);
    this.#told.delete(sa.id);
    this.#saDeadlines.set(sa.id, undefined);
  }
}
