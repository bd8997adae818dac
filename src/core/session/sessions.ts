/**
 * The sessions of a gateway: from a proven phase 1 by way of login and configuration to ESP, and to their common end.
 *
 * No way leads round the user: configuration and tunnels are for those whose login succeeded, and for the `peers`.
 */

import { utf8 } from '../bytes/text.ts';
import type { IkePath } from '../carrier/ike-path.ts';
import { suiteName } from '../crypto/algorithms.ts';
import type { CryptoProvider } from '../crypto/provider.ts';
import type { EspCarrier, EspPath } from '../esp/sa.ts';
import { addressIdentity } from '../ikev1/identity.ts';
import type { InitiatorIntent } from '../ikev1/phase1.ts';
import { phase1SuiteName } from '../ikev1/phase1-proposal.ts';
import { udpTunnelMode } from '../ikev1/phase2-proposal.ts';
import type { Ikev1Sa } from '../ikev1/sa.ts';
import { formatSelector } from '../ikev1/selector.ts';
import type {
  EndReason,
  EspPair,
  Ikev1Event,
  Phase1Established,
  Phase2Grant,
  Phase2Lifetime,
  Phase2Request,
} from '../ikev1/types.ts';
import { formatPrefix, type IpAddress, type Prefix, prefixCovers, prefixOf } from '../net/address.ts';
import { earliest, type Instant, MINUTE, SECOND } from '../net/time.ts';
import { type Attribute, Authentication, EncapsulationMode } from '../wire/ikev1.ts';
import { type Child, espSa, samePath } from './children.ts';
import { asksForCiscoUdp, configurationPush, configurationReply, requestedAddress } from './configuration.ts';
import type { Subject } from './credentials.ts';
import type { GatewayEvent, LoginVerdict, Who } from './events.ts';
import type { GatewayPolicy, GroupPolicy } from './policy.ts';
import { AddressPool } from './pool.ts';
import { Session } from './session.ts';

export interface SessionsOptions {
  readonly crypto: CryptoProvider;
  readonly policy: GatewayPolicy;
  readonly ownAddress: IpAddress;
  readonly phase1Lifetime: number;
  readonly phase2Lifetime: Phase2Lifetime;
  readonly lastTraffic: (sessionId: number) => Instant;
  readonly emit: (event: GatewayEvent) => void;
  readonly newSpi: () => number;
  /** Begins a main mode of our own; gives the SA's id. */
  readonly initiate: (intent: InitiatorIntent, path: IkePath, now: Instant) => number;
}

const MAX_LOGIN_ATTEMPTS = 3;
/** How long a client that was refused has to hang up by itself. */
const GOODBYE = 3 * SECOND;
/** A client that asks for no configuration by then gets it pushed; Cisco's own kind always asks. */
const PUSH_AFTER = 4 * SECOND;
/** A proven group secret without a login is worth no longer than this. */
const NOBODY_PATIENCE = MINUTE;

export class Sessions {
  readonly #options: SessionsOptions;
  readonly #byId = new Map<number, Session>();
  readonly #bySa = new Map<number, Session>();
  readonly #byAddress = new Map<string, Session>();
  readonly #bySpi = new Map<number, Session>();
  readonly #byLogin = new Map<number, Session>();
  readonly #pools = new Map<string, AddressPool>();
  #reserved = new Set<string>();
  /** SAs that were given something to do outside their own input, and sessions whose deadline may have changed. */
  readonly #touched = new Set<Ikev1Sa>();
  readonly #dirty = new Set<number>();
  /** SAs that we began, by the session whose phase 1 they renew. */
  readonly #renewals = new Map<number, Session>();
  #lastId = 0;
  #lastRequest = 0;

  constructor(options: SessionsOptions) {
    this.#options = options;
  }

  get all(): Session[] {
    return [...this.#byId.values()];
  }

  ownsSpi(spi: number): boolean {
    return this.#bySpi.has(spi);
  }

  whoIs(saId: number): Who | undefined {
    return this.#bySa.get(saId)?.who;
  }

  reserve(addresses: readonly IpAddress[]): void {
    this.#reserved = new Set(addresses.map((address) => address.text));
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
      yield { id, at: session && earliest(stageDeadline(session), session.children.pollTimeout()) };
    }
  }

