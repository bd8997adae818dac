/** Whether the gateway is still there: who has been silent is asked (RFC 3706), soon and often, because a person waits. */
import type { Instant } from '../../net/time.ts';

const ASK_EVERY = 1200;
/** Questions without an answer after which it is gone. */
const MAX_QUESTIONS = 4;

type LivenessVerdict = 'well' | 'ask' | 'gone';

export class Liveness {
  readonly #idle: number;
  #heardAt: Instant;
  #questions = 0;
  #askAt: Instant | undefined;
  #askedAt: Instant = Number.NEGATIVE_INFINITY;

  /** `idle`: milliseconds of silence after which it is asked. */
  constructor(idle: number, now: Instant) {
    this.#idle = idle;
    this.#heardAt = now;
  }

  /** Something authentic came. */
  heard(at: Instant): void {
    if (at <= this.#heardAt) return;
    this.#heardAt = at;
    this.#questions = 0;
    this.#askAt = undefined;
  }

  /**
   * Something happened to the network, or somebody says that the gateway has forgotten us: ask at once, but not more often than a
   * question goes out anyway, since anybody can say so.
   */
  doubt(now: Instant): void {
    if (this.#questions === 0) this.#askAt ??= Math.max(now, this.#askedAt + ASK_EVERY);
  }

  /** Ask at once, whatever was heard before. */
  demand(now: Instant): void {
    this.#heardAt = Math.max(this.#heardAt, now);
    if (this.#questions === 0) this.#askAt = now;
  }

  check(now: Instant): LivenessVerdict {
    const due = this.#askAt ?? this.#heardAt + this.#idle;
    if (now < due) return 'well';
    if (this.#questions === MAX_QUESTIONS) return 'gone';
    this.#questions++;
    this.#askAt = now + ASK_EVERY;
    this.#askedAt = now;
    return 'ask';
  }

  pollTimeout(): Instant {
    return this.#askAt ?? this.#heardAt + this.#idle;
  }
}
