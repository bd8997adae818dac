/**
 * The sessions of a gateway: from a proven phase 1 by way of login and configuration to ESP, and to their common end.
 *
 * No way leads round the user: configuration and tunnels are for those whose login succeeded, and for the `peers`.
 */

import type { IkePath } from '../carrier/ike-path.ts';
import type { CryptoProvider } from '../crypto/provider.ts';
import type { EspPath } from '../esp/sa.ts';
import { addressIdentity } from '../ikev1/identity.ts';
import type { InitiatorIntent } from '../ikev1/phase1.ts';
import type { Ikev1Sa } from '../ikev1/sa.ts';
import type { EndReason, Ikev1Event, Phase1Established, Phase2Grant, Phase2Request } from '../ikev1/types.ts';
import { formatPrefix, type IpAddress, prefixOf } from '../net/address.ts';
import { earliest, type Instant, MINUTE, SECOND } from '../net/time.ts';
import { type Attribute, Authentication } from '../wire/ikev1.ts';
import { AddressBook } from './addresses.ts';
import { asksForCiscoUdp, configurationPush, configurationReply, requestedAddress } from './configuration.ts';
import type { Subject } from './credentials.ts';
import type { GatewayEvent, LoginVerdict, Who } from './events.ts';
import { limitDeadline, limitReached } from './limits.ts';
import type { GatewaySettings, GroupPolicy } from './policy.ts';
import { Session } from './session.ts';
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
const MAX_LOGIN_ATTEMPTS = 3;
/** Characters; longer ones belong to nobody and are not passed on. */
const MAX_USER_NAME = 64;
const MAX_PASSWORD = 1024;
/** Sessions on the way to their login and configuration; of more the oldest goes. */
export const MAX_ENTERING = 2048;
/** How long a client that was refused has to hang up by itself. */
const GOODBYE = 3 * SECOND;
/** A client that asks for no configuration by then gets it pushed; Cisco's own kind always asks. */
const PUSH_AFTER = 4 * SECOND;
/** Who always asks but hasn't by then has gone. */
const CONFIGURATION_PATIENCE = MINUTE;
/** A peer that didn't answer to the renewal of its phase 1 is tried again after this, as long as the old one holds. */
const RENEWAL_RETRY = MINUTE;
/** A proven group secret without a login is worth no longer than this. */
const NOBODY_PATIENCE = MINUTE;

/** Methods that announce XAUTH by themselves. */
const LOGIN_METHODS: ReadonlySet<number> = new Set([
  Authentication.XAUTH_INIT_PSK,
  Authentication.XAUTH_INIT_RSA,
  Authentication.HYBRID_INIT_RSA,
]);

