/** The login that renews phase 1 under a tunnel which stands: when it is due, and its entry while that is under way. */
import { earliest, type Instant, MINUTE } from '../../net/time.ts';
import type { Entry } from './entry.ts';

/** One that failed is tried again after this, as long as the old phase 1 holds. */
const RENEWAL_RETRY = MINUTE;
const RENEWAL_ASKED_EVERY = 10 * MINUTE;

export class Renewal {
  readonly #newEntry: (now: Instant) => Entry | undefined;
  #entry: Entry | undefined;
  #at: Instant | undefined;
  #askedAt: Instant = Number.NEGATIVE_INFINITY;

  /** @param newEntry by the tunnel's own way; undefined: none stands */
  constructor(newEntry: (now: Instant) => Entry | undefined) {
    this.#newEntry = newEntry;
  }

  /** Undefined: none is under way. */
  get entry(): Entry | undefined {
    return this.#entry;
  }

  begin(now: Instant): void {
    this.#at = undefined;
    if (this.#entry) return;
    this.#entry = this.#newEntry(now);
    this.#entry?.handleTimeout(now);
  }

  /** A message says that the gateway wants one: anybody can have sent that, hence seldom. Call `handleTimeout` next. */
  handleWish(now: Instant): void {
    if (now < this.#askedAt + RENEWAL_ASKED_EVERY) return;
    this.#askedAt = now;
    this.#at = now;
  }

  handleTimeout(now: Instant): void {
    if (this.#at !== undefined && this.#at <= now) this.begin(now);
    this.#entry?.handleTimeout(now);
  }

  pollTimeout(): Instant | undefined {
    return earliest(this.#at, this.#entry?.pollTimeout());
  }

  /** How it ended, once. */
  pollResult(now: Instant): Entry['result'] {
    const result = this.#entry?.result;
    if (!result) return undefined;
    this.#entry = undefined;
    // a password that is wrong stays wrong, and too many of them lock its user out
    if ('kind' in result && (result.kind !== 'login' || result.askNext)) this.#at = now + RENEWAL_RETRY;
    return result;
  }

  stop(): void {
    this.#entry?.stop();
    this.#entry = undefined;
    this.#at = undefined;
  }
}
