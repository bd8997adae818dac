/** What a rule has found: the cause, the packets that show it, and what to change. */

export interface Finding {
  /** Stable, for programs: "phase1-no-proposal". */
  readonly rule: string;
  /** A healthy connection has nothing above a note. */
  readonly severity: 'cause' | 'warning' | 'note';
  /** One sentence. */
  readonly cause: string;
  readonly evidence: readonly Evidence[];
  readonly remedies: readonly Remedy[];
}

export interface Evidence {
  /** Number in the capture, from 1; 0 for what no packet shows. */
  readonly packet: number;
  readonly says: string;
}

export interface Remedy {
  readonly where: 'sallyport' | 'strongswan' | 'libreswan' | 'windows' | 'cisco-asa' | 'firewall' | 'client';
  /** Of the two ends of the way, where there is something to change at each. */
  readonly side?: 'gateway' | 'client';
  /** What changes. */
  readonly does: string;
  /** The lines to write, as they are. */
  readonly lines: readonly string[];
}

export type Severity = Finding['severity'];
export type Place = Remedy['where'];

/** How much a finding explains, most first. */
export const SEVERITIES: readonly Severity[] = ['cause', 'warning', 'note'];
