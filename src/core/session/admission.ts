/**
 * How many first messages are answered. Main mode's costs next to nothing and is held by the bound on half-open SAs alone.
 * Aggressive mode's costs a Diffie-Hellman exchange before the peer has proven anything, and IKEv1 has no cookie that costs
 * nothing, so it is held to rates: by endpoint, by address, and in all. When more comes than that, it matters who is let in:
 *
 * - **Who logged in lately** has a share that nobody else gets at: by endpoint (address and port). A flooder behind the same
 *   NAT has the same address and can copy whatever a first message says; but not the port, while the NAT keeps it for another.
 * - **Who was let in and came to nothing** stands back while there is pressure: the lower half of each bucket is for others.
 *   So a flooder has one try for each of his ports, however fast he sends, and a neighbour who is new and tries a few times
 *   outlasts him. To draw lots among all who ask would not help: the chance would be our rate over the flooder's, as it is
 *   when who comes first is let in.
 * - **An address** has a small share of its own, and as much of what others leave as it asks for: so ports are used up soon.
 * - **An address from where somebody logged in lately** has a little of the first share too, for users whose port is another
 *   today: no flood from elsewhere takes that away.
 *
 * The claimed group has no part in it: what is done for a group that there is and not for another tells which there are.
 */
import { type Endpoint, formatEndpoint } from '../net/address.ts';
import { type Instant, MINUTE } from '../net/time.ts';
import { Recently } from './recently.ts';
import { KeyedBuckets, type Rate, TokenBucket } from './token-bucket.ts';

const BY_ENDPOINT: Rate = { perSecond: 1, burst: 8 };
const BY_ADDRESS: Rate = { perSecond: 50, burst: 100 };
const IN_ALL: Rate = { perSecond: 300, burst: 600 };
/** Endpoints and addresses remembered, each. */
export const MAX_SOURCES = 8192;

/** Beside the above, for all who logged in lately; and what an address has of it for ports that didn't. */
const RETURNING: Rate = { perSecond: 100, burst: 200 };
const RETURNING_ADDRESS: Rate = { perSecond: 2, burst: 8 };
const PROVEN_FOR = 7 * 24 * 60 * MINUTE;

/** As many as an address has ports. */
const MAX_SPENT = 65_536;
export const SPENT_FOR = 10 * MINUTE;

/** Failures of peers who proved nothing, and errors under a phase 1: anybody may repeat an authentic one. */
const REPORTS: Rate = { perSecond: 10, burst: 100 };

/** Unprotected error notifications: enough for lost clients to learn of a restart, too few to make noise with. */
const NOTIFICATIONS: Rate = { perSecond: 10, burst: 20 };

export class Admission {
  readonly #byEndpoint = new KeyedBuckets(BY_ENDPOINT, MAX_SOURCES);
  readonly #byAddress = new KeyedBuckets(BY_ADDRESS, MAX_SOURCES);
  readonly #inAll = new TokenBucket(IN_ALL);
  readonly #provenEndpoints = new Recently(PROVEN_FOR, MAX_SOURCES);
  readonly #provenAddresses = new Recently(PROVEN_FOR, MAX_SOURCES);
  readonly #byProvenAddress = new KeyedBuckets(RETURNING_ADDRESS, MAX_SOURCES);
  readonly #returning = new TokenBucket(RETURNING);
  /** Endpoints that were let in and haven't proven anything since. */
  readonly #spent = new Recently(SPENT_FOR, MAX_SPENT);
  readonly #reports = new TokenBucket(REPORTS);
  readonly #errors = new TokenBucket(REPORTS);
  readonly #notifications = new TokenBucket(NOTIFICATIONS);

  /** Whether an aggressive mode from there may begin now. */
  admits(source: Endpoint, now: Instant): boolean {
    const endpoint = formatEndpoint(source);
    const address = source.address.text;
    if (!this.#byEndpoint.at(endpoint).take(now)) return false;
    if (this.#provenEndpoints.has(endpoint, now) && this.#returning.take(now)) return true;
    const share = this.#byAddress.at(address);
    const pressed = share.isLow(now) || this.#inAll.isLow(now);
    if (pressed && this.#spent.has(endpoint, now)) return false;
    const admitted = this.#admitsNewcomer(share, now) || this.#admitsReturning(address, now);
    if (admitted) this.#spent.add(endpoint, now);
    return admitted;
  }

  /** A peer proved its phase 1, of whatever mode. */
  handleProof(source: Endpoint): void {
    this.#spent.delete(formatEndpoint(source));
  }

  /** A user logged in, or a peer that has no user is there. */
  handleLogin(source: Endpoint, now: Instant): void {
    this.#provenEndpoints.add(formatEndpoint(source), now);
    this.#provenAddresses.add(source.address.text, now);
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

  #admitsNewcomer(share: TokenBucket, now: Instant): boolean {
    return (share.take(now) || !this.#inAll.isLow(now)) && this.#inAll.take(now);
  }

  #admitsReturning(address: string, now: Instant): boolean {
    return (
      this.#provenAddresses.has(address, now) &&
      this.#byProvenAddress.at(address).take(now) &&
      this.#returning.take(now)
    );
  }
}
