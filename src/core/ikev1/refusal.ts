/** Why an offer was refused, in words that name the nearest pair and the line to change. */

/** What stands between one offered transform and us. */
export interface Objection {
  readonly offered: string;
  /** How far off it is; the smallest is the nearest. */
  readonly distance: number;
  /** What differs and what to change. */
  readonly problem: string;
}

export interface Refusal {
  readonly refused: string;
}

/** Speaks of the nearest of the objections. */
export function closestRefusal(phase: string, objections: readonly Objection[]): Refusal {
  if (objections.length === 0) return { refused: `the ${phase} offer is empty` };
  const nearest = objections.reduce((a, b) => (b.distance < a.distance ? b : a));
  return { refused: `no ${phase} proposal fits; the nearest offered is ${nearest.offered}: ${nearest.problem}` };
}
