/**
 * L2TP's part of sessions: a client without XAUTH makes a call through transport mode, its user logs in by PPP, and what PPP
 * comes to is the session. IPsec's pairs, tunnel, calls, links and addresses live and die together, whichever goes first.
 *
 * A client may make further calls in its tunnel, each for a user of its own. The first is the session that has phase 1 and
 * pairs; each further one is a session whose `host` that is. They end one by one, and the last takes all with it.
 */

import type { Bytes } from '../bytes/bytes.ts';
import type { CryptoProvider } from '../crypto/provider.ts';
import { identityText } from '../ikev1/identity.ts';
import type { Ikev1Sa } from '../ikev1/sa.ts';
import { Lns, type LnsEvent } from '../l2tp/lns.ts';
import { formatEndpoint, type IpAddress } from '../net/address.ts';
import { earliest, type Instant, MINUTE } from '../net/time.ts';
import type { PeerLink } from '../ppp/lcp.ts';
import { type PppEvent, PppLink } from '../ppp/link.ts';
import type { PppProof } from '../ppp/login.ts';
import type { GatewayEvent, LoginVerdict } from './events.ts';
import { MAX_USER_NAME } from './logins.ts';
import type { GatewaySettings } from './policy.ts';
import { Session, type SessionStage } from './session.ts';

export interface CallsOptions {
  readonly crypto: CryptoProvider;
  readonly settings: () => GatewaySettings;
  readonly ownAddress: IpAddress;
  readonly lastTraffic: (sessionId: number) => Instant;
  readonly emit: (event: GatewayEvent) => void;
  readonly newRequest: () => number;
  /** Its deadline may have changed. */
  readonly touch: (session: Session) => void;
  /** Of a session that is new. */
  readonly newId: () => number;
  /** A session is on its way in: that of a further call, or of a client that began anew. */
  readonly enter: (session: Session) => void;
  /** Lets the user in with an address; a refusal says why not. */
  readonly admit: (session: Session, user: string, verdict: LoginVerdict & { ok: boolean }) => string | undefined;
  /** The session is on: its user may send. */
  readonly up: (session: Session, now: Instant) => void;
  /** The client made a new tunnel: its calls are over, `further` ones and its own, whose session is nobody's again. */
  readonly restarted: (line: Session, further: readonly Session[], now: Instant) => void;
  /** Ends a session, and with the last call of a tunnel all of it. */
  readonly end: (session: Session, reason: string) => void;
  readonly endLine: (line: Session, reason: string) => void;
}

/** From the quick mode to a user's address, and with somebody on from each further call; people have typed their password by then. */
const CALL_PATIENCE = MINUTE;

/** What a client has of L2TP. */
export interface SessionTunnel {
  readonly lns: Lns;
  /** The sessions whose call is up, at most one for each that the LNS takes. */
  calls: readonly Session[];
  /** By when a user is to be on. */
  until: Instant;
  /** When the client was last heard in calls that are over; 0: never. */
  heardAt: Instant;
  /** Who the client is, for when it renews phase 1. */
  key: string;
  /** The phase 1 of the newest pair that packets go out on. */
  provenUnder: Ikev1Sa;
}

/** What one of its users has. */
export interface SessionCall {
  /** Our number of it in the tunnel. */
  readonly number: number;
  readonly link: PppLink;
  /** The login that is being checked. */
  asked: { readonly requestId: number; readonly user: string } | undefined;
}

export class Calls {
  readonly #options: CallsOptions;
  readonly #byRequest = new Map<number, Session>();
  /** By where they are and what they call themselves, who was there first at the front. */
  readonly #byPeer = new Map<string, Set<Session>>();

  constructor(options: CallsOptions) {
    this.#options = options;
  }

