/** How often the doctor's first finding is the true cause: the captures that rules are made by, and those set aside from it. */
import { formatScore, judgePart, parts, scoreOf } from '../test/scenarios/judge.ts';
import type { Outcome } from './outcome.ts';

export async function scoreScenarios(): Promise<Outcome> {
  const scores: string[] = [];
  const figures: Record<string, number> = {};
  for (const part of parts) {
    const verdicts = await judgePart(part);
    scores.push(formatScore(part, verdicts));
    const { right, failing, alarms } = scoreOf(verdicts);
    figures[`${part}, right`] = right / failing;
    figures[`${part}, false alarms`] = alarms;
  }
  return { text: scores.join('\n'), figures };
}
