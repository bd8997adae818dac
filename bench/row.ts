/** A line of a benchmark of whole tunnels, one TCP stream of iperf3 through it, and tables of such lines. */
import type { Outcome } from './outcome.ts';

export interface Row {
  readonly name: string;
  /** Median of the runs. */
  readonly gbitPerSecond: number;
  /** CPU seconds a second that the VPN's own processes took, both ends together; undefined: not told apart. */
  readonly cpu: number | undefined;
}

export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.length >> 1;
  const upper = sorted[middle] ?? Number.NaN;
  return sorted.length % 2 === 1 ? upper : ((sorted[middle - 1] ?? Number.NaN) + upper) / 2;
}

/** The rows as a table of text, and their speeds. */
export function outcomeOf(rows: readonly Row[]): Outcome {
  const figures = Object.fromEntries(rows.map(({ name, gbitPerSecond }) => [name, gbitPerSecond]));
  return { text: formatRows(rows), figures };
}

function formatRows(rows: readonly Row[]): string {
  const width = Math.max(...rows.map(({ name }) => name.length));
  const line = ({ name, gbitPerSecond, cpu }: Row) =>
    `${name.padEnd(width)}  ${gbitPerSecond.toFixed(2).padStart(6)} Gbit/s${cpu === undefined ? '' : `  ${cpu.toFixed(2)} CPU`}`;
  return rows.map(line).join('\n');
}