  /** The client has transport mode: it may call. */
  begin(line: Session, sa: Ikev1Sa, now: Instant): void {
    if (line.l2tp) return;
    const { crypto, settings } = this.#options;
    const lns = new Lns(crypto, () => this.lastTraffic(line), settings().policy.l2tp?.secret);
    const until = now + CALL_PATIENCE;
    line.l2tp = { lns, calls: [], until, heardAt: 0, key: '', provenUnder: sa };
    line.stage = { awaits: 'call', until };
    this.noteMoved(line, sa);
  }

  /** When a client was last heard, in whichever of its calls; 0: never. */
  lastTraffic(line: Session): Instant {
    const { lastTraffic } = this.#options;
    const { calls = [], heardAt = 0 } = line.l2tp ?? {};
    return calls.reduce((latest, { id }) => Math.max(latest, lastTraffic(id)), Math.max(heardAt, lastTraffic(line.id)));
  }

  /** Whether other calls go on in its tunnel when it ends. */
  isShared(session: Session): boolean {
    return session.line.l2tp?.calls.some((one) => one !== session) ?? false;
  }

  /**
   * Whose phase 1 a new one renews: that of the client with the same identity at the same address and port. Of several the one
   * who came there first: others may have sent a packet that seemed to come from there.
   */
  renewedBy(sa: Ikev1Sa): Session | undefined {
    return this.#byPeer.get(keyOf(sa))?.values().next().value;
  }

  /** It is found by where it is. */
  noteMoved(line: Session, sa = line.phase1): void {
    if (!line.l2tp || !sa?.established) return;
    const key = keyOf(sa);
    if (key === line.l2tp.key) return;
    this.#forgetKey(line, line.l2tp);
    line.l2tp.key = key;
    const there = this.#byPeer.get(key) ?? new Set();
    this.#byPeer.set(key, there.add(line));
  }

  /** An L2TP message that came through the client's own SA, so it is its own. */
  handleMessage(line: Session, port: number, message: Bytes, now: Instant): void {
    if (!line.l2tp) return;
    line.l2tp.lns.handleInput(message, port, now);
    this.#settle(line, line.l2tp, now);
  }

  handleTimeout(session: Session, now: Instant): void {
    const { line, call } = session;
    if (!line.l2tp || (this.pollTimeout(session) ?? Number.POSITIVE_INFINITY) > now) return;
    session.l2tp?.lns.handleTimeout(now);
    call?.link.handleTimeout(now);
    this.#settle(line, line.l2tp, now);
  }

  pollTimeout({ l2tp, call }: Session): Instant | undefined {
    return earliest(l2tp?.lns.pollTimeout(), call?.link.pollTimeout());
  }

  /** The verdict on a login; false: it is none of a call. */
  answer(requestId: number, verdict: LoginVerdict, now: Instant): boolean {
    const session = this.#byRequest.get(requestId);
    this.#byRequest.delete(requestId);
    if (!session) return false;
    const { line, call } = session;
    if (!line.l2tp || call?.asked?.requestId !== requestId) return true;
    const { user } = call.asked;
    call.asked = undefined;
    const reason = this.#admit(session, user, verdict);
    if (reason === undefined && verdict.ok === true) {
      const { address, group } = session;
      const { nbns = [] } = this.#options.settings().policy.l2tp ?? {};
      const given = { address: address!, ownAddress: this.#options.ownAddress, dns: group!.dns, nbns };
      call.link.answer({ ok: true, given, response: verdict.response }, now);
    } else {
      session.told = true;
      this.#options.emit({ type: 'failure', who: { ...session.who, user }, step: 'login', reason: reason! });
      call.link.answer({ ok: false, reason: `login failed: ${reason}` }, now);
    }
    this.#settle(line, line.l2tp, now);
    return true;
  }

  /** Ends one call of several. */
  hangUp(session: Session): void {
    const { line, call } = session;
    if (!line.l2tp || !call) return;
    this.#sayGoodbye(line.l2tp, session, call);
    line.l2tp.lns.hangUp(call.number);
    this.#transmit(line, line.l2tp);
    this.#options.touch(line);
  }

  /** Says good-bye through the SA, as long as there is one. */
  close(line: Session): void {
    const { l2tp } = line;
    if (!l2tp) return;
    for (const session of l2tp.calls) this.#sayGoodbye(l2tp, session, session.call!);
    line.l2tp = undefined;
    this.#forgetKey(line, l2tp);
    l2tp.lns.close();
    this.#transmit(line, l2tp);
  }

  #sayGoodbye(l2tp: SessionTunnel, session: Session, call: SessionCall): void {
    call.link.close();
    this.#passFrames(l2tp, call);
    this.#forget(l2tp, session, call);
  }

