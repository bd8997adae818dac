/** When no carrier gets through: which openings are missing, from what answered and what didn't. */
import {
  CARRIER_TITLES,
  type Carrier,
  type CarrierPorts,
  formatOpening,
  type Opening,
  openingsOf,
  sameOpening,
} from './openings.ts';

/**
 * What a client saw of an opening: something authentic came back; the gateway's machine refused (a RST, or ICMP "port
 * unreachable"), so the way is open and nobody listens; nothing came.
 */
export type Sight = 'answered' | 'refused' | 'silent';

export interface Trial {
  readonly opening: Opening;
  readonly sight: Sight;
}

export interface SeenOpening {
  readonly opening: Opening;
  /** `untried`: what comes before it didn't answer, so nobody knows. */
  readonly sight: Sight | 'untried';
}

/** Why one carrier didn't get through. */
export interface CarrierFailure {
  readonly carrier: Carrier;
  /** All that it needs. If all of it answered, the reason is no firewall. */
  readonly openings: readonly SeenOpening[];
  /** False: negotiation got far enough for the gateway to offer the carrier, and it didn't. */
  readonly offered: boolean;
}

/** What stands in the way of each of `carriers`; of an opening that was tried twice the better sight counts. */
export function missingOpenings(
  carriers: readonly Carrier[],
  ports: CarrierPorts,
  trials: readonly Trial[],
  notOffered: readonly Carrier[],
): readonly CarrierFailure[] {
  return carriers.map((carrier) => ({
    carrier,
    openings: openingsOf(carrier, ports).map((opening) => ({ opening, sight: bestSight(trials, opening) })),
    offered: !notOffered.includes(carrier),
  }));
}

function bestSight(trials: readonly Trial[], opening: Opening): Sight | 'untried' {
  const sights = trials.filter((trial) => sameOpening(trial.opening, opening)).map(({ sight }) => sight);
  return (['answered', 'refused', 'silent'] as const).find((sight) => sights.includes(sight)) ?? 'untried';
}

/** An error for a person: a line for each carrier, and what to do. `gateway`: as the profile names it. */
export function formatFailures(gateway: string, failures: readonly CarrierFailure[]): string {
  return [
    `no carrier gets through to ${gateway}`,
    ...failures.map((failure) => `  ${CARRIER_TITLES[failure.carrier]}: ${describe(failure)}`),
    advise(gateway, failures),
  ].join('\n');
}

const WORDS: Readonly<Record<SeenOpening['sight'], string>> = {
  answered: 'open',
  refused: 'refused by the gateway',
  silent: 'no answer',
  untried: 'could not be tried',
};

function describe({ openings, offered }: CarrierFailure): string {
  if (!offered) return 'the gateway does not offer it';
  return `needs ${openings.map(({ opening, sight }) => `${formatOpening(opening)} (${WORDS[sight]})`).join(' and ')}`;
}

function advise(gateway: string, failures: readonly CarrierFailure[]): string {
  const sights = failures.flatMap(({ openings }) => openings.map(({ sight }) => sight));
  const rules = `'sallyport openings' shows the rules for your firewall.`;
  if (sights.some((sight) => sight === 'answered' || sight === 'refused')) {
    return `What one carrier needs is enough; ${rules}`;
  }
  return `Nothing came back at all: a firewall stops all of it, or nothing runs at ${gateway}. ${rules}`;
}
