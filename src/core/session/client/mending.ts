/** When a pair that ended without a successor is made anew: at once if that is rare, else less and less often, and then no more. */
import { type Instant, MINUTE, SECOND } from '../../net/time.ts';

/** Doubled each time. */
const FIRST_WAIT = 2 * SECOND;
/** So often in a row, which a minute without trouble ends; then the gateway has no use for us. */
const MAX_MENDS = 4;
const FORGIVEN_AFTER = MINUTE;

export class Mending {
  #mends = 0;
  #last: Instant = Number.NEGATIVE_INFINITY;
  #at: Instant | undefined;

  /** Something is missing. Call again at `pollTimeout`, or call `done`. */
  check(now: Instant): 'wait' | 'mend' | 'give up' {
    if (now - this.#last > FORGIVEN_AFTER) this.#mends = 0;
    this.#at ??= this.#mends === 0 ? now : this.#last + this.#wait;
    if (this.#at > now) return 'wait';
    if (this.#mends === MAX_MENDS) return 'give up';
    this.#mends++;
    this.#last = now;
    this.#at = now + this.#wait;
    return 'mend';
  }

  /** Nothing is missing. */
  done(): void {
    this.#at = undefined;
  }

  pollTimeout(): Instant | undefined {
    return this.#at;
  }

  get #wait(): number {
    return FIRST_WAIT * 2 ** (this.#mends - 1);
  }
}