  handleEstablished(sa: Ikev1Sa, event: Phase1Established, now: Instant): void {
    const subject = event.credential.subject as Subject;
    const renewed =
      this.#renewals.get(sa.id) ?? (subject.kind === 'peer' ? this.#sessionOfPeer(subject.peer.id) : undefined);
    this.#renewals.delete(sa.id);
    if (renewed) return this.#addPhase1(renewed, sa);
    const session = new Session(++this.#lastId, subject, { awaits: 'nothing' }, now);
    this.#byId.set(session.id, session);
    this.#addPhase1(session, sa);
    if (subject.kind === 'peer') {
      session.inner = subject.peer.inner;
    } else if (event.traits.xauth || event.suite.authentication === Authentication.XAUTH_INIT_PSK) {
      this.#askLogin(session, sa, 1, now);
    } else {
      session.stage = { awaits: 'nobody', until: now + NOBODY_PATIENCE };
    }
    this.#dirty.add(session.id);
  }

  handlePhase1Ended(sa: Ikev1Sa, reason: EndReason, detail: string): void {
    this.#renewals.delete(sa.id);
    const session = this.#bySa.get(sa.id);
    if (!session) return;
    const { stage, who } = session;
    this.#bySa.delete(sa.id);
    session.phase1s.splice(session.phase1s.indexOf(sa), 1);
    if (session.phase1s.length > 0) return;
    this.#remove(session, who, stage.awaits === 'goodbye' ? stage.reason : `${reason}: ${detail}`);
  }

  handleEvent(sa: Ikev1Sa, event: Ikev1Event, now: Instant): void {
    const session = this.#bySa.get(sa.id);
    if (!session) return;
    this.#dirty.add(session.id);
    switch (event.type) {
      case 'xauth-answered':
        return this.#handleLogin(session, sa, event.userName, event.password);
      case 'configuration-requested':
        return this.#handleConfigurationRequest(session, sa, event.messageId, event.attributes, now);
      case 'initial-contact':
        session.initialContact = true;
        return;
      case 'esp-prepared':
        return this.#handlePrepared(session, sa, event.pair, now);
      case 'esp-established':
        return this.#handleEspEstablished(session, sa, event.pair, now);
      case 'esp-abandoned':
        return this.#handleAbandoned(session, event.inboundSpi, event.reason, now);
      case 'esp-refused':
        return this.#options.emit({ type: 'failure', who: session.who, step: 'quick mode', reason: event.reason });
      case 'esp-deleted':
        return this.#handleEspDeleted(session, event.spis);
      case 'path-changed':
        return this.#followIke(session, event.path);
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
    if (!session || !sa || session.stage.awaits !== 'verdict' || session.stage.requestId !== requestId) return;
    const { user, attempt } = session.stage;
    const refusal = this.#admit(session, user, verdict);
    this.#touch(session, sa);
    if (refusal === undefined) {
      sa.finishXauth(true, now);
      // a Unity client always asks; to interleave a push with its request would confuse it
      const pushAt = sa.established?.traits.unity ? undefined : now + PUSH_AFTER;
      session.stage = { awaits: 'configuration', pushAt };
      return;
    }
    this.#options.emit({ type: 'failure', who: { ...session.who, user }, step: 'login', reason: refusal.reason });
    if (refusal.final || attempt >= MAX_LOGIN_ATTEMPTS) {
      sa.finishXauth(false, now);
      session.stage = { awaits: 'goodbye', until: now + GOODBYE, reason: `login failed: ${refusal.reason}` };
    } else {
      this.#askLogin(session, sa, attempt + 1, now);
    }
  }

  authorizePhase2(saId: number, { local, remote }: Phase2Request): Phase2Grant | { readonly refused: string } {
    const session = this.#bySa.get(saId);
    const sa = session?.phase1s.find((one) => one.id === saId);
    if (!session || !sa) return { refused: 'its session is gone' };
    const refused = whyNot(session);
    if (refused) return { refused };
    const asked = `${formatSelector(remote)} to ${formatSelector(local)}`;
    const whole = [local, remote].every(({ protocol, port }) => protocol === 0 && port === 0);
    const v4 = [local, remote].every(({ prefix }) => prefix.address.bytes.length === 4);
    if (!whole || !v4) return { refused: `it asks for ${asked}; a tunnel here is for IPv4 and all its protocols` };
    if (!session.inner || !prefixCovers(session.inner, remote.prefix)) {
      const own = session.inner ? formatPrefix(session.inner) : 'nothing';
      return { refused: `it asks for ${asked}, but may send from ${own} only` };
    }
    const modes = this.#modes(session, sa);
    return { spi: this.#options.newSpi(), modes, lifetime: this.#options.phase2Lifetime };
  }

  handlePathChange(sessionId: number, path: EspPath): void {
    const session = this.#byId.get(sessionId);
    if (!session) return;
    session.espPath = path;
    if (path.carrier !== 'nat-t') return;
    for (const sa of session.phase1s) sa.followPath({ carrier: 'nat-t', local: path.local, remote: path.remote });
  }

  handleRekeyNeeded(sessionId: number, outboundSpi: number, now: Instant): void {
    const session = this.#byId.get(sessionId);
    const child = session?.children.findOutbound(outboundSpi);
    if (session && child?.stage === 'established') this.#rekey(session, child, now);
  }

  handleTimeout(id: number, now: Instant): void {
    const session = this.#byId.get(id);
    if (!session) return;
    this.#dirty.add(id);
    for (let duty = session.children.takeDue(now); duty; duty = session.children.takeDue(now)) {
      if ('rekey' in duty) this.#rekey(session, duty.rekey, now);
      else this.#retire(session, duty.expired);
    }
    const due = stageDeadline(session);
    if (due !== undefined && due <= now) this.#handleStageTimeout(session, now);
  }

  endById(id: number, reason: string): boolean {
    const session = this.#byId.get(id);
    if (session) this.end(session, reason);
    return session !== undefined;
  }

  /** Ends a session from our side: tells the peer, frees all that it had. */
  end(session: Session, reason: string): void {
    const spis = session.children.all.map((child) => child.pair.inbound.spi);
    const last = session.phase1;
    if (last && spis.length > 0) last.deleteEsp(spis);
    this.#remove(session, session.who, reason);
    for (const sa of session.phase1s) {
      sa.close(reason);
      this.#bySa.delete(sa.id);
      this.#touched.add(sa);
    }
  }

  #addPhase1(session: Session, sa: Ikev1Sa): void {
    session.phase1s.push(sa);
    this.#bySa.set(sa.id, session);
    this.#dirty.add(session.id);
  }

  #sessionOfPeer(id: string): Session | undefined {
    for (const session of this.#byId.values()) {
      if (session.subject.kind === 'peer' && session.subject.peer.id === id) return session;
    }
    return undefined;
  }

  #askLogin(session: Session, sa: Ikev1Sa, attempt: number, now: Instant): void {
    session.stage = { awaits: 'login', attempt };
    sa.requestXauth(attempt > 1 ? utf8('Name or password is wrong. Try again.') : undefined, now);
    this.#touch(session, sa);
  }

