/**
 * The race of the ways to a gateway: each begins a phase 1 of its own, with a head start for those before it (as RFC 8305 does for
 * addresses), and the first whose peer has proven that it hears us wins. A login is begun on the winner only.
 */

import { isZero } from '../../bytes/bytes.ts';
import type { IkePath } from '../../carrier/ike-path.ts';
import type { Ikev1Sa } from '../../ikev1/sa.ts';
import type { Ikev1Event } from '../../ikev1/types.ts';
import { earliest, type Instant, SECOND } from '../../net/time.ts';
import type { Sight } from '../../openings/missing.ts';
import type { Way } from './ways.ts';

/** How long a way has before the next sets out too; it doesn't wait for one that has failed. */
export const HEAD_START = 300;
/** How long a way may take from one sign of the gateway to the next: a repeat lost on a slow link fits in. */
export const WAY_PATIENCE = 6 * SECOND;
/** After a refusal that anybody can have sent: the true gateway may still answer. */
const REFUSAL_PATIENCE = SECOND;

export interface RaceHost {
  /** Its turn has come. */
  began(way: Way): void;
  /** Begins a phase 1 by `way`; it is this race's until it wins or `abandon` is called. */
  initiate(way: Way, path: IkePath, now: Instant): Ikev1Sa;
  /** Opens a cTCP flow and gives its id; `handleFlow` says how that went. */
  openFlow(path: IkePath): number;
  closeFlow(flowId: number): void;
  /** The SA has lost: tell the peer, if it knows of it. */
  abandon(sa: Ikev1Sa): void;
}

/** How far a way has come, by what it awaits. */
type Attempt = { readonly way: Way; readonly path: IkePath; readonly flowId?: number } & (
  | { readonly awaits: 'start' }
  | { readonly awaits: 'flow'; readonly since: Instant; readonly until: Instant }
  | Proving
  | ({ readonly awaits: 'nothing' } & Loss)
);

type Loss = Pick<LostWay, 'sight' | 'reason' | 'refused'>;

interface Proving {
  readonly awaits: 'proof';
  readonly sa: Ikev1Sa;
  readonly since: Instant;
  readonly heard: boolean;
  /** Why it is refused, if that is true. */
  readonly refusal: string | undefined;
  readonly until: Instant;
}

export interface LostWay {
  readonly way: Way;
  /** What came back, be it only the first answer. */
  readonly sight: Sight;
  readonly reason: string;
  /** The gateway or we refused: another way would end the same. */
  readonly refused: boolean;
}

/** How the opening of a cTCP flow went. `refused`: a RST came back. */
export type FlowOutcome = { readonly path: IkePath } | { readonly failed: 'refused' | 'timeout' | 'reset' };

export interface Winner {
  readonly way: Way;
  readonly sa: Ikev1Sa;
  /** Of cTCP. */
  readonly flowId: number | undefined;
}

interface RaceResult {
  /** Undefined: all ways are lost. */
  readonly winner: Winner | undefined;
  readonly lost: readonly LostWay[];
  /** They set out a head start before the winner, and nothing came back yet. */
  readonly unanswered: readonly Way[];
}

export class Race {
  readonly #host: RaceHost;
  #attempts: Attempt[];
  #nextStart: Instant;
  #winner: Winner | undefined;
  #unanswered: readonly Way[] = [];

  /** `paths`: in the order in which they set out. Call `handleTimeout` next. */
  constructor(host: RaceHost, paths: readonly { readonly way: Way; readonly path: IkePath }[], now: Instant) {
    this.#host = host;
    this.#attempts = paths.map(({ way, path }) => ({ way, path, awaits: 'start' }));
    this.#nextStart = now;
  }

