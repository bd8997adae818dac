/** What an {@link Observer} has come to: who spoke, and what is wrong. */
import type { Conversation } from './conversation.ts';
import type { Finding } from './finding.ts';

export interface PlacedFinding extends Finding {
  /** The pair that shows it best; undefined: it is of all together. */
  readonly conversation: Conversation | undefined;
  /** How many other pairs show the same. */
  readonly alike: number;
}

export interface Diagnosis {
  /** In the order of their first packets. */
  readonly conversations: readonly Conversation[];
  /** The first is why it fails, if one is a cause. */
  readonly findings: readonly PlacedFinding[];
  /** Datagrams that were shown, and how many of them belong to IPsec. */
  readonly sightings: number;
  readonly ipsec: number;
  /** When the first and the last were seen; undefined: none was. */
  readonly firstAt: number | undefined;
  readonly lastAt: number | undefined;
  /** What was left out as bounds were reached: the diagnosis may be blind there. */
  readonly dropped: readonly Dropped[];
}

export interface Dropped {
  readonly what: string;
  readonly count: number;
}