  #handleLogin(session: Session, sa: Ikev1Sa, user: string, password: string): void {
    if (session.stage.awaits !== 'login') return;
    const requestId = ++this.#lastRequest;
    session.stage = { awaits: 'verdict', requestId, attempt: session.stage.attempt, user };
    this.#byLogin.set(requestId, session);
    const source = sa.path.remote;
    this.#options.emit({ type: 'authenticate', requestId, group: session.group?.name, user, password, source });
  }

  /** Lets the user in with an address, or says why not. */
  #admit(session: Session, user: string, verdict: LoginVerdict): { reason: string; final: boolean } | undefined {
    if (!verdict.ok) return { reason: verdict.reason, final: false };
    const { group } = session;
    if (!group) return { reason: 'a peer has no user', final: true };
    if (group.users && !group.users.includes(user)) {
      return { reason: `${user} may not use this group; see its 'users'`, final: true };
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
    this.#takeAddress(session, address);
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
      (one) =>
        one !== session && one.user === session.user && one.group === session.group && one.stage.awaits === 'nothing',
    );
  }

  #sessionsOf(group: GroupPolicy): Session[] {
    return this.all.filter((one) => one.group === group && one.user !== undefined);
  }

  /** A static address comes back from an older login of the same user; a full pool takes the user's own oldest one back. */
  #chooseAddress(
    session: Session,
    group: GroupPolicy,
    verdict: LoginVerdict & { ok: true },
    predecessor: Session | undefined,
  ): IpAddress | undefined {
    if (verdict.address) {
      const holder = this.#byAddress.get(verdict.address.text);
      if (holder && holder !== predecessor)
        this.end(holder, 'its static address went to a newer login of the same user');
      return verdict.address;
    }
    if (predecessor?.address) return predecessor.address;
    const pool = this.#pool(group.pool);
    const taken = (address: IpAddress) => this.#isTaken(address);
    const free = pool.choose(verdict.lastAddress, taken);
    if (free) return free;
    const [oldest] = this.#ofSameUser(session);
    if (!oldest?.address) return undefined;
    const { address } = oldest;
    this.end(oldest, 'the pool is full and the same user logged in anew');
    return address;
  }

  #isTaken(address: IpAddress): boolean {
    const { text } = address;
    return this.#byAddress.has(text) || this.#reserved.has(text) || text === this.#options.ownAddress.text;
  }

  #pool(prefix: Prefix): AddressPool {
    const key = formatPrefix(prefix);
    const pool = this.#pools.get(key) ?? new AddressPool(prefix);
    this.#pools.set(key, pool);
    return pool;
  }

  /** The predecessor keeps holding the address that both have, until the configuration request shows that one ends. */
  #takeAddress(session: Session, address: IpAddress): void {
    session.address = address;
    session.inner = prefixOf(address, 32);
    if (!this.#byAddress.has(address.text)) this.#byAddress.set(address.text, session);
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
    const port = asksForCiscoUdp(requested) ? this.#options.policy.ciscoUdpPort : undefined;
    owner.ciscoUdp = port !== undefined;
    sa.answerRequest(messageId, configurationReply(requested, address, group, port), now);
    this.#configured(owner, sa);
  }

  #configured(session: Session, sa: Ikev1Sa): void {
    const { group, address, user } = session;
    session.stage = { awaits: 'nothing' };
    this.#touch(session, sa);
    const holder = address && this.#byAddress.get(address.text);
    if (holder && holder !== session) return this.end(session, 'its address went to another login');
    if (address) this.#byAddress.set(address.text, session);
    if (address && user !== undefined) this.#options.emit({ type: 'leased', group: group?.name, user, address });
  }

  /** A renewed phase 1 goes over to the session that it renews; else the session stands on its own. */
  #continueOlder(session: Session, sa: Ikev1Sa, wanted: IpAddress | undefined): Session {
    if (session.stage.awaits === 'nothing') return session;
    const holder = wanted && this.#byAddress.get(wanted.text);
    const mine = holder && this.#ofSameUser(session).includes(holder) && sameHost(holder, session) ? holder : undefined;
    const older = mine ?? this.#predecessor(session);
    if (!older) return session;
    this.#bySa.set(sa.id, older);
    older.phase1s.push(sa);
    session.phase1s.length = 0;
    if (session.address && this.#byAddress.get(session.address.text) === session) {
      this.#byAddress.delete(session.address.text);
    }
    this.#byId.delete(session.id);
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

  /** Encapsulation follows the way that IKE took: on the NAT-T port ESP goes there too. */
  #modes(session: Session, sa: Ikev1Sa): number[] {
    const { natTraversal } = sa.established?.traits ?? {};
    if (sa.path.carrier === 'nat-t') return [natTraversal ? udpTunnelMode(natTraversal) : EncapsulationMode.UDP_TUNNEL];
    return session.ciscoUdp || this.#options.policy.nativeEsp ? [EncapsulationMode.TUNNEL] : [];
  }

  #handlePrepared(session: Session, sa: Ikev1Sa, pair: EspPair, now: Instant): void {
    if (session.children.isFull) this.#retire(session, session.children.all[0]!);
    const path = this.#espPathFor(session, sa, pair);
    this.#openInDataplane(session, path);
    session.children.prepare(pair, now);
    this.#bySpi.set(pair.inbound.spi, session);
    this.#options.emit({ type: 'install-sa', sa: espSa(session.id, 'in', pair), path: session.espPath ?? path });
  }

  #handleEspEstablished(session: Session, sa: Ikev1Sa, pair: EspPair, now: Instant): void {
    if (!session.children.find(pair.inbound.spi)) return;
    const path = session.espPath ?? this.#espPathFor(session, sa, pair);
    this.#options.emit({ type: 'install-sa', sa: espSa(session.id, 'out', pair), path });
    const { replaced, surplus } = session.children.establish(pair, now);
    for (const old of replaced) this.#removeFromDataplane(session, 'out', old.pair.outbound.spi);
    for (const old of surplus) this.#retire(session, old);
    if (session.announced) return;
    session.announced = true;
    const address = session.address?.text ?? (session.inner ? formatPrefix(session.inner) : '');
    const phase1 = sa.established ? phase1SuiteName(sa.established.suite) : '';
    const summary = `${path.carrier}, ${phase1}, ESP ${suiteName(pair.suite.esp)}`;
    this.#options.emit({ type: 'session-up', id: session.id, who: session.who, address, summary });
  }

  #espPathFor(session: Session, sa: Ikev1Sa, pair: EspPair): EspPath {
    const { local, remote } = sa.path;
    const udp = pair.suite.mode !== EncapsulationMode.TUNNEL;
    const carrier: EspCarrier = udp ? 'nat-t' : session.ciscoUdp ? 'cisco-udp' : 'esp';
    if (carrier === 'nat-t') return { carrier, local, remote };
    const localPort = carrier === 'cisco-udp' ? (this.#options.policy.ciscoUdpPort ?? 0) : 0;
    // with Cisco's UDP the client's port is learned from its first authentic packet
    return { carrier, local: { ...local, port: localPort }, remote: { ...remote, port: 0 } };
  }

  #openInDataplane(session: Session, path: EspPath): void {
    if (!session.espPath) {
      session.espPath = path;
      this.#options.emit({ type: 'open-session', id: session.id, inner: session.inner!, path });
    } else if (session.espPath.carrier !== path.carrier) {
      this.#movePath(session, path);
    }
  }

  #followIke(session: Session, { carrier, local, remote }: IkePath): void {
    if (session.espPath?.carrier !== 'nat-t' || carrier !== 'nat-t') return;
    this.#movePath(session, { carrier, local, remote });
  }

  #movePath(session: Session, path: EspPath): void {
    if (!session.espPath || samePath(session.espPath, path)) return;
    session.espPath = path;
    this.#options.emit({ type: 'move-path', id: session.id, path });
  }

  #handleAbandoned(session: Session, inboundSpi: number, reason: string, now: Instant): void {
    const child = session.children.find(inboundSpi);
    if (child) this.#forgetChild(session, child);
    this.#options.emit({ type: 'failure', who: session.who, step: 'quick mode', reason });
    const { current } = session.children;
    if (current) session.children.retryRekey(current, now);
  }

  #handleEspDeleted(session: Session, outboundSpis: readonly number[]): void {
    for (const spi of outboundSpis) {
      const child = session.children.findOutbound(spi);
      if (child) this.#forgetChild(session, child);
    }
  }

  #rekey(session: Session, child: Child, now: Instant): void {
    const sa = session.phase1;
    if (!sa?.established) return;
    const { suite, local, remote } = child.pair;
    const lifetime = this.#options.phase2Lifetime;
    const intent = { spi: this.#options.newSpi(), suites: [suite], local, remote, lifetime };
    if (!sa.beginQuickMode(intent, now)) session.children.retryRekey(child, now);
    this.#touch(session, sa);
  }

  /** Ends a pair from our side: no longer received, and the peer is told. */
  #retire(session: Session, child: Child): void {
    session.phase1?.deleteEsp([child.pair.inbound.spi]);
    if (session.phase1) this.#touched.add(session.phase1);
    this.#forgetChild(session, child);
  }

  #forgetChild(session: Session, child: Child): void {
    session.children.remove(child);
    this.#bySpi.delete(child.pair.inbound.spi);
    this.#removeFromDataplane(session, 'in', child.pair.inbound.spi);
    if (child.stage === 'established') this.#removeFromDataplane(session, 'out', child.pair.outbound.spi);
    this.#dirty.add(session.id);
  }

  #removeFromDataplane(session: Session, direction: 'in' | 'out', spi: number): void {
    this.#options.emit({ type: 'remove-sa', sessionId: session.id, direction, spi });
  }

  /** Only a peer without a user can be asked to prove itself again: a login is the client's to begin. */
  #renewPhase1(session: Session, sa: Ikev1Sa, now: Instant): void {
    const { subject } = session;
    if (subject.kind !== 'peer' || session.phase1 !== sa || !sa.established) return;
    const { path } = sa;
    const accepts = sa.established.credential.accepts;
    const credential = { psk: subject.peer.psk, subject, known: true, accepts };
    const suites = [sa.established.suite];
    const identity = addressIdentity(path.local.address);
    const intent = { suites, credential, identity, lifetime: this.#options.phase1Lifetime };
    this.#renewals.set(this.#options.initiate(intent, path, now), session);
  }

  #handleStageTimeout(session: Session, now: Instant): void {
    const { stage, phase1 } = session;
    if (stage.awaits === 'goodbye') {
      this.end(session, stage.reason);
    } else if (stage.awaits === 'nobody') {
      const reason = "the group secret is right, but the client does no XAUTH and no entry of 'peers' names it";
      this.#options.emit({ type: 'failure', who: session.who, step: 'login', reason });
      this.end(session, reason);
    } else if (stage.awaits === 'configuration' && phase1 && session.address && session.group) {
      const older = this.#continueOlder(session, phase1, undefined);
      if (older.address && older.group) phase1.pushConfiguration(configurationPush(older.address, older.group), now);
      this.#configured(older, phase1);
    }
  }

  #remove(session: Session, who: Who, reason: string): void {
    for (const { pair } of session.children.all) this.#bySpi.delete(pair.inbound.spi);
    if (session.address && this.#byAddress.get(session.address.text) === session) {
      this.#byAddress.delete(session.address.text);
    }
    this.#byId.delete(session.id);
    this.#dirty.add(session.id);
    if (session.announced) this.#options.emit({ type: 'session-down', id: session.id, who, reason });
    else if (session.stage.awaits !== 'goodbye' && session.stage.awaits !== 'nobody') {
      this.#options.emit({ type: 'failure', who, step: `waiting for ${session.stage.awaits}`, reason });
    }
    if (session.espPath) this.#options.emit({ type: 'close-session', id: session.id });
  }

  #touch(session: Session, sa: Ikev1Sa): void {
    this.#touched.add(sa);
    this.#dirty.add(session.id);
  }
}

/** Why a session may have no tunnel yet; undefined: it may. */
function whyNot({ stage }: Session): string | undefined {
  switch (stage.awaits) {
    case 'nothing':
      return undefined;
    case 'nobody':
      return "a tunnel is for users who logged in (XAUTH) and for those that 'peers' names";
    case 'configuration':
      return 'it asked for a tunnel before its address (Mode-Config)';
    default:
      return 'it asked for a tunnel before its login (XAUTH) succeeded';
  }
}

function stageDeadline({ stage }: Session): Instant | undefined {
  switch (stage.awaits) {
    case 'goodbye':
    case 'nobody':
      return stage.until;
    case 'configuration':
      return stage.pushAt;
    default:
      return undefined;
  }
}

function samePort(a: Session, b: Session): boolean {
  return a.phase1?.path.remote.port === b.phase1?.path.remote.port;
}

function sameHost(a: Session, b: Session): boolean {
  return a.phase1?.path.remote.address.text === b.phase1?.path.remote.address.text;
}
