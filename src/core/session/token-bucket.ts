/** Rate limits: a bucket that fills steadily, and many of them by key in bounded memory. */
import { type Instant, SECOND } from '../net/time.ts';

export interface Rate {
  /** Tokens a second. */
  readonly perSecond: number;
  /** Tokens that a bucket holds at most, and begins with. */
  readonly burst: number;
}

export class TokenBucket {
  readonly #rate: Rate;
  #tokens: number;
  #at: Instant | undefined;

  constructor(rate: Rate) {
    this.#rate = rate;
    this.#tokens = rate.burst;
  }

  /** Takes a token; false when there is none. */
  take(now: Instant): boolean {
    this.#fill(now);
    if (this.#tokens < 1) return false;
    this.#tokens -= 1;
    return true;
  }

  /** Less than half full: more is taken of late than it fills. */
  isLow(now: Instant): boolean {
    this.#fill(now);
    return this.#tokens < this.#rate.burst / 2;
  }

  #fill(now: Instant): void {
    const { perSecond, burst } = this.#rate;
    this.#tokens = Math.min(burst, this.#tokens + ((now - (this.#at ?? now)) * perSecond) / SECOND);
    this.#at = now;
  }
}

/** One bucket a key. Of too many keys the one unused for longest is forgotten, and would begin full again. */
export class KeyedBuckets {
  readonly #rate: Rate;
  readonly #most: number;
  readonly #buckets = new Map<string, TokenBucket>();

  constructor(rate: Rate, most: number) {
    this.#rate = rate;
    this.#most = most;
  }

  at(key: string): TokenBucket {
    const bucket = this.#buckets.get(key) ?? new TokenBucket(this.#rate);
    this.#buckets.delete(key);
    this.#buckets.set(key, bucket);
    if (this.#buckets.size > this.#most) this.#buckets.delete(this.#buckets.keys().next().value!);
    return bucket;
  }
}
