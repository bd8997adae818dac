/** Who is there: the sessions by id, and those that belong together. */
import type { GroupPolicy } from './policy.ts';
import type { Session } from './session.ts';

export class Roster {
  readonly #byId = new Map<number, Session>();
  readonly #byUser = new Map<string, Set<Session>>();

  get all(): Session[] {
    return [...this.#byId.values()];
  }

  find(id: number): Session | undefined {
    return this.#byId.get(id);
  }

  has(session: Session): boolean {
    return this.#byId.get(session.id) === session;
  }

  add(session: Session): void {
    this.#byId.set(session.id, session);
  }

  remove(session: Session): void {
    this.#byId.delete(session.id);
    if (session.user !== undefined) this.#dropFromUser(session, session.user);
  }

  /** Whose the session is: known once the login succeeded. */
  setUser(session: Session, user: string | undefined): void {
    if (session.user !== undefined) this.#dropFromUser(session, session.user);
    session.user = user;
    if (user === undefined) return;
    const mates = this.#byUser.get(user) ?? new Set();
    this.#byUser.set(user, mates.add(session));
  }

  /**
   * The other sessions of its user in its group that have an address, the oldest first. Other calls in the same tunnel don't count:
   * that client has them at once.
   */
  othersOfUser(session: Session): Session[] {
    const mates = session.user === undefined ? [] : [...(this.#byUser.get(session.user) ?? [])];
    return mates.filter((one) => one.line !== session.line && sameGroup(one.group, session.group) && hasAddress(one));
  }

  /**
   * A session that this one continues: the same user from the same socket. A client that renews phase 1 (IKEv1 does so by a
   * new one, login and all) keeps its address and its tunnels.
   */
  predecessor(session: Session): Session | undefined {
    return this.othersOfUser(session).find((one) => !one.host && sameHost(one, session) && samePort(one, session));
  }

  /** Sessions of a group whose user is known. */
  ofGroup(group: GroupPolicy): Session[] {
    return this.all.filter((one) => sameGroup(one.group, group) && one.user !== undefined);
  }

  ofPeer(id: string): Session | undefined {
    for (const session of this.#byId.values()) {
      if (session.subject.kind === 'peer' && session.subject.peer.id === id) return session;
    }
    return undefined;
  }

  #dropFromUser(session: Session, user: string): void {
    const mates = this.#byUser.get(user);
    mates?.delete(session);
    if (mates?.size === 0) this.#byUser.delete(user);
  }
}

/**
 * Whether two sessions of one user are the same client. Behind a NAT several share an address, so there the port decides; a
 * client that came back with another one is a new client until DPD finds the old one dead.
 */
export function sameClient(a: Session, b: Session): boolean {
  const natted = [a, b].some((one) => one.phase1?.established?.nat.remote);
  return sameHost(a, b) && (!natted || samePort(a, b));
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
