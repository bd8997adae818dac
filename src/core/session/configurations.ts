/**
 * Mode-Config's part of sessions: a client that has logged in gets its address and becomes a session, or goes on with the one
 * that it has from before.
 */

import type { Ikev1Sa } from '../ikev1/sa.ts';
import { type IpAddress, prefixOf } from '../net/address.ts';
import { type Instant, SECOND } from '../net/time.ts';
import type { Attribute } from '../wire/ikev1.ts';
import type { AddressBook } from './addresses.ts';
import { asksForCiscoUdp, configurationPush, configurationReply, requestedAddress } from './configuration.ts';
import type { GatewayEvent } from './events.ts';
import type { GatewaySettings } from './policy.ts';
import { type Roster, sameClient } from './roster.ts';
import type { Session } from './session.ts';

export interface ConfigurationsOptions {
  readonly settings: () => GatewaySettings;
  readonly lastTraffic: (sessionId: number) => Instant;
  readonly emit: (event: GatewayEvent) => void;
  /** Its phase 1 has something to send, or its deadline may have changed. */
  readonly touch: (session: Session) => void;
  readonly end: (session: Session, reason: string) => void;
  /** It is on its way in no longer. */
  readonly leaveEntrance: (session: Session) => void;
  readonly addPhase1: (session: Session, sa: Ikev1Sa) => void;
}

/** Silence after which a user's session may be taken for one that its client has lost. */
const GIVEN_BACK_AFTER = 8 * SECOND;

export class Configurations {
  readonly #options: ConfigurationsOptions;
  readonly #roster: Roster;
  readonly #addresses: AddressBook;

  constructor(options: ConfigurationsOptions, roster: Roster, addresses: AddressBook) {
    this.#options = options;
    this.#roster = roster;
    this.#addresses = addresses;
  }

  /** It is asked for, once the login succeeded. */
  handle(session: Session, sa: Ikev1Sa, messageId: number, requested: readonly Attribute[], now: Instant): void {
    const { stage } = session;
    // a login refused for want of an address would have its user type another password
    if (stage.awaits === 'goodbye' && stage.isProven) return sa.answerRequest(messageId, [], now);
    if (stage.awaits !== 'configuration' && stage.awaits !== 'nothing') {
      const reason = 'it asked for its configuration before its login succeeded';
      this.#options.emit({ type: 'failure', who: session.who, step: 'Mode-Config', reason });
      return;
    }
    const wanted = requestedAddress(requested);
    const owner = this.continueOlder(session, sa, wanted);
    if (wanted && owner === session && stage.awaits === 'configuration') this.#giveBack(session, wanted, now);
    const { group, address } = owner;
    if (!group || !address) return;
    // a client that found a NAT and floated speaks NAT-T; what a session began with it stays with
    const offered = asksForCiscoUdp(requested) && sa.path.carrier === 'udp';
    const port = offered ? this.#options.settings().policy.ciscoUdpPort : undefined;
    if (port !== undefined) owner.ciscoUdp = true;
    sa.answerRequest(messageId, configurationReply(requested, address, group, port), now);
    this.#configured(owner, now);
  }

  /** A client that doesn't ask gets it all the same. */
  push(session: Session, sa: Ikev1Sa, now: Instant): void {
    const owner = this.continueOlder(session, sa, undefined);
    if (owner.address && owner.group) sa.pushConfiguration(configurationPush(owner.address, owner.group), now);
    this.#configured(owner, now);
  }

  /** A renewed phase 1 goes over to the session that it renews, never to a call; else the session stands on its own. */
  continueOlder(session: Session, sa: Ikev1Sa, wanted: IpAddress | undefined): Session {
    if (session.stage.awaits === 'nothing') return session;
    const holder = wanted && this.#addresses.holder(wanted);
    const others = this.#roster.othersOfUser(session);
    const mine = holder && !holder.line.l2tp && others.includes(holder) && sameClient(holder, session);
    const older = mine ? holder : this.#roster.predecessor(session);
    if (!older) return session;
    session.phase1s = [];
    this.#options.addPhase1(older, sa);
    this.#addresses.release(session);
    this.#roster.remove(session);
    this.#options.leaveEntrance(session);
    this.#options.touch(older);
    this.#options.emit({ type: 'notice', who: older.who, text: 'phase 1 renewed by the client' });
    return older;
  }

  #configured(session: Session, now: Instant): void {
    const { group, address, user, stage } = session;
    if (stage.awaits !== 'nothing') session.since = now;
    session.stage = { awaits: 'nothing' };
    this.#options.leaveEntrance(session);
    this.#options.touch(session);
    if (address && !this.#addresses.hold(address, session))
      return this.#options.end(session, 'its address went to another login');
    if (address && user !== undefined) this.#options.emit({ type: 'leased', group: group?.name, user, address });
  }

  /**
   * A client that comes back wants the address that it had: it is free, or its own old session holds it, in silence since it
   * lost its network.
   */
  #giveBack(session: Session, wanted: IpAddress, now: Instant): void {
    const { group, address } = session;
    if (!group || !address || this.#addresses.isReserved(address)) return;
    const holder = this.#addresses.holder(wanted);
    if (holder) {
      const own = this.#roster.othersOfUser(session).includes(holder);
      const heard = Math.max(holder.since, this.#options.lastTraffic(holder.id));
      if (!own || now < heard + GIVEN_BACK_AFTER) return;
      this.#options.end(holder, 'its client came back from elsewhere');
    }
    if (this.#addresses.choose(group.pool, wanted)?.text !== wanted.text) return;
    this.#addresses.release(session);
    session.address = wanted;
    session.inner = prefixOf(wanted, 32);
    this.#addresses.hold(wanted, session);
  }
}