  #forget(l2tp: SessionTunnel, session: Session, { asked }: SessionCall): void {
    if (asked) this.#byRequest.delete(asked.requestId);
    // its counters go with it
    l2tp.heardAt = this.lastTraffic(session.line);
    session.call = undefined;
    l2tp.calls = l2tp.calls.filter((one) => one !== session);
  }

  #forgetKey(line: Session, { key }: SessionTunnel): void {
    const there = this.#byPeer.get(key);
    there?.delete(line);
    if (there?.size === 0) this.#byPeer.delete(key);
  }

  #admit(session: Session, user: string, verdict: LoginVerdict): string | undefined {
    if (verdict.ok === 'passcode') {
      return `${user} has a second factor, which L2TP has no question for; let the user dial with XAUTH`;
    }
    return this.#options.admit(session, user, verdict);
  }

  /** Carries what the engines have to say from the one to the other, and out; then ends what is over. */
  #settle(line: Session, l2tp: SessionTunnel, now: Instant): void {
    const over = new Map<Session, string>();
    let allOver: string | undefined;
    for (let quiet = false; !quiet; ) {
      quiet = true;
      for (let event = l2tp.lns.pollEvent(); event; event = l2tp.lns.pollEvent()) {
        quiet = false;
        if (event.type === 'closed') allOver ??= event.reason;
        else if (event.type === 'call-down') allOver ??= this.#callDown(line, l2tp, event, over);
        else this.#applyLns(line, l2tp, event, now);
      }
      for (const session of l2tp.calls) {
        for (let event = session.call?.link.pollEvent(); event; event = session.call?.link.pollEvent()) {
          quiet = false;
          if (event.type === 'down') over.set(session, over.get(session) ?? event.reason);
          else this.#applyLink(session, l2tp, event, now);
        }
      }
    }
    for (const { call } of l2tp.calls) this.#passFrames(l2tp, call!);
    this.#transmit(line, l2tp);
    for (const session of [line, ...l2tp.calls]) this.#options.touch(session);
    if (allOver !== undefined) return this.#options.endLine(line, allOver);
    for (const [session, reason] of over) this.#options.end(session, reason);
  }

  #passFrames({ lns }: SessionTunnel, { link, number }: SessionCall): void {
    for (let frame = link.pollTransmit(); frame; frame = link.pollTransmit()) lns.sendPpp(number, frame);
  }

  #transmit(line: Session, { lns }: SessionTunnel): void {
    for (let sent = lns.pollTransmit(); sent; sent = lns.pollTransmit()) {
      this.#options.emit({ type: 'send-l2tp', id: line.id, ...sent });
    }
  }

  /** A sentence: it was the only one, and all is over. */
  #callDown(
    line: Session,
    { lns, calls }: SessionTunnel,
    { session: number, reason }: Extract<LnsEvent, { type: 'call-down' }>,
    over: Map<Session, string>,
  ): string | undefined {
    const session = calls.find(({ call }) => call?.number === number);
    if (session) over.set(session, reason);
    else if (calls.length === 0 && lns.isIdle) return reason;
    else this.#options.emit({ type: 'failure', who: line.who, step: 'call', reason });
    return undefined;
  }

  #applyLns(
    line: Session,
    l2tp: SessionTunnel,
    event: Exclude<LnsEvent, { type: 'closed' | 'call-down' }>,
    now: Instant,
  ): void {
    switch (event.type) {
      case 'call-up':
        return this.#callUp(line, l2tp, event.session, now);
      case 'ppp':
        return l2tp.calls.find(({ call }) => call?.number === event.session)?.call?.link.handleInput(event.frame, now);
      case 'restarted': {
        const { calls } = l2tp;
        const until = loginDeadline(l2tp, now);
        for (const session of calls) this.#forget(l2tp, session, session.call!);
        const further = calls.filter(({ host }) => host !== undefined);
        this.#options.restarted(line, further, now);
        line.awaitCall(until, now);
        return this.#options.enter(line);
      }
      case 'dropped':
        return this.#options.emit(event);
      case 'refused':
        return this.#options.emit({ type: 'failure', who: line.who, step: 'call', reason: event.reason });
    }
  }

  /** PPP begins, for the client's own session or, where that has a call, for a further one. */
  #callUp(line: Session, l2tp: SessionTunnel, number: number, now: Instant): void {
    const until = loginDeadline(l2tp, now);
    const stage: SessionStage = { awaits: 'call', until };
    const session = line.call ? new Session(this.#options.newId(), line.subject, stage, now, line) : line;
    if (session.stage.awaits === 'next call') session.awaitCall(until, now);
    const methods = this.#options.settings().policy.l2tp?.methods ?? [];
    const lastTraffic = () => this.#options.lastTraffic(session.id);
    session.call = { number, link: new PppLink(this.#options.crypto, methods, lastTraffic, now), asked: undefined };
    l2tp.calls = l2tp.calls.concat(session);
    if (session.host) this.#options.emit({ type: 'join-session', id: session.id, host: line.id });
    this.#options.enter(session);
  }

  #applyLink(session: Session, l2tp: SessionTunnel, event: Exclude<PppEvent, { type: 'down' }>, now: Instant): void {
    switch (event.type) {
      case 'authenticate':
        return this.#ask(session, event.proof, now);
      case 'up':
        return this.#up(session, l2tp, event.peer, now);
      case 'dropped':
        return this.#options.emit(event);
    }
  }

  #ask(session: Session, proof: PppProof, now: Instant): void {
    const requestId = this.#options.newRequest();
    const user = proof.name.slice(0, MAX_USER_NAME);
    session.call!.asked = { requestId, user };
    this.#byRequest.set(requestId, session);
    if (proof.name.length > MAX_USER_NAME) {
      this.answer(requestId, { ok: false, reason: 'the name is too long for any user here' }, now);
      return;
    }
    const source = session.phase1!.path.remote;
    const common = { requestId, group: session.group?.name, user, source };
    if (proof.method === 'pap') {
      this.#options.emit({ type: 'authenticate', ...common, password: proof.password, step: 'password' });
    } else {
      this.#options.emit({ type: 'authenticate-chap', ...common, proof });
    }
  }

  #up(session: Session, { lns }: SessionTunnel, peer: PeerLink, now: Instant): void {
    const ids = lns.idsOf(session.call!.number);
    if (!ids || !session.inner) return;
    this.#options.emit({ type: 'bind-call', id: session.id, inner: session.inner, call: { ...ids, ...peer } });
    this.#options.up(session, now);
  }
}

/** Only with somebody on there is a minute more: to begin anew, or to make another call, wins no time. */
function loginDeadline(l2tp: SessionTunnel, now: Instant): Instant {
  if (l2tp.calls.some(({ stage }) => stage.awaits === 'nothing')) l2tp.until = now + CALL_PATIENCE;
  return l2tp.until;
}

function keyOf({ path, established }: Ikev1Sa): string {
  const identity = established ? identityText(established.peerIdentity) : '';
  return `${formatEndpoint(path.remote)} ${identity}`;
}
