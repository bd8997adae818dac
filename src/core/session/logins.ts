/** Logins: asking the user, passing the answer on to be checked, and letting in with an address who was found right. */
import type { Ikev1Sa } from '../ikev1/sa.ts';
import { formatPrefix, type IpAddress, prefixOf } from '../net/address.ts';
import { type Instant, MINUTE, SECOND } from '../net/time.ts';
import type { AddressBook } from './addresses.ts';
import type { GatewayEvent, LoginVerdict } from './events.ts';
import type { GroupPolicy } from './policy.ts';
import { type Roster, sameClient } from './roster.ts';
import type { Session } from './session.ts';

export interface LoginsOptions {
  readonly emit: (event: GatewayEvent) => void;
  readonly newRequest: () => number;
  /** Its phase 1 has something to send, or its deadline may have changed. */
  readonly touch: (session: Session) => void;
  readonly end: (session: Session, reason: string) => void;
  /** The user is in and has an address; the session awaits its configuration. */
  readonly admitted: (session: Session, sa: Ikev1Sa) => void;
}

interface Refusal {
  readonly reason: string;
  /** `no address`: the password is right and the client hears so; what it hears next is a configuration without an address. */
  readonly after: 'another try' | 'no more' | 'no address';
}

const MAX_LOGIN_ATTEMPTS = 3;
/** Characters; longer ones belong to nobody and are not passed on. */
export const MAX_USER_NAME = 64;
const MAX_PASSWORD = 1024;
/** How long a client that was refused has to hang up by itself. */
const GOODBYE = 3 * SECOND;
/** A client that asks for no configuration by then gets it pushed; Cisco's own kind always asks. */
const PUSH_AFTER = 4 * SECOND;
/** Who always asks but hasn't by then has gone. */
const CONFIGURATION_PATIENCE = MINUTE;

export class Logins {
  readonly #options: LoginsOptions;
  readonly #roster: Roster;
  readonly #addresses: AddressBook;
  readonly #byRequest = new Map<number, Session>();

  constructor(options: LoginsOptions, roster: Roster, addresses: AddressBook) {
    this.#options = options;
    this.#roster = roster;
    this.#addresses = addresses;
  }

  /** The verdict on what a user typed; nothing happens when the client has gone meanwhile. */
  answer(requestId: number, verdict: LoginVerdict, now: Instant): void {
    const session = this.#byRequest.get(requestId);
    this.#byRequest.delete(requestId);
    const sa = session?.phase1;
    const gone = !session || !this.#roster.has(session);
    if (gone || !sa || session.stage.awaits !== 'verdict' || session.stage.requestId !== requestId) return;
    const { user, attempt } = session.stage;
    if (verdict.ok === 'passcode') return this.#askPasscode(session, sa, attempt, user, verdict.message, now);
    const refusal = this.admit(session, user, verdict);
    this.#options.touch(session);
    if (refusal === undefined) {
      sa.finishXauth(true, now);
      // a Unity client always asks; to interleave a push with its request would confuse it
      const push = !sa.established?.traits.unity;
      session.stage = { awaits: 'configuration', push, until: now + (push ? PUSH_AFTER : CONFIGURATION_PATIENCE) };
      this.#options.admitted(session, sa);
      return;
    }
    session.told = true;
    this.#options.emit({ type: 'failure', who: { ...session.who, user }, step: 'login', reason: refusal.reason });
    if (refusal.after !== 'another try' || attempt >= MAX_LOGIN_ATTEMPTS) {
      const isProven = refusal.after === 'no address';
      sa.finishXauth(isProven, now);
      session.stage = { awaits: 'goodbye', until: now + GOODBYE, reason: `login failed: ${refusal.reason}`, isProven };
    } else {
      this.ask(session, sa, attempt + 1, now);
    }
  }

  /** Asks for name and password. */
  ask(session: Session, sa: Ikev1Sa, attempt: number, now: Instant): void {
    session.stage = { awaits: 'login', attempt, factor: { step: 'password' } };
    const message = attempt > 1 ? 'Name or password is wrong. Try again.' : undefined;
    sa.requestXauth({ asks: 'password', message }, now);
    this.#options.touch(session);
  }

