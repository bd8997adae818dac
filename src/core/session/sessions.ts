/**
 * The sessions of a gateway: from a proven phase 1 by way of login and configuration to ESP, and to their common end.
 *
 * No way leads round the user: configuration and tunnels are for those whose login succeeded, and for the `peers`.
 */
import type { Bytes } from '../bytes/bytes.ts';
import type { IkePath } from '../carrier/ike-path.ts';
import type { CryptoProvider } from '../crypto/provider.ts';
import type { EspPath } from '../esp/sa.ts';
import { addressIdentity } from '../ikev1/identity.ts';
import type { InitiatorIntent } from '../ikev1/phase1.ts';
import { isTransportMode } from '../ikev1/phase2-proposal.ts';
import type { Ikev1Sa } from '../ikev1/sa.ts';
import type { EndReason, Ikev1Event, Phase1Established, Phase2Grant, Phase2Request } from '../ikev1/types.ts';
import type { IpAddress } from '../net/address.ts';
import { samePath } from '../net/path.ts';
import { earliest, type Instant, MINUTE, SECOND } from '../net/time.ts';
import { Authentication } from '../wire/ikev1.ts';
import { AddressBook } from './addresses.ts';
import { Calls } from './calls.ts';
import { Configurations } from './configurations.ts';
import type { Subject } from './credentials.ts';
import { endingOf } from './ending.ts';
import type { GatewayEvent, LoginVerdict, Who } from './events.ts';
import { limitDeadline, limitReached } from './limits.ts';
import { Logins } from './logins.ts';
import type { GatewaySettings } from './policy.ts';
import { Roster } from './roster.ts';
import { NO_RENEWAL, Session, stageDeadline } from './session.ts';
import { Tunnels } from './tunnels.ts';

export interface SessionsOptions {
  readonly crypto: CryptoProvider;
  readonly settings: () => GatewaySettings;
  readonly ownAddress: IpAddress;
  readonly lastTraffic: (sessionId: number) => Instant;
  readonly emit: (event: GatewayEvent) => void;
  readonly newSpi: (isTaken: (spi: number) => boolean) => number;
  /** Begins a main mode of our own; gives the SA's id. */
  readonly initiate: (intent: InitiatorIntent, path: IkePath, now: Instant) => number;
}

/** A renewed phase 1 stays until the client deletes it; of more than these the oldest goes. */
const MAX_PHASE1S = 4;
/** Sessions on the way to their login and configuration; of more the oldest goes. */
export const MAX_ENTERING = 2048;
/** A peer that didn't answer to the renewal of its phase 1 is tried again after this, as long as the old one holds. */
const RENEWAL_RETRY = MINUTE;
/** A proven group secret without a login is worth no longer than this. */
const NOBODY_PATIENCE = MINUTE;

/** Where L2TP is served, a client that could do both has begun its quick mode by then if it calls. */
const CALL_COMES_FIRST = 2 * SECOND;

/** Methods that announce XAUTH by themselves. */
const LOGIN_METHODS: ReadonlySet<number> = new Set([
  Authentication.XAUTH_INIT_PSK,
  Authentication.XAUTH_INIT_RSA,
  Authentication.HYBRID_INIT_RSA,
]);

export class Sessions {
  readonly #options: SessionsOptions;
  readonly #roster = new Roster();
  readonly #bySa = new Map<number, Session>();
  readonly #addresses: AddressBook;
  readonly #tunnels: Tunnels;
  readonly #logins: Logins;
  readonly #calls: Calls;
  readonly #configurations: Configurations;
  readonly #entering = new Set<Session>();
  /** SAs that were given something to do outside their own input, and sessions whose deadline may have changed. */
  readonly #touched = new Set<Ikev1Sa>();
  readonly #dirty = new Set<number>();
  /** SAs that we began, by the session whose phase 1 they renew. */
  readonly #renewals = new Map<number, Session>();
  #lastId = 0;
  #lastRequest = 0;

