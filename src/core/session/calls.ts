/**
 * L2TP's part of sessions: a client without XAUTH makes a call through transport mode, its user logs in by PPP, and what PPP
 * comes to is the session. IPsec's pairs, tunnel, call, link and address live and die together, whichever goes first.
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
import type { GatewaySettings } from './policy.ts';
import type { Session } from './session.ts';

export interface CallsOptions {
  readonly crypto: CryptoProvider;
  readonly settings: () => GatewaySettings;
  readonly ownAddress: IpAddress;
  readonly lastTraffic: (sessionId: number) => Instant;
  readonly emit: (event: GatewayEvent) => void;
  readonly newRequest: () => number;
  /** Its deadline may have changed. */
  readonly touch: (session: Session) => void;
  /** Lets the user in with an address; a refusal says why not. */
  readonly admit: (session: Session, user: string, verdict: LoginVerdict & { ok: boolean }) => string | undefined;
  /** The session is on: its user may send. */
  readonly up: (session: Session) => void;
  /** The client made a new call: its user is nobody again. */
  readonly restarted: (session: Session, now: Instant) => void;
  readonly end: (session: Session, reason: string) => void;
}

/** From the quick mode to the user's address; people have typed their password by then. */
export const CALL_PATIENCE = MINUTE;
/** Characters; longer ones belong to nobody and are not passed on. */
const MAX_USER_NAME = 64;

/** What a session has of L2TP. */
export interface SessionCall {
  readonly lns: Lns;
  link: PppLink | undefined;
  /** The login that is being checked. */
  asked: { readonly requestId: number; readonly user: string } | undefined;
  /** Who the client is, for when it renews phase 1. */
  key: string;
  /** The phase 1 of the newest pair that packets go out on. */
  provenUnder: Ikev1Sa;
}

export class Calls {
  readonly #options: CallsOptions;
  readonly #byRequest = new Map<number, Session>();
  readonly #byPeer = new Map<string, Session>();

  constructor(options: CallsOptions) {
    this.#options = options;
  }

  /** The client has transport mode: it may call. */
  begin(session: Session, sa: Ikev1Sa, now: Instant): void {
    if (session.l2tp) return;
    const { crypto, settings, lastTraffic } = this.#options;
    const lns = new Lns(crypto, () => lastTraffic(session.id), settings().policy.l2tp?.secret);
    session.l2tp = { lns, link: undefined, asked: undefined, key: '', provenUnder: sa };
    session.stage = { awaits: 'call', until: now + CALL_PATIENCE };
    this.noteMoved(session, sa);
  }

  /** Whose phase 1 a new one renews: that of the client with the same identity at the same address and port. */
  renewedBy(sa: Ikev1Sa): Session | undefined {
    return this.#byPeer.get(keyOf(sa));
  }

  /** It is found by where it is. */
  noteMoved(session: Session, sa = session.phase1): void {
    if (!session.l2tp || !sa?.established) return;
    this.#forgetKey(session, session.l2tp);
    session.l2tp.key = keyOf(sa);
    this.#byPeer.set(session.l2tp.key, session);
  }

  /** An L2TP message that came through the session's own SA, so it is its client's. */
  handleMessage(session: Session, port: number, message: Bytes, now: Instant): void {
    if (!session.l2tp) return;
    session.l2tp.lns.handleInput(message, port, now);
    this.#settle(session, session.l2tp, now);
  }

  handleTimeout(session: Session, now: Instant): void {
    const { l2tp } = session;
    if (!l2tp || (this.pollTimeout(session) ?? Number.POSITIVE_INFINITY) > now) return;
    l2tp.lns.handleTimeout(now);
    l2tp.link?.handleTimeout(now);
    this.#settle(session, l2tp, now);
  }

  pollTimeout({ l2tp }: Session): Instant | undefined {
    return earliest(l2tp?.lns.pollTimeout(), l2tp?.link?.pollTimeout());
  }

