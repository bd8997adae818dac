/** What a report says, before it is made into a page. */
import type { Finding, Place } from '../../core/diagnosis/finding.ts';

export interface ReportPage {
  /** What was looked at: a file's or a host's name. */
  readonly title: string;
  /** One sentence. */
  readonly verdict: string;
  readonly isHealthy: boolean;
  /** "1,204 packets", "3 negotiations". */
  readonly facts: readonly string[];
  /** What was asked and answered, where a line each is not enough. */
  readonly tables?: readonly Table[];
  readonly findings: readonly ReportFinding[];
  readonly ladders: readonly Ladder[];
  /** Options that have every remedy, where text has only the nearest. */
  readonly inFull: readonly string[];
}

export interface ReportFinding extends Finding {
  /** What the gateway is that it is about, where that is known. */
  readonly gateway?: Place | undefined;
}

export interface Table {
  readonly title: string;
  readonly rows: readonly TableRow[];
}

/** `state`: how it is to be seen at a glance; absent: it is neither well nor ill. */
export interface TableRow {
  readonly title: string;
  readonly text: string;
  readonly state?: 'well' | 'ill' | undefined;
}

/** The messages of one negotiation between two peers, in order. */
export interface Ladder {
  readonly title: string;
  readonly left: string;
  readonly right: string;
  readonly steps: readonly Step[];
  /** How many steps more there are that would only make it long. */
  readonly omitted: number;
}

export interface Step {
  /** Number in the capture, from 1. */
  readonly packet: number;
  /** Milliseconds since the epoch. */
  readonly at: number;
  readonly isFromLeft: boolean;
  readonly what: string;
  readonly details: readonly string[];
  readonly isRepeat: boolean;
}