export class Sessions {
  readonly #options: SessionsOptions;
  readonly #byId = new Map<number, Session>();
  readonly #bySa = new Map<number, Session>();
  readonly #addresses: AddressBook;
  readonly #tunnels: Tunnels;
  readonly #byLogin = new Map<number, Session>();
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
    this.#tunnels = new Tunnels({ ...options, touch: (session) => this.#touch(session) });
  }

  get all(): Session[] {
    return [...this.#byId.values()];
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
    for (const session of this.#byId.values()) {
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
    return session?.espPath ? this.#options.lastTraffic(session.id) : 0;
  }

  *takeTouched(): Iterable<Ikev1Sa> {
    for (const sa of this.#touched) {
      this.#touched.delete(sa);
      yield sa;
    }
  }

  *takeDeadlines(): Iterable<{ readonly id: number; readonly at: Instant | undefined }> {
    for (const id of this.#dirty) {
      this.#dirty.delete(id);
      const session = this.#byId.get(id);
      yield { id, at: session && this.#deadline(session) };
    }
  }

  handleEstablished(sa: Ikev1Sa, event: Phase1Established, now: Instant): void {
    const subject = event.credential.subject as Subject;
    const renewed =
      this.#renewals.get(sa.id) ?? (subject.kind === 'peer' ? this.#sessionOfPeer(subject.peer.id) : undefined);
    this.#renewals.delete(sa.id);
    if (renewed && this.#byId.get(renewed.id) === renewed) {
      renewed.renewal = { awaits: 'nothing' };
      return this.#addPhase1(renewed, sa);
    }
    const session = new Session(++this.#lastId, subject, { awaits: 'nothing' }, now);
    this.#byId.set(session.id, session);
    this.#entering.add(session);
    if (this.#entering.size > MAX_ENTERING) this.end(this.#entering.values().next().value!, 'too many logins at once');
    this.#addPhase1(session, sa);
    if (subject.kind === 'peer') {
      session.inner = subject.peer.inner;
      this.#entering.delete(session);
    } else if (event.traits.xauth || LOGIN_METHODS.has(event.suite.authentication)) {
      this.#askLogin(session, sa, 1, now);
    } else {
      session.stage = { awaits: 'nobody', until: now + NOBODY_PATIENCE };
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
    const { stage, who } = session;
    this.#bySa.delete(sa.id);
    const newest = session.phase1 === sa;
    session.phase1s.splice(session.phase1s.indexOf(sa), 1);
    const words = stage.awaits === 'goodbye' ? stage.reason : `${reason}: ${detail}`;
    if (session.phase1s.length === 0) this.#remove(session, who, words);
    // who deletes what it renewed goes on with the new one; who deletes the new one leaves
    else if (newest && reason === 'deleted by the peer') this.end(session, words);
  }

  handleEvent(sa: Ikev1Sa, event: Ikev1Event, now: Instant): void {
    const session = this.#bySa.get(sa.id);
    if (!session) return;
    this.#dirty.add(session.id);
    switch (event.type) {
      case 'xauth-answered':
        return this.#handleLogin(session, sa, event.userName, event.password, now);
      case 'configuration-requested':
        return this.#handleConfigurationRequest(session, sa, event.messageId, event.attributes, now);
      case 'initial-contact':
        session.initialContact = true;
        return;
      case 'esp-prepared':
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
        return this.#tunnels.followIke(session, event.path);
      case 'rekey-due':
        return this.#renewPhase1(session, sa, now);
      default:
        return;
    }
  }

  answerLogin(requestId: number, verdict: LoginVerdict, now: Instant): void {
    const session = this.#byLogin.get(requestId);
    this.#byLogin.delete(requestId);
    const sa = session?.phase1;
    const gone = !session || this.#byId.get(session.id) !== session;
    if (gone || !sa || session.stage.awaits !== 'verdict' || session.stage.requestId !== requestId) return;
    const { user, attempt } = session.stage;
    if (verdict.ok === 'passcode') return this.#askPasscode(session, sa, attempt, user, verdict.message, now);
    const refusal = this.#admit(session, user, verdict);
    this.#touch(session);
    if (refusal === undefined) {
      sa.finishXauth(true, now);
      // a Unity client always asks; to interleave a push with its request would confuse it
      const push = !sa.established?.traits.unity;
      session.stage = { awaits: 'configuration', push, until: now + (push ? PUSH_AFTER : CONFIGURATION_PATIENCE) };
      // who renews phase 1 from the same socket may leave Mode-Config out
      if (this.#predecessor(session)) this.#continueOlder(session, sa, undefined);
      return;
    }
    session.told = true;
    this.#options.emit({ type: 'failure', who: { ...session.who, user }, step: 'login', reason: refusal.reason });
    if (refusal.final || attempt >= MAX_LOGIN_ATTEMPTS) {
      sa.finishXauth(false, now);
      session.stage = { awaits: 'goodbye', until: now + GOODBYE, reason: `login failed: ${refusal.reason}` };
    } else {
      this.#askLogin(session, sa, attempt + 1, now);
    }
  }

  authorizePhase2(saId: number, request: Phase2Request): Phase2Grant | { readonly refused: string } {
    const session = this.#bySa.get(saId);
    const sa = session?.phase1s.find((one) => one.id === saId);
    return session && sa ? this.#tunnels.authorize(session, sa, request) : { refused: 'its session is gone' };
  }

  handlePathChange(sessionId: number, path: EspPath): void {
    const session = this.#byId.get(sessionId);
    if (session) this.#tunnels.handlePathChange(session, path);
  }

  handleFirstPacket(sessionId: number, inboundSpi: number, now: Instant): void {
    const session = this.#byId.get(sessionId);
    if (!session) return;
    this.#dirty.add(sessionId);
    this.#tunnels.handleFirstPacket(session, inboundSpi, now);
  }

  handleRekeyNeeded(sessionId: number, outboundSpi: number, now: Instant): void {
    const session = this.#byId.get(sessionId);
    const child = session?.children.findOutbound(outboundSpi);
    if (session && child?.stage === 'established') this.#tunnels.rekey(session, child, now);
  }

  handleTimeout(id: number, now: Instant): void {
    const session = this.#byId.get(id);
    if (!session) return;
    this.#dirty.add(id);
    const limit = limitReached(session, this.#options.lastTraffic(id), now);
    if (limit) return this.end(session, limit);
    this.#tunnels.handleTimeout(session, now);
    const { renewal, phase1 } = session;
    if (renewal.awaits === 'retry' && renewal.at <= now && phase1) this.#renewPhase1(session, phase1, now);
    const due = stageDeadline(session);
    if (due !== undefined && due <= now) this.#handleStageTimeout(session, now);
  }

  endById(id: number, reason: string): boolean {
    const session = this.#byId.get(id);
    if (session) this.end(session, reason);
    return session !== undefined;
  }

  /** Ends all of a user's sessions, also those still on the way in. */
  endByUser(user: string, reason: string): void {
    for (const session of this.all) {
      const typed = session.stage.awaits === 'verdict' ? session.stage.user : session.user;
      if (typed === user) this.end(session, reason);
    }
  }

  /** Ends a session from our side: tells the peer, frees all that it had. */
  end(session: Session, reason: string): void {
    // the delete of phase 1 says it all; vpnc would answer one of ESP with a new quick mode
    this.#remove(session, session.who, reason);
    for (const sa of session.phase1s) {
      sa.close(reason);
      this.#bySa.delete(sa.id);
      this.#touched.add(sa);
    }
  }

  #deadline(session: Session): Instant | undefined {
    const limit = limitDeadline(session, this.#options.lastTraffic(session.id));
    return earliest(limit, stageDeadline(session), renewalDeadline(session), session.children.pollTimeout());
  }

  #addPhase1(session: Session, sa: Ikev1Sa): void {
    session.phase1s.push(sa);
    this.#bySa.set(sa.id, session);
    this.#dirty.add(session.id);
    if (session.phase1s.length <= MAX_PHASE1S) return;
    const surplus = session.phase1s.shift()!;
    this.#bySa.delete(surplus.id);
    surplus.close('renewed');
    this.#touched.add(surplus);
  }

  #sessionOfPeer(id: string): Session | undefined {
    for (const session of this.#byId.values()) {
      if (session.subject.kind === 'peer' && session.subject.peer.id === id) return session;
    }
    return undefined;
  }

  #askLogin(session: Session, sa: Ikev1Sa, attempt: number, now: Instant): void {
    session.stage = { awaits: 'login', attempt, factor: { step: 'password' } };
    const message = attempt > 1 ? 'Name or password is wrong. Try again.' : undefined;
    sa.requestXauth({ asks: 'password', message }, now);
    this.#touch(session);
  }

  #askPasscode(session: Session, sa: Ikev1Sa, attempt: number, user: string, message: string, now: Instant): void {
    session.stage = { awaits: 'login', attempt, factor: { step: 'passcode', user } };
    sa.requestXauth({ asks: 'passcode', message }, now);
    this.#touch(session);
  }

  #handleLogin(session: Session, sa: Ikev1Sa, userName: string, password: string, now: Instant): void {
    if (session.stage.awaits !== 'login') return;
    const { attempt, factor } = session.stage;
    // with the passcode some clients send a name again: the one whose password was right counts
    const user = factor.step === 'passcode' ? factor.user : userName;
    const requestId = ++this.#lastRequest;
    session.stage = { awaits: 'verdict', requestId, attempt, factor, user };
    this.#byLogin.set(requestId, session);
    if (user.length > MAX_USER_NAME || password.length > MAX_PASSWORD) {
      session.stage = { ...session.stage, user: user.slice(0, MAX_USER_NAME) };
      return this.answerLogin(requestId, { ok: false, reason: 'name or password is too long for any user here' }, now);
    }
    const source = sa.path.remote;
    const group = session.group?.name;
    this.#options.emit({ type: 'authenticate', requestId, group, user, password, step: factor.step, source });
  }

  /** Lets the user in with an address, or says why not. */
  #admit(
    session: Session,
    user: string,
    verdict: LoginVerdict & { readonly ok: boolean },
  ): { reason: string; final: boolean } | undefined {
    if (!verdict.ok) return { reason: verdict.reason, final: false };
    const { group } = session;
    if (!group) return { reason: 'a peer has no user', final: true };
    if (group.users && !group.users.includes(user)) {
      // not final: to the client it looks like a wrong password
      return { reason: `${user} may not use this group; see its 'users'`, final: false };
    }
    session.user = user;
    if (session.initialContact) this.#endOlderSessionsOf(session);
    const predecessor = this.#predecessor(session);
    const others = this.#sessionsOf(group).filter((one) => one !== session && one !== predecessor);
    if (group.maxSessions !== undefined && others.length >= group.maxSessions) {
      session.user = undefined;
      return { reason: `the group has its max_sessions of ${group.maxSessions} on`, final: true };
    }
    const address = this.#chooseAddress(session, group, verdict, predecessor);
    if (!address) {
      session.user = undefined;
      return { reason: `no address is free in the pool ${formatPrefix(group.pool)}; make it wider`, final: true };
    }
    session.address = address;
    session.inner = prefixOf(address, 32);
    this.#addresses.hold(address, session);
    return undefined;
  }

  /**
   * A session that this one continues: the same user from the same socket. A client that renews phase 1 (IKEv1 does so by a
   * new one, login and all) keeps its address and its tunnels.
   */
  #predecessor(session: Session): Session | undefined {
    const path = session.phase1?.path;
    if (!path) return undefined;
    return this.#ofSameUser(session).find(
      (one) => one.phase1?.path.remote.port === path.remote.port && sameHost(one, session),
    );
  }

  #ofSameUser(session: Session): Session[] {
    if (session.user === undefined) return [];
    return this.all.filter(
      (one) => one !== session && one.user === session.user && sameGroup(one.group, session.group) && hasAddress(one),
    );
  }

  #sessionsOf(group: GroupPolicy): Session[] {
    return this.all.filter((one) => sameGroup(one.group, group) && one.user !== undefined);
  }

  /** A static address comes back from an older login of the same user; a full pool takes the user's own oldest one back. */
  #chooseAddress(
    session: Session,
    group: GroupPolicy,
    verdict: LoginVerdict & { ok: true },
    predecessor: Session | undefined,
  ): IpAddress | undefined {
    if (verdict.address) {
      const holder = this.#addresses.holder(verdict.address);
      if (holder && holder !== predecessor)
        this.end(holder, 'its static address went to a newer login of the same user');
      return verdict.address;
    }
    if (predecessor?.address) return predecessor.address;
    const free = this.#addresses.choose(group.pool, verdict.lastAddress);
    if (free) return free;
    const [oldest] = this.#ofSameUser(session);
    if (!oldest?.address) return undefined;
    const { address } = oldest;
    this.end(oldest, 'the pool is full and the same user logged in anew');
    return address;
  }

  #handleConfigurationRequest(
    session: Session,
    sa: Ikev1Sa,
    messageId: number,
    requested: readonly Attribute[],
    now: Instant,
  ): void {
    const { stage } = session;
    if (stage.awaits !== 'configuration' && stage.awaits !== 'nothing') {
      const reason = 'it asked for its configuration before its login succeeded';
      this.#options.emit({ type: 'failure', who: session.who, step: 'Mode-Config', reason });
      return;
    }
    const owner = this.#continueOlder(session, sa, requestedAddress(requested));
    const { group, address } = owner;
    if (!group || !address) return;
    // a client that found a NAT and floated speaks NAT-T; what a session began with it stays with
    const offered = asksForCiscoUdp(requested) && sa.path.carrier === 'udp';
    const port = offered ? this.#options.settings().policy.ciscoUdpPort : undefined;
    if (port !== undefined) owner.ciscoUdp = true;
    sa.answerRequest(messageId, configurationReply(requested, address, group, port), now);
    this.#configured(owner);
  }

  #configured(session: Session): void {
    const { group, address, user } = session;
    session.stage = { awaits: 'nothing' };
    this.#entering.delete(session);
    this.#touch(session);
    if (address && !this.#addresses.hold(address, session))
      return this.end(session, 'its address went to another login');
    if (address && user !== undefined) this.#options.emit({ type: 'leased', group: group?.name, user, address });
  }

  /** A renewed phase 1 goes over to the session that it renews; else the session stands on its own. */
  #continueOlder(session: Session, sa: Ikev1Sa, wanted: IpAddress | undefined): Session {
    if (session.stage.awaits === 'nothing') return session;
    const holder = wanted && this.#addresses.holder(wanted);
    const mine = holder && this.#ofSameUser(session).includes(holder) && sameHost(holder, session) ? holder : undefined;
    const older = mine ?? this.#predecessor(session);
    if (!older) return session;
    session.phase1s.length = 0;
    this.#addPhase1(older, sa);
    this.#addresses.release(session);
    this.#byId.delete(session.id);
    this.#entering.delete(session);
    this.#dirty.add(older.id);
    this.#options.emit({ type: 'notice', who: older.who, text: 'phase 1 renewed by the client' });
    return older;
  }

  /**
   * INITIAL_CONTACT: the peer says that it has nothing else with us. Behind a NAT others share its address, so there only its
   * own port counts; who restarted there with another port is found dead by DPD.
   */
  #endOlderSessionsOf(session: Session): void {
    const natted = session.phase1?.established?.nat.remote === true;
    for (const other of this.#ofSameUser(session)) {
      const stale = sameHost(other, session) && (!natted || samePort(other, session));
      if (stale) this.end(other, 'its client began anew');
    }
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
    } else if (stage.awaits === 'nobody') {
      const reason = "the group secret is right, but the client does no XAUTH and no entry of 'peers' names it";
      session.told = true;
      this.#options.emit({ type: 'failure', who: session.who, step: 'login', reason });
      this.end(session, reason);
    } else if (stage.awaits === 'configuration' && !stage.push) {
      this.end(session, 'it logged in, but never asked for its address (Mode-Config)');
    } else if (stage.awaits === 'configuration' && phase1 && session.address && session.group) {
      const older = this.#continueOlder(session, phase1, undefined);
      if (older.address && older.group) phase1.pushConfiguration(configurationPush(older.address, older.group), now);
      this.#configured(older);
    }
  }

  #remove(session: Session, who: Who, reason: string): void {
    this.#addresses.release(session);
    this.#byId.delete(session.id);
    this.#entering.delete(session);
    this.#dirty.add(session.id);
    if (session.announced) this.#options.emit({ type: 'session-down', id: session.id, who, reason });
    else if (!session.told) {
      this.#options.emit({ type: 'failure', who, step: `waiting for ${session.stage.awaits}`, reason });
    }
    this.#tunnels.close(session);
  }

  #touch(session: Session): void {
    for (const sa of session.phase1s) this.#touched.add(sa);
    this.#dirty.add(session.id);
  }
}

function stageDeadline({ stage }: Session): Instant | undefined {
  switch (stage.awaits) {
    case 'goodbye':
    case 'nobody':
    case 'configuration':
      return stage.until;
    default:
      return undefined;
  }
}

function renewalDeadline({ renewal }: Session): Instant | undefined {
  return renewal.awaits === 'retry' ? renewal.at : undefined;
}

/** Groups are known by name: a reload makes new ones. */
function sameGroup(a: GroupPolicy | undefined, b: GroupPolicy | undefined): boolean {
  return a !== undefined && b !== undefined && a.name === b.name;
}

function hasAddress({ stage }: Session): boolean {
  return stage.awaits === 'nothing' || stage.awaits === 'configuration';
}

function samePort(a: Session, b: Session): boolean {
  return a.phase1?.path.remote.port === b.phase1?.path.remote.port;
}

function sameHost(a: Session, b: Session): boolean {
  return a.phase1?.path.remote.address.text === b.phase1?.path.remote.address.text;
}