  constructor(options: SessionsOptions) {
    this.#options = options;
    this.#addresses = new AddressBook(options.ownAddress);
    const touch = (session: Session) => this.#touch(session);
    const newRequest = () => ++this.#lastRequest;
    const end = (session: Session, reason: string) => this.end(session, reason);
    this.#tunnels = new Tunnels({ ...options, touch });
    this.#logins = new Logins(
      {
        emit: options.emit,
        newRequest,
        touch,
        end,
        // who renews phase 1 from the same socket may leave Mode-Config out
        admitted: (session, sa) => this.#configurations.continueOlder(session, sa, undefined),
      },
      this.#roster,
      this.#addresses,
    );
    this.#configurations = new Configurations(
      {
        ...options,
        touch,
        end,
        leaveEntrance: (session) => this.#entering.delete(session),
        addPhase1: (session, sa) => this.#addPhase1(session, sa),
      },
      this.#roster,
      this.#addresses,
    );
    this.#calls = new Calls({
      ...options,
      newRequest,
      touch,
      enter: (session) => this.#enter(session),
      newId: () => ++this.#lastId,
      admit: (session, user, verdict) => this.#logins.admit(session, user, verdict)?.reason,
      up: (session, now) => this.#callUp(session, now),
      restarted: (line, further, now) => this.#restart(line, further, now),
      end,
      endLine: (line, reason) => this.endLine(line, reason),
    });
  }

  get all(): Session[] {
    return this.#roster.all;
  }

  /** On the way in: not yet logged in and configured. */
  isEntering(saId: number): boolean {
    const session = this.#bySa.get(saId);
    return session !== undefined && this.#entering.has(session);
  }

  whoIs(saId: number): Who | undefined {
    return this.#bySa.get(saId)?.who;
  }

  reserve(addresses: readonly IpAddress[]): void {
    this.#addresses.reserve(addresses);
  }

  /** A session whose group or peer is gone keeps the rules that it came under. */
  reload(): void {
    const { groups, peers } = this.#options.settings().policy;
    for (const session of this.#roster.all) {
      const { subject } = session;
      const group = subject.kind === 'group' && groups.find(({ name }) => name === subject.group.name);
      const peer = subject.kind === 'peer' && peers.find(({ id }) => id === subject.peer.id);
      if (group) session.subject = { kind: 'group', group };
      if (peer) session.subject = { kind: 'peer', peer };
      this.#dirty.add(session.id);
    }
  }

  lastTraffic(saId: number): Instant {
    const session = this.#bySa.get(saId);
    return session?.espPath ? this.#calls.lastTraffic(session) : 0;
  }

  takeTouched(): readonly Ikev1Sa[] {
    return taken(this.#touched);
  }

  takeDeadlines(): readonly { readonly id: number; readonly at: Instant | undefined }[] {
    return taken(this.#dirty).map((id) => {
      const session = this.#roster.find(id);
      return { id, at: session && this.#deadline(session) };
    });
  }

  handleEstablished(sa: Ikev1Sa, event: Phase1Established, now: Instant): void {
    const subject = event.credential.subject as Subject;
    const renewed =
      this.#renewals.get(sa.id) ?? (subject.kind === 'peer' ? this.#roster.ofPeer(subject.peer.id) : undefined);
    this.#renewals.delete(sa.id);
    if (renewed && this.#roster.has(renewed)) {
      renewed.renewal = NO_RENEWAL;
      return this.#addPhase1(renewed, sa);
    }
    const asks = LOGIN_METHODS.has(event.suite.authentication);
    const group = subject.kind === 'group' ? subject.group : undefined;
    const mayCall = group && !asks && this.#options.settings().policy.l2tp !== undefined;
    const caller = mayCall ? this.#calls.renewedBy(sa) : undefined;
    // a call outlives the phase 1 that it began under; whoever begins anew says so by SCCRQ
    if (caller && caller.group?.name === group?.name) {
      this.#addPhase1(caller, sa);
      return this.#options.emit({ type: 'notice', who: caller.who, text: 'phase 1 renewed by the client' });
    }
    const session = new Session(++this.#lastId, subject, { awaits: 'nothing' }, now);
    this.#enter(session);
    this.#addPhase1(session, sa);
    if (subject.kind === 'peer') {
      session.inner = subject.peer.inner;
      this.#entering.delete(session);
    } else if (asks || (event.traits.xauth && !mayCall)) {
      this.#logins.ask(session, sa, 1, now);
    } else {
      // strongSwan says that it knows XAUTH also where it is to call by L2TP
      const until = now + (event.traits.xauth ? CALL_COMES_FIRST : NOBODY_PATIENCE);
      session.stage = { awaits: 'nobody', until, thenAsk: event.traits.xauth };
    }
    this.#dirty.add(session.id);
  }

  handlePhase1Ended(sa: Ikev1Sa, reason: EndReason, detail: string, now: Instant): void {
    const renewed = this.#renewals.get(sa.id);
    if (renewed) {
      this.#renewals.delete(sa.id);
      renewed.renewal = { awaits: 'retry', at: now + RENEWAL_RETRY };
      this.#dirty.add(renewed.id);
    }
    const session = this.#bySa.get(sa.id);
    if (!session) return;
    const { stage } = session;
    this.#bySa.delete(sa.id);
    const newest = session.phase1 === sa;
    const others = session.phase1s.filter((one) => one !== sa);
    const words = stage.awaits === 'goodbye' ? stage.reason : `${reason}: ${detail}`;
    if (others.length === 0) this.#removeLine(session, words);
    session.phase1s = others;
    // who deletes what it renewed goes on with the new one; who deletes the new one leaves
    if (others.length > 0 && newest && reason === 'deleted by the peer') this.endLine(session, words);
  }

  handleEvent(sa: Ikev1Sa, event: Ikev1Event, now: Instant): void {
    const session = this.#bySa.get(sa.id);
    if (!session) return;
    this.#dirty.add(session.id);
    switch (event.type) {
      case 'xauth-answered':
        return this.#logins.handle(session, sa, event.userName, event.password, now);
      case 'configuration-requested':
        return this.#configurations.handle(session, sa, event.messageId, event.attributes, now);
      case 'initial-contact':
        session.initialContact = true;
        return;
      case 'esp-prepared':
        if (isTransportMode(event.pair.suite.mode)) this.#calls.begin(session, sa, now);
        return this.#tunnels.prepare(session, sa, event.pair, now);
      case 'esp-established':
        return this.#tunnels.establish(session, sa, event.pair, now);
      case 'esp-abandoned':
        return this.#tunnels.abandon(session, event, now);
      case 'esp-refused':
        session.told = true;
        return this.#options.emit({ type: 'failure', who: session.who, step: 'quick mode', reason: event.reason });
      case 'esp-deleted':
        return this.#tunnels.deleted(session, event.spis, now);
      case 'path-changed':
        this.#calls.noteMoved(session);
        return this.#tunnels.followIke(session, event.path);
      case 'rekey-due':
        return this.#renewPhase1(session, sa, now);
      default:
        return;
    }
  }

  answerLogin(requestId: number, verdict: LoginVerdict, now: Instant): void {
    if (!this.#calls.answer(requestId, verdict, now)) this.#logins.answer(requestId, verdict, now);
  }

  /** What a client's L2TP says, from that UDP port. */
  handleL2tp(sessionId: number, port: number, message: Bytes, now: Instant): void {
    const session = this.#roster.find(sessionId);
    if (!session) return;
    this.#dirty.add(sessionId);
    this.#calls.handleMessage(session, port, message, now);
  }

  authorizePhase2(saId: number, request: Phase2Request): Phase2Grant | { readonly refused: string } {
    const session = this.#bySa.get(saId);
    const sa = session?.phase1s.find((one) => one.id === saId);
    return session && sa ? this.#tunnels.authorize(session, sa, request) : { refused: 'its session is gone' };
  }

  handlePathChange(sessionId: number, path: EspPath): void {
    const session = this.#roster.find(sessionId);
    if (!session) return;
    this.#tunnels.handlePathChange(session, path);
    this.#calls.noteMoved(session);
  }

  /** Tells a session whose client sends ESP on an SPI that is no more; false: it is nobody's whom we know. */
  disownSpi(path: EspPath, spi: number): boolean {
    const session = this.#roster.all.find(({ espPath }) => espPath && samePath(espPath, path));
    session?.phase1?.deleteEsp([spi]);
    if (session) this.#touch(session);
    return session !== undefined;
  }

  handleFirstPacket(sessionId: number, inboundSpi: number, now: Instant): void {
    const session = this.#roster.find(sessionId);
    if (!session) return;
    this.#dirty.add(sessionId);
    this.#tunnels.handleFirstPacket(session, inboundSpi, now);
  }

  handleRekeyNeeded(sessionId: number, outboundSpi: number, now: Instant): void {
    const session = this.#roster.find(sessionId);
    const child = session?.children.findOutbound(outboundSpi);
    if (session && child?.stage === 'established') this.#tunnels.rekey(session, child, now);
  }

  handleTimeout(id: number, now: Instant): void {
    const session = this.#roster.find(id);
    if (!session) return;
    this.#dirty.add(id);
    const limit = limitReached(session, this.#options.lastTraffic(id), now);
    if (limit) return this.end(session, limit);
    this.#tunnels.handleTimeout(session, now);
    this.#calls.handleTimeout(session, now);
    const { renewal, phase1 } = session;
    if (renewal.awaits === 'retry' && renewal.at <= now && phase1) this.#renewPhase1(session, phase1, now);
    const due = stageDeadline(session);
    if (due !== undefined && due <= now) this.#handleStageTimeout(session, now);
  }

  endByNumber(number: number, reason: string): boolean {
    const session = this.#roster.all.find((one) => one.number === number);
    if (!session || session.stage.awaits === 'next call') return false;
    this.end(session, reason);
    return true;
  }

  /** What a session's packets take can't be had: whoever shares it ends with it. */
  breakById(id: number, reason: string): void {
    const session = this.#roster.find(id);
    if (session?.host) this.end(session, reason);
    else if (session) this.endLine(session, reason);
  }

  /** Ends all of a user's sessions, also those still on the way in. */
  endByUser(user: string, reason: string): void {
    for (const session of this.all) {
      const { stage, call } = session;
      const typed = stage.awaits === 'verdict' ? stage.user : (call?.asked?.user ?? session.user);
      if (typed === user) this.end(session, reason);
    }
  }

  /** Ends a session from our side: tells the peer, frees all that it had. Other calls in its tunnel go on. */
  end(session: Session, reason: string): void {
    if (!this.#roster.has(session)) return;
    if (!this.#calls.isShared(session)) return this.endLine(session.line, reason);
    this.#calls.hangUp(session);
    if (session.host) return this.#remove(session, reason);
    this.#vacate(session, reason);
    this.#entering.delete(session);
    session.stage = { awaits: 'next call' };
  }

  /** Ends a session with its phase 1s, pairs, tunnel, and whoever shares these. */
  endLine(line: Session, reason: string): void {
    if (!this.#roster.has(line)) return;
    // the delete of phase 1 says it all; vpnc would answer one of ESP with a new quick mode
    this.#removeLine(line, reason);
    for (const sa of line.phase1s) {
      sa.close(reason);
      this.#bySa.delete(sa.id);
      this.#touched.add(sa);
    }
  }

  #deadline(session: Session): Instant | undefined {
    const limit = limitDeadline(session, this.#options.lastTraffic(session.id));
    const call = this.#calls.pollTimeout(session);
    return earliest(limit, stageDeadline(session), renewalDeadline(session), session.children.pollTimeout(), call);
  }

  #addPhase1(session: Session, sa: Ikev1Sa): void {
    // not pushed: an array that grows takes room for sixteen more
    session.phase1s = session.phase1s.concat(sa);
    this.#bySa.set(sa.id, session);
    this.#dirty.add(session.id);
    if (session.phase1s.length <= MAX_PHASE1S) return;
    const [surplus, ...others] = session.phase1s as [Ikev1Sa, ...Ikev1Sa[]];
    session.phase1s = others;
    this.#bySa.delete(surplus.id);
    surplus.close('renewed');
    this.#touched.add(surplus);
  }

  /** Only a peer without a user can be asked to prove itself again: a login is the client's to begin. */
  #renewPhase1(session: Session, sa: Ikev1Sa, now: Instant): void {
    const { subject } = session;
    if (subject.kind !== 'peer' || session.phase1 !== sa || !sa.established) return;
    const { path } = sa;
    const { suite, credential } = sa.established;
    const signs = suite.authentication !== Authentication.PSK && this.#options.settings().identity;
    const identity = signs || addressIdentity(path.local.address);
    const intent = { suites: [suite], credential, identity, lifetime: this.#options.settings().phase1Lifetime };
    session.renewal = { awaits: 'phase 1' };
    this.#renewals.set(this.#options.initiate(intent, path, now), session);
  }

  #handleStageTimeout(session: Session, now: Instant): void {
    const { stage, phase1 } = session;
    if (stage.awaits === 'goodbye') {
      this.end(session, stage.reason);
    } else if (stage.awaits === 'nobody' && stage.thenAsk && phase1) {
      this.#logins.ask(session, phase1, 1, now);
    } else if (stage.awaits === 'call') {
      this.end(session, `its user was not logged in in time: L2TP awaited ${session.line.l2tp?.lns.awaits ?? 'SCCRQ'}`);
    } else if (stage.awaits === 'nobody') {
      const reason =
        "the group secret is right, but the client does neither XAUTH nor L2TP, and no entry of 'peers' names it";
      session.told = true;
      this.#options.emit({ type: 'failure', who: session.who, step: 'login', reason });
      this.end(session, reason);
    } else if (stage.awaits === 'configuration' && !stage.push) {
      this.end(session, 'it logged in, but never asked for its address (Mode-Config)');
    } else if (stage.awaits === 'configuration' && phase1 && session.address && session.group) {
      this.#configurations.push(session, phase1, now);
    }
  }

  #enter(session: Session): void {
    this.#roster.add(session);
    this.#entering.add(session);
    this.#dirty.add(session.id);
    if (this.#entering.size > MAX_ENTERING) this.end(this.#entering.values().next().value!, 'too many logins at once');
  }

  #removeLine(line: Session, reason: string): void {
    const { calls = [] } = line.l2tp ?? {};
    this.#calls.close(line);
    for (const session of calls) if (session.host) this.#remove(session, reason);
    this.#remove(line, reason);
  }

  #remove(session: Session, reason: string): void {
    this.#roster.remove(session);
    this.#entering.delete(session);
    this.#dirty.add(session.id);
    this.#addresses.release(session);
    this.#tellEnd(session, reason);
    if (session.host) this.#options.emit({ type: 'close-session', id: session.id });
    else this.#tunnels.close(session);
  }

  #tellEnd(session: Session, reason: string): void {
    const ending = endingOf(session, reason);
    if (ending) this.#options.emit(ending);
  }

  #callUp(session: Session, now: Instant): void {
    const { phase1, address, user, group } = session;
    session.stage = { awaits: 'nothing' };
    session.since = now;
    this.#entering.delete(session);
    if (phase1) this.#tunnels.announce(session, phase1);
    if (address && user !== undefined) this.#options.emit({ type: 'leased', group: group?.name, user, address });
  }

  /** Under the same SA the client is still nobody in particular. */
  #restart(line: Session, further: readonly Session[], now: Instant): void {
    const reason = 'its client began anew';
    // to begin anew before a login is no failure
    for (const session of [line, ...further]) session.told = true;
    for (const session of further) this.#remove(session, reason);
    this.#tunnels.switchWaiting(line, now);
    this.#vacate(line, reason);
  }

  /** Its user is off, and it is nobody's. */
  #vacate(line: Session, reason: string): void {
    this.#tellEnd(line, reason);
    if (line.inner) this.#options.emit({ type: 'unbind-call', id: line.id });
    this.#addresses.release(line);
    this.#roster.setUser(line, undefined);
    line.number = ++this.#lastId;
    line.announced = false;
    line.told = true;
    line.address = undefined;
    line.inner = undefined;
  }

  #touch(session: Session): void {
    for (const sa of session.line.phase1s) this.#touched.add(sa);
    this.#dirty.add(session.id);
  }
}

function renewalDeadline({ renewal }: Session): Instant | undefined {
  return renewal.awaits === 'retry' ? renewal.at : undefined;
}

/** Asked after each message, where it is empty as a rule. */
function taken<T>(set: Set<T>): readonly T[] {
  if (set.size === 0) return [];
  const all = [...set];
  set.clear();
  return all;
}