  #askPasscode(session: Session, sa: Ikev1Sa, attempt: number, user: string, message: string, now: Instant): void {
    session.stage = { awaits: 'login', attempt, factor: { step: 'passcode', user } };
    sa.requestXauth({ asks: 'passcode', message }, now);
    this.#options.touch(session);
  }

  /** What the user typed. */
  handle(session: Session, sa: Ikev1Sa, userName: string, password: string, now: Instant): void {
    if (session.stage.awaits !== 'login') return;
    const { attempt, factor } = session.stage;
    // with the passcode some clients send a name again: the one whose password was right counts
    const user = factor.step === 'passcode' ? factor.user : userName;
    const requestId = this.#options.newRequest();
    session.stage = { awaits: 'verdict', requestId, attempt, factor, user };
    this.#byRequest.set(requestId, session);
    if (user.length > MAX_USER_NAME || password.length > MAX_PASSWORD) {
      session.stage = { ...session.stage, user: user.slice(0, MAX_USER_NAME) };
      return this.answer(requestId, { ok: false, reason: 'name or password is too long for any user here' }, now);
    }
    const source = sa.path.remote;
    const group = session.group?.name;
    this.#options.emit({ type: 'authenticate', requestId, group, user, password, step: factor.step, source });
  }

  /** Lets the user in with an address, or says why not. */
  admit(session: Session, user: string, verdict: LoginVerdict & { readonly ok: boolean }): Refusal | undefined {
    if (!verdict.ok) return { reason: verdict.reason, after: 'another try' };
    const { group } = session;
    if (!group) return { reason: 'a peer has no user', after: 'no more' };
    if (group.users && !group.users.includes(user)) {
      // to the client it looks like a wrong password
      return { reason: `${user} may not use this group; see its 'users'`, after: 'another try' };
    }
    this.#roster.setUser(session, user);
    if (session.initialContact) this.#endOlderSessionsOf(session);
    const predecessor = this.#roster.predecessor(session);
    // by XAUTH it goes on where it was; with a call, before or now, it is a new beginning
    if (predecessor && (predecessor.l2tp || session.line.l2tp)) this.#options.end(predecessor, 'its client began anew');
    if (group.maxSessions !== undefined && this.#others(group, session, predecessor) >= group.maxSessions) {
      this.#roster.setUser(session, undefined);
      return { reason: `the group has its max_sessions of ${group.maxSessions} on`, after: 'no address' };
    }
    const address = this.#chooseAddress(session, group, verdict, predecessor);
    if (!address) {
      this.#roster.setUser(session, undefined);
      return {
        reason: `no address is free in the pool ${formatPrefix(group.pool)}; make it wider`,
        after: 'no address',
      };
    }
    session.address = address;
    session.inner = prefixOf(address, 32);
    this.#addresses.hold(address, session);
    return undefined;
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
        this.#options.end(holder, 'its static address went to a newer login of the same user');
      return verdict.address;
    }
    if (predecessor?.address) return predecessor.address;
    const free = this.#addresses.choose(group.pool, verdict.lastAddress);
    if (free) return free;
    const [oldest] = this.#roster.othersOfUser(session);
    if (!oldest?.address) return undefined;
    const { address } = oldest;
    this.#options.end(oldest, 'the pool is full and the same user logged in anew');
    return address;
  }

  /** INITIAL_CONTACT: the client says that it has nothing else with us. It was said once: a later call in its tunnel doesn't say it again. */
  #endOlderSessionsOf(session: Session): void {
    session.initialContact = false;
    for (const other of this.#roster.othersOfUser(session)) {
      if (sameClient(other, session)) this.#options.end(other, 'its client began anew');
    }
  }

  #others(group: GroupPolicy, session: Session, predecessor: Session | undefined): number {
    return this.#roster.ofGroup(group).filter((one) => one !== session && one !== predecessor).length;
  }
}