  /** The verdict on a login; false: it is none of a call. */
  answer(requestId: number, verdict: LoginVerdict, now: Instant): boolean {
    const session = this.#byRequest.get(requestId);
    this.#byRequest.delete(requestId);
    if (!session) return false;
    const { l2tp } = session;
    if (!l2tp?.link || l2tp.asked?.requestId !== requestId) return true;
    const { user } = l2tp.asked;
    l2tp.asked = undefined;
    const reason = this.#admit(session, user, verdict);
    if (reason === undefined && verdict.ok === true) {
      const { address, group } = session;
      const { nbns = [] } = this.#options.settings().policy.l2tp ?? {};
      const given = { address: address!, ownAddress: this.#options.ownAddress, dns: group!.dns, nbns };
      l2tp.link.answer({ ok: true, given, response: verdict.response }, now);
    } else {
      session.told = true;
      this.#options.emit({ type: 'failure', who: { ...session.who, user }, step: 'login', reason: reason! });
      l2tp.link.answer({ ok: false, reason: `login failed: ${reason}` }, now);
    }
    this.#settle(session, l2tp, now);
    return true;
  }

  /** Says good-bye through the SA, as long as there is one. */
  close(session: Session): void {
    const { l2tp } = session;
    if (!l2tp) return;
    session.l2tp = undefined;
    this.#forgetKey(session, l2tp);
    if (l2tp.asked) this.#byRequest.delete(l2tp.asked.requestId);
    l2tp.link?.close();
    this.#passFrames(l2tp);
    l2tp.lns.close();
    this.#transmit(session, l2tp);
  }

  #forgetKey(session: Session, { key }: SessionCall): void {
    if (this.#byPeer.get(key) === session) this.#byPeer.delete(key);
  }

  #admit(session: Session, user: string, verdict: LoginVerdict): string | undefined {
    if (verdict.ok === 'passcode') {
      return `${user} has a second factor, which L2TP has no question for; let the user dial with XAUTH`;
    }
    return this.#options.admit(session, user, verdict);
  }

  /** Carries what the engines have to say from the one to the other, and out. */
  #settle(session: Session, l2tp: SessionCall, now: Instant): void {
    let over: string | undefined;
    for (let quiet = false; !quiet; ) {
      quiet = true;
      for (let event = l2tp.lns.pollEvent(); event; event = l2tp.lns.pollEvent()) {
        quiet = false;
        over ??= this.#applyLns(session, l2tp, event, now);
      }
      for (let event = l2tp.link?.pollEvent(); event; event = l2tp.link?.pollEvent()) {
        quiet = false;
        over ??= this.#applyLink(session, l2tp, event, now);
      }
    }
    this.#passFrames(l2tp);
    this.#transmit(session, l2tp);
    this.#options.touch(session);
    if (over !== undefined) this.#options.end(session, over);
  }

  #passFrames({ lns, link }: SessionCall): void {
    for (let frame = link?.pollTransmit(); frame; frame = link?.pollTransmit()) lns.sendPpp(frame);
  }

  #transmit(session: Session, { lns }: SessionCall): void {
    for (let sent = lns.pollTransmit(); sent; sent = lns.pollTransmit()) {
      this.#options.emit({ type: 'send-l2tp', id: session.id, ...sent });
    }
  }

  /** A sentence: all is over. */
  #applyLns(session: Session, l2tp: SessionCall, event: LnsEvent, now: Instant): string | undefined {
    switch (event.type) {
      case 'call-up': {
        const methods = this.#options.settings().policy.l2tp?.methods ?? [];
        if (methods.length === 0) return "L2TP was turned off meanwhile; see 'l2tp'";
        const lastTraffic = () => this.#options.lastTraffic(session.id);
        l2tp.link = new PppLink(this.#options.crypto, methods, lastTraffic, now);
        return undefined;
      }
      case 'ppp':
        l2tp.link?.handleInput(event.frame, now);
        return undefined;
      case 'restarted':
        l2tp.link = undefined;
        if (l2tp.asked) this.#byRequest.delete(l2tp.asked.requestId);
        l2tp.asked = undefined;
        this.#options.restarted(session, now);
        return undefined;
      case 'dropped':
        this.#options.emit(event);
        return undefined;
      case 'refused':
        this.#options.emit({ type: 'failure', who: session.who, step: 'call', reason: event.reason });
        return undefined;
      case 'closed':
        return event.reason;
    }
  }

  #applyLink(session: Session, l2tp: SessionCall, event: PppEvent, now: Instant): string | undefined {
    switch (event.type) {
      case 'authenticate':
        this.#ask(session, l2tp, event.proof, now);
        return undefined;
      case 'up':
        this.#up(session, l2tp, event.peer);
        return undefined;
      case 'dropped':
        this.#options.emit(event);
        return undefined;
      case 'down':
        return event.reason;
    }
  }

  #ask(session: Session, l2tp: SessionCall, proof: PppProof, now: Instant): void {
    const requestId = this.#options.newRequest();
    const user = proof.name.slice(0, MAX_USER_NAME);
    l2tp.asked = { requestId, user };
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

  #up(session: Session, { lns }: SessionCall, peer: PeerLink): void {
    const ids = lns.call;
    if (!ids || !session.inner) return;
    this.#options.emit({ type: 'bind-call', id: session.id, inner: session.inner, call: { ...ids, ...peer } });
    this.#options.up(session);
  }
}

function keyOf({ path, established }: Ikev1Sa): string {
  const identity = established ? identityText(established.peerIdentity) : '';
  return `${formatEndpoint(path.remote)} ${identity}`;
}
