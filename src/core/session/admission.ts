/**
 * How many first messages are answered. Aggressive mode costs a Diffie-Hellman exchange before the peer has proven anything,
 * so it is held to a rate: by endpoint, which keeps one flooder behind a NAT from locking its neighbours out, by address,
 * and in all. Main mode's first message costs next to nothing and is held by the bound on half-open SAs alone.
 */
import type { Endpoint } from '../net/address.ts';
import { formatEndpoint } from '../net/address.ts';
import type { Instant } from '../net/time.ts';
import { KeyedBuckets, type Rate, TokenBucket } from './token-bucket.ts';

const BY_ENDPOINT: Rate = { perSecond: 1, burst: 8 };
const BY_ADDRESS: Rate = { perSecond: 50, burst: 100 };
const IN_ALL: Rate = { perSecond: 300, burst: 600 };
/** Endpoints and addresses remembered, each. */
const MAX_SOURCES = 8192;

/** Failures of peers who proved nothing, and errors under a phase 1: anybody may repeat an authentic one. */
const REPORTS: Rate = { perSecond: 10, burst: 100 };

/** Unprotected error notifications: enough for lost clients to learn of a restart, too few to make noise with. */
const NOTIFICATIONS: Rate = { perSecond: 10, burst: 20 };

export class Admission {
  readonly #byEndpoint = new KeyedBuckets(BY_ENDPOINT, MAX_SOURCES);
  readonly #byAddress = new KeyedBuckets(BY_ADDRESS, MAX_SOURCES);
  readonly #inAll = new TokenBucket(IN_ALL);
  readonly #reports = new TokenBucket(REPORTS);
  readonly #errors = new TokenBucket(REPORTS);
  readonly #notifications = new TokenBucket(NOTIFICATIONS);

  /** Whether an aggressive mode from there may begin now. */
  admits(source: Endpoint, now: Instant): boolean {
    return (
      this.#byEndpoint.take(formatEndpoint(source), now) &&
      this.#byAddress.take(source.address.text, now) &&
      this.#inAll.take(now)
    );
  }

  /** Whether one more failure of somebody unknown is told; a flood of them would fill log and disk. */
  mayReport(now: Instant): boolean {
    return this.#reports.take(now);
  }

  /** Whether one more error that came under a phase 1 is told. */
  mayReportError(now: Instant): boolean {
    return this.#errors.take(now);
  }

  /** Whether one more unprotected notification may go out now. */
  mayNotify(now: Instant): boolean {
    return this.#notifications.take(now);
  }
}
