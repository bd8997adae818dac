/** Time as core sees it: milliseconds on a clock that only goes forward. */
export type Instant = number;

export const SECOND = 1000;
export const MINUTE = 60 * SECOND;
export const HOUR = 60 * MINUTE;

/** The first of the deadlines, any of which may be absent. */
export function earliest(...deadlines: readonly (Instant | undefined)[]): Instant | undefined {
  let first: Instant | undefined;
  for (const at of deadlines) if (at !== undefined && (first === undefined || at < first)) first = at;
  return first;
}
