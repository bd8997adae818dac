/** One remote user or peer: its phase 1s, its address, its ESP pairs. All of it lives and dies together. */

import { suiteName } from '../crypto/algorithms.ts';
import type { EspPath } from '../esp/sa.ts';
import { identityText } from '../ikev1/identity.ts';
import { phase1SuiteName } from '../ikev1/phase1-proposal.ts';
import type { Ikev1Sa } from '../ikev1/sa.ts';
import { formatEndpoint, type IpAddress, type Prefix } from '../net/address.ts';
import type { Instant } from '../net/time.ts';
import type { SessionCall, SessionTunnel } from './calls.ts';
import { Children } from './children.ts';
import type { Subject } from './credentials.ts';
import type { Who } from './events.ts';
import type { GroupPolicy } from './policy.ts';

/** What the user is asked for: name and password, or after these the passcode. */
export type Factor = { readonly step: 'password' } | { readonly step: 'passcode'; readonly user: string };

/** How far a session has come, by what it awaits. */
export type SessionStage =
  /** The client's name and password. `attempt` counts from 1. */
  | { readonly awaits: 'login'; readonly attempt: number; readonly factor: Factor }
  | {
      readonly awaits: 'verdict';
      readonly requestId: number;
      readonly attempt: number;
      readonly factor: Factor;
      readonly user: string;
    }
  /** Logged in; the client asks for its configuration by `until`, or gets it unasked then (`push`), or ends. */
  | { readonly awaits: 'configuration'; readonly push: boolean; readonly until: Instant }
  /**
   * The client has heard that its login failed, or where its user `isProven` hears that there is no address, and hangs up or is hung
   * up on.
   */
  | { readonly awaits: 'goodbye'; readonly until: Instant; readonly reason: string; readonly isProven: boolean }
  /** Authenticated by a group secret, and not by XAUTH yet: it may only call by L2TP, or is asked at `until` (`thenAsk`). */
  | { readonly awaits: 'nobody'; readonly until: Instant; readonly thenAsk: boolean }
  /** It has transport mode, and makes its L2TP call and its user's login by `until`. */
  | { readonly awaits: 'call'; readonly until: Instant }
  /** Its user hung up, and other calls go on in its tunnel: it is nobody's until the client makes the next one. */
  | { readonly awaits: 'next call' }
  | { readonly awaits: 'nothing' };

export type Renewal =
  | { readonly awaits: 'nothing' }
  | { readonly awaits: 'phase 1' }
  | { readonly awaits: 'retry'; readonly at: Instant };

/** One object for all who need none. */
export const NO_RENEWAL: Renewal = { awaits: 'nothing' };

export class Session {
  /** What the dataplane knows it by, whoever is on. */
  readonly id: number;
  /** What people know it by: who comes on by the next call in its place has another, and isn't kicked for who was before. */
  number: number;
  subject: Subject;
  /** When its user came on; before that its client, or with a further call that. */
  since: Instant;
  /** With a second and further call of an L2TP tunnel: whose phase 1s, ESP pairs and tunnel it shares. */
  readonly host: Session | undefined;
  /** The oldest first; the last one is in use. */
  phase1s: readonly Ikev1Sa[] = [];
  readonly children = new Children();
  stage: SessionStage;
  user: string | undefined;
  address: IpAddress | undefined;
  /** What the peer may send from, once it is known. */
  inner: Prefix | undefined;
  /** Our own renewal of a peer's phase 1. */
  renewal = NO_RENEWAL;
  ciscoUdp = false;
  /** Set while it comes by L2TP and has no host. */
  l2tp: SessionTunnel | undefined;
  /** Set while its own call is up. */
  call: SessionCall | undefined;
  /** The client said that it begins anew (INITIAL_CONTACT). */
  initialContact = false;
  /** Set while the dataplane has the session open. */
  espPath: EspPath | undefined;
  /** Where IKE's own way led ESP when the newest pair was made; packets may have led it elsewhere since. */
  pathAgreedOn: EspPath | undefined;
  /** Its failure has been told, or it never was anything. */
  told = false;
  /** Announced as up. */
  announced = false;

  constructor(id: number, subject: Subject, stage: SessionStage, now: Instant, host?: Session) {
    this.id = id;
    this.number = id;
    this.subject = subject;
    this.stage = stage;
    this.since = now;
    this.host = host;
  }

  /** The session that has what its packets take. */
  get line(): Session {
    return this.host ?? this;
  }

  get phase1(): Ikev1Sa | undefined {
    return this.line.phase1s.at(-1);
  }

  get group(): GroupPolicy | undefined {
    return this.subject.kind === 'group' ? this.subject.group : undefined;
  }

  get who(): Who {
    const established = this.phase1?.established;
    return {
      remote: this.phase1 ? formatEndpoint(this.phase1.path.remote) : '?',
      identity: established && identityText(established.peerIdentity),
      group: this.group?.name,
      user: this.user,
    };
  }

  /** Whose call it was is off: the client makes the next one by `until`. */
  awaitCall(until: Instant, now: Instant): void {
    this.stage = { awaits: 'call', until };
    this.since = now;
    this.told = false;
  }
}

/** When what it awaits has taken too long; undefined: never. */
export function stageDeadline({ stage }: Session): Instant | undefined {
  switch (stage.awaits) {
    case 'goodbye':
    case 'nobody':
    case 'call':
    case 'configuration':
      return stage.until;
    default:
      return undefined;
  }
}

/** A session as it is shown to people; counters are the dataplane's. */
export interface SessionView {
  /** The dataplane's. */
  readonly id: number;
  /** People's. */
  readonly number: number;
  readonly who: Who;
  readonly address: string | undefined;
  /** What ESP travels by, or IKE while there is no ESP. */
  readonly carrier: string;
  /** What is inside of ESP: tunnel mode's packets, or L2TP. */
  readonly protocol: 'ipsec' | 'l2tp';
  readonly phase1: string;
  readonly esp: string | undefined;
  readonly since: Instant;
}

export function viewSession(session: Session): SessionView {
  const { line } = session;
  const established = session.phase1?.established;
  const esp = line.children.current?.pair.suite.esp;
  return {
    id: session.id,
    number: session.number,
    who: session.who,
    address: session.address?.text,
    carrier: line.espPath?.carrier ?? session.phase1?.path.carrier ?? 'udp',
    protocol: line.l2tp ? 'l2tp' : 'ipsec',
    phase1: established ? phase1SuiteName(established.suite) : '',
    esp: esp && suiteName(esp),
    since: session.since,
  };
}
