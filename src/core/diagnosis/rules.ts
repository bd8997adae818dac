/** All rules, those whose finding is most surely the cause first. */
import type { Conversation } from './conversation.ts';
import type { PlacedFinding } from './diagnosis.ts';
import { SEVERITIES } from './finding.ts';
import type { Rule, Scene } from './rule.ts';
import { noAnswer } from './rules/no-answer-500.ts';

export const RULES: readonly Rule[] = [noAnswer];

/** What the rules find, the cause first; what several pairs show alike is told once. */
export function judge(scene: Scene): PlacedFinding[] {
  const found: PlacedFinding[] = [];
  for (const rule of RULES) found.push(...(rule.of === 'all' ? judgeAll(rule, scene) : judgePairs(rule, scene)));
  return found.sort((a, b) => SEVERITIES.indexOf(a.severity) - SEVERITIES.indexOf(b.severity));
}

function judgeAll(rule: Extract<Rule, { of: 'all' }>, scene: Scene): PlacedFinding[] {
  const finding = rule.judge(scene);
  return finding ? [{ ...finding, conversation: undefined, alike: 0 }] : [];
}

/** Of each severity the first pair stands for all. */
function judgePairs(rule: Extract<Rule, { of: 'pair' }>, scene: Scene): PlacedFinding[] {
  const found = new Map<string, { finding: PlacedFinding; conversation: Conversation; alike: number }>();
  for (const conversation of scene.conversations) {
    const finding = rule.judge(conversation, scene);
    if (!finding) continue;
    const known = found.get(finding.severity);
    if (known) known.alike++;
    else found.set(finding.severity, { finding: { ...finding, conversation, alike: 0 }, conversation, alike: 0 });
  }
  return [...found.values()].map(({ finding, alike }) => ({ ...finding, alike }));
}
