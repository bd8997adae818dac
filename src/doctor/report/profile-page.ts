/** What each gateway of a profile came to, as a report: its carriers and openings, and what to change. */
import type { CarrierOutcome, CarrierSurvey, OpeningState } from '../../core/diagnosis/carrier-survey.ts';
import { STATE_WORDS, surveyFindings, surveyVerdict } from '../../core/diagnosis/carrier-survey-findings.ts';
import { SEVERITIES } from '../../core/diagnosis/finding.ts';
import { CARRIER_TITLES, formatOpening } from '../../core/openings/openings.ts';
import type { ReportPage, Table, TableRow } from './page.ts';

/**
 * @param title the profile's name
 * @param watched what was learnt of a tunnel that was kept up; it comes first
 */
export function profilePage(title: string, surveys: readonly CarrierSurvey[], ...watched: Table[]): ReportPage {
  const findings = surveys.flatMap(surveyFindings);
  return {
    title,
    verdict: capitalized(surveys.map(surveyVerdict).join('. ')),
    isHealthy: surveys.every(isReached),
    facts: [],
    tables: [...watched, ...surveys.flatMap(profileTables)],
    findings: findings.toSorted((a, b) => SEVERITIES.indexOf(a.severity) - SEVERITIES.indexOf(b.severity)),
    ladders: [],
    inFull: ['--json', '--html FILE'],
  };
}

/** Some carrier works. */
export function isReached({ carriers }: CarrierSurvey): boolean {
  return carriers.some(({ outcome }) => outcome === 'works');
}

export function profileTables({ gateway, address, carriers, openings }: CarrierSurvey): Table[] {
  const where = gateway === address ? gateway : `${gateway} (${address})`;
  return [
    {
      title: `Carriers to ${where}`,
      rows: carriers.map(
        ({ carrier, outcome, detail }): TableRow => ({
          title: CARRIER_TITLES[carrier],
          text: detail,
          state: OUTCOME_STATES[outcome],
        }),
      ),
    },
    {
      title: `Openings to ${where}`,
      rows: openings.map(
        ({ opening, state }): TableRow => ({
          title: formatOpening(opening),
          text: STATE_WORDS[state],
          state: OPENING_STATES[state],
        }),
      ),
    },
  ];
}

const OUTCOME_STATES: Readonly<Record<CarrierOutcome, TableRow['state']>> = {
  works: 'well',
  blocked: 'ill',
  'not-offered': undefined,
  refused: 'ill',
  login: 'ill',
  silent: 'ill',
  'not-tried': undefined,
};

const OPENING_STATES: Readonly<Record<OpeningState, TableRow['state']>> = {
  open: 'well',
  'blocked-outward': 'ill',
  'blocked-inward': 'ill',
  'no-answer': 'ill',
  refused: 'ill',
  'not-reached': undefined,
};

function capitalized(sentence: string): string {
  return sentence.charAt(0).toUpperCase() + sentence.slice(1);
}
