/** What must come of a client that may choose its carrier, behind a firewall with certain openings. */
import { CARRIERS, type Carrier, formatOpening, openingName, openingsOf } from '../../src/core/openings/openings.ts';
import { FIVE, type OpeningName } from '../lab/firewall.ts';

/** All 32 sets of the five openings, from none to all. */
export const COMBINATIONS: readonly (readonly OpeningName[])[] = Array.from({ length: 2 ** FIVE.length }, (_, bits) =>
  FIVE.filter((_, i) => (bits & (1 << i)) !== 0),
);

export interface Expected {
  /** Those whose openings are all there: the tunnel comes up on one of them. */
  readonly carriers: readonly Carrier[];
  /** If there is none: for each carrier what it lacks, as a person reads it. */
  readonly missing: Readonly<Record<Carrier, readonly string[]>>;
}

export function expectedWith(open: readonly OpeningName[]): Expected {
  const missing = Object.fromEntries(
    CARRIERS.map((carrier) => [
      carrier,
      openingsOf(carrier)
        .filter((opening) => !open.includes(openingName(opening) as OpeningName))
        .map(formatOpening),
    ]),
  ) as Record<Carrier, string[]>;
  return { carriers: CARRIERS.filter((carrier) => missing[carrier].length === 0), missing };
}

/** "udp/500 protocol/50", or "nothing". */
export function title(open: readonly OpeningName[]): string {
  return open.join(' ') || 'nothing';
}
