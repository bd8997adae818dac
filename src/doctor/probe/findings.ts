/** What a survey means: findings of the same shape as those of captures, the cause first. Their packets are the probe's own. */
import { type Finding, SEVERITIES } from '../../core/diagnosis/finding.ts';
import { NAT_RULES } from './nat-findings.ts';
import { REACH_RULES } from './reach-findings.ts';
import type { ProbeRule } from './rule.ts';
import { SECURITY_RULES } from './security-findings.ts';
import type { Survey } from './survey.ts';

const RULES: readonly ProbeRule[] = [...REACH_RULES, ...SECURITY_RULES, ...NAT_RULES];

export function findingsOf(survey: Survey): Finding[] {
  const found = RULES.flatMap((rule) => rule(survey) ?? []);
  return found.toSorted((a, b) => SEVERITIES.indexOf(a.severity) - SEVERITIES.indexOf(b.severity));
}