  /** Undefined while it is undecided. */
  get result(): RaceResult | undefined {
    const { lost } = this;
    const decided = this.#winner !== undefined || lost.length === this.#attempts.length;
    return decided ? { winner: this.#winner, lost, unanswered: this.#unanswered } : undefined;
  }

  get lost(): readonly LostWay[] {
    return this.#attempts.filter((attempt) => attempt.awaits === 'nothing');
  }

  owns(sa: Ikev1Sa): boolean {
    return this.#attempts.some((attempt) => attempt.awaits === 'proof' && attempt.sa === sa);
  }

  /** A datagram came for `sa`. Anybody can have sent it: that is enough to say that the way isn't blocked. */
  heard(sa: Ikev1Sa, now: Instant): void {
    const attempt = this.#provingOf(sa);
    if (!attempt || attempt.refusal || isZero(sa.responderCookie)) return;
    this.#replace(attempt, { ...attempt, heard: true, until: now + WAY_PATIENCE });
  }

  handleEvent(sa: Ikev1Sa, event: Ikev1Event, now: Instant): void {
    const attempt = this.#provingOf(sa);
    if (!attempt) return;
    switch (event.type) {
      case 'established':
        // message 2 of aggressive mode proves the gateway, but not that it hears message 3, which may take another port
        if (event.exchange === 'main mode') this.#win(attempt);
        return;
      case 'xauth-requested':
      case 'configuration-received':
      case 'path-answered':
        return this.#win(attempt);
      case 'failed': {
        const until = Math.min(attempt.until, now + REFUSAL_PATIENCE);
        return this.#replace(attempt, { ...attempt, refusal: attempt.refusal ?? event.reason, until });
      }
      case 'ended':
        return this.#lose(attempt, lossOf(attempt, event.detail), now);
      default:
        return;
    }
  }

  handleFlow(flowId: number, outcome: FlowOutcome, now: Instant): void {
    const attempt = this.#attempts.find((one) => one.awaits === 'flow' && one.flowId === flowId);
    if (!attempt) return;
    if ('path' in outcome) return this.#begin({ ...attempt, path: outcome.path }, now);
    const refused = outcome.failed === 'refused';
    const reason = refused ? 'the gateway refused the connection' : 'no answer';
    this.#lose(attempt, { sight: refused ? 'refused' : 'silent', reason, refused: false }, now);
  }

  handleTimeout(now: Instant): void {
    if (this.#winner) return;
    for (const attempt of this.#attempts) {
      if ('until' in attempt && attempt.until <= now) this.#lose(attempt, silence(attempt), now);
    }
    if (this.#nextStart <= now) this.#startNext(now);
  }

  pollTimeout(): Instant | undefined {
    if (this.#winner) return undefined;
    const waits = this.#attempts.some(({ awaits }) => awaits === 'start');
    const ends = this.#attempts.map((attempt) => ('until' in attempt ? attempt.until : undefined));
    return earliest(waits ? this.#nextStart : undefined, ...ends);
  }

  /** Ends all that is under way, but for the winner. */
  stop(): void {
    for (const attempt of this.#attempts) if (attempt.awaits !== 'nothing') this.#abandon(attempt);
    this.#attempts = this.#attempts.filter(({ awaits }) => awaits === 'nothing');
  }

  #startNext(now: Instant): void {
    const attempt = this.#attempts.find(({ awaits }) => awaits === 'start');
    if (!attempt) return;
    this.#nextStart = now + HEAD_START;
    this.#host.began(attempt.way);
    if (attempt.way !== 'cisco-tcp') return this.#begin(attempt, now);
    const flowId = this.#host.openFlow(attempt.path);
    this.#replace(attempt, { ...whatOf(attempt), flowId, awaits: 'flow', since: now, until: now + WAY_PATIENCE });
  }

  #begin(attempt: Attempt, now: Instant): void {
    const sa = this.#host.initiate(attempt.way, attempt.path, now);
    const proving = { awaits: 'proof', sa, since: now, heard: false, refusal: undefined } as const;
    this.#replace(attempt, { ...whatOf(attempt), ...proving, until: now + WAY_PATIENCE });
  }

  #win(attempt: Attempt & Proving): void {
    this.#winner = { way: attempt.way, sa: attempt.sa, flowId: attempt.flowId };
    this.#attempts = this.#attempts.filter((one) => one !== attempt);
    this.#unanswered = this.#attempts.filter((one) => isUnanswered(one, attempt.since)).map(({ way }) => way);
    this.stop();
  }

  #lose(attempt: Attempt, loss: Loss, now: Instant): void {
    this.#abandon(attempt);
    this.#replace(attempt, { ...whatOf(attempt), awaits: 'nothing', ...loss });
    this.#nextStart = Math.min(this.#nextStart, now);
  }

  #abandon(attempt: Attempt): void {
    if (attempt.awaits === 'proof') this.#host.abandon(attempt.sa);
    if (attempt.flowId !== undefined) this.#host.closeFlow(attempt.flowId);
  }

  #provingOf(sa: Ikev1Sa): (Attempt & Proving) | undefined {
    return this.#attempts.find(
      (attempt): attempt is Attempt & Proving => attempt.awaits === 'proof' && attempt.sa === sa,
    );
  }

  #replace(old: Attempt, next: Attempt): void {
    this.#attempts[this.#attempts.findIndex(({ way }) => way === old.way)] = next;
  }
}

function whatOf({ way, path, flowId }: Attempt): Pick<Attempt, 'way' | 'path' | 'flowId'> {
  return { way, path, ...(flowId !== undefined && { flowId }) };
}

function isUnanswered(attempt: Attempt, winnerSince: Instant): boolean {
  if (attempt.awaits === 'start' || attempt.awaits === 'nothing') return false;
  if (attempt.awaits === 'proof' && (attempt.heard || attempt.refusal !== undefined)) return false;
  return attempt.since + HEAD_START <= winnerSince;
}

function silence(attempt: Attempt): Loss {
  if (attempt.awaits !== 'proof') return { sight: 'silent', reason: 'no answer', refused: false };
  return lossOf(attempt, attempt.heard ? 'the negotiation went silent' : 'no answer');
}

function lossOf({ heard, refusal }: Proving, why: string): Loss {
  const refused = refusal !== undefined;
  return { sight: heard || refused ? 'answered' : 'silent', reason: refusal ?? why, refused };
}
