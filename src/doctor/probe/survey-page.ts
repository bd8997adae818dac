/** A survey as a report: its findings, what was seen, and a ladder of the packets. */
import type { Finding } from '../../core/diagnosis/finding.ts';
import { placeOf } from '../../core/diagnosis/products.ts';
import type { Ladder, ReportPage } from '../report/page.ts';
import type { Survey } from './survey.ts';
import { detailRows, verdictText } from './text.ts';

/** @param began when the probe began, milliseconds since the epoch */
export function surveyPage(survey: Survey, findings: readonly Finding[], began: number): ReportPage {
  const { name } = survey.gateway ?? {};
  const gateway = name && placeOf(name.name);
  return {
    title: survey.host,
    verdict: verdictText(survey, findings),
    isHealthy: isHealthy(survey, findings),
    facts: alignRows(detailRows(survey)),
    findings: findings.map((finding) => ({ ...finding, gateway })),
    ladders: [ladderOf(survey, began)],
    inFull: ['--json'],
  };
}

/** Somebody answers, and nothing is above a note. */
export function isHealthy({ gateway }: Survey, findings: readonly Finding[]): boolean {
  return gateway !== undefined && findings.every(({ severity }) => severity === 'note');
}

/** Two spaces apart; what the second column says goes on where it begins. */
function alignRows(rows: readonly (readonly [title: string, text: string])[]): string[] {
  const width = Math.max(...rows.map(([title]) => title.length));
  return rows.map(([title, text]) => `${title.padEnd(width)}  ${text}`);
}

function ladderOf({ host, packets }: Survey, began: number): Ladder {
  return {
    title: `Questions to ${host}`,
    left: 'here',
    right: host,
    steps: packets.map(({ number, at, direction, peer, says }) => ({
      packet: number,
      at: began + at,
      isFromLeft: direction === 'out',
      what: says,
      details: [peer],
      isRepeat: says.endsWith(', again'),
    })),
    omitted: 0,
  };
}
