/** Which failures are told: a line and a row each. Whoever knows a group's secret can fail as fast as he likes. */
import type { Instant } from '../core/net/time.ts';
import { TokenBucket } from '../core/session/token-bucket.ts';

export const FAILURES_TOLD = { perSecond: 10, burst: 200 };

export class FailureLimit {
  readonly #bucket = new TokenBucket(FAILURES_TOLD);
  #untold = 0;

  /** For one more failure: how many before it were not told; undefined: nor is this one. */
  take(now: Instant): number | undefined {
    if (!this.#bucket.take(now)) {
      this.#untold++;
      return undefined;
    }
    const untold = this.#untold;
    this.#untold = 0;
    return untold;
  }
}
