/** How often the doctor's first finding is the true cause: the captures that rules are made by, and those set aside from it. */
import { formatScore, judgePart, parts } from '../test/scenarios/judge.ts';

export async function scoreScenarios(): Promise<string> {
  const scores: string[] = [];
  for (const part of parts) scores.push(formatScore(part, await judgePart(part)));
  return scores.join('\n');
}
