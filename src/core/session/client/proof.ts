/**
 * The proof that packets come through a tunnel and back: an echo request from our inner address to addresses that the gateway is, or
 * passes on to. With a TTL of 1 whoever it passes it on to doesn't matter: a router answers "time exceeded" itself.
 */
import type { Bytes } from '../../bytes/bytes.ts';
import { type IpAddress, type Prefix, parseIp, prefixContains } from '../../net/address.ts';
import { type Instant, SECOND } from '../../net/time.ts';
import { encodeEchoRequest } from '../../wire/icmp.ts';
import type { GivenConfiguration } from './configuration.ts';

/** How long a carrier has to bring an answer, and how often it is asked for one meanwhile. */
const PROOF_PATIENCE = 1.6 * SECOND;
const PROOF_EVERY = 250;

/** Our own limit: enough kinds of neighbours, few packets. */
export const MAX_NEIGHBOURS = 4;
/** Nobody's (RFC 2544 appendix C.2.2): a gateway whose firewall drops all that is for itself still says that it goes no further. */
const BEYOND = parseIp('198.18.0.1')!;

/** When an answer through a carrier is asked for, and until when. */
export class Proof {
  readonly since: Instant;
  readonly #until: Instant;
  #askAt: Instant;
  #round = 0;

  constructor(now: Instant) {
    this.since = now;
    this.#until = now + PROOF_PATIENCE;
    this.#askAt = now;
  }

  isOver(now: Instant): boolean {
    return this.#until <= now;
  }

  /** The number of the question that is due; undefined: none is. */
  takeRound(now: Instant): number | undefined {
    if (this.#askAt > now) return undefined;
    this.#askAt = now + PROOF_EVERY;
    return this.#round++;
  }

  pollTimeout(): Instant {
    return Math.min(this.#until, this.#askAt);
  }
}

/** Addresses behind the tunnel, the gateway's own first, that answer if anything does. */
export function innerNeighbours(
  gateway: IpAddress,
  { dns }: GivenConfiguration,
  routes: readonly Prefix[] | 'all',
  selectors: readonly Prefix[],
): IpAddress[] {
  const networks = routes === 'all' ? [] : routes.map(({ address }) => address);
  return [gateway, BEYOND, ...dns, ...networks]
    .filter((address) => address.bytes.length === 4 && selectors.some((prefix) => prefixContains(prefix, address)))
    .slice(0, MAX_NEIGHBOURS);
}

export function echoRequests(source: IpAddress, neighbours: readonly IpAddress[], round: number): Bytes[] {
  return neighbours.map((destination, i) =>
    encodeEchoRequest({ source, destination, ttl: 1, identifier: i + 1, sequence: round & 0xffff }),
  );
}

/** Ours answer at their own address, whatever their firewall: silence of theirs is silence of the way. */
export function answersEcho({ gatewayVersion }: GivenConfiguration): boolean {
  return gatewayVersion?.startsWith('Sallyport') ?? false;
}
