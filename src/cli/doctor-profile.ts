/** sallyport doctor PROFILE: each carrier of a profile in turn, with its login, and each opening by its name. */
import type { CarrierSurvey } from '../core/diagnosis/carrier-survey.ts';
import { surveyFindings, surveyVerdict } from '../core/diagnosis/carrier-survey-findings.ts';
import { formatOpening } from '../core/openings/openings.ts';
import { isReached, profilePage, profileTables } from '../doctor/report/profile-page.ts';
import { findingLines, restLines, tableLines } from '../doctor/report/text.ts';
import { ExitStatus } from '../doctor/report/verdict.ts';
import { writePage } from '../doctor/report/write-page.ts';
import { escapeControls } from '../host/escape.ts';
import { expectClientRights } from '../host/network/rights.ts';
import { answersFor, type PasswordOptions } from './asker.ts';
import { beginDialling } from './dialling.ts';
import type { ProfileOptions } from './profile-argument.ts';
import { readTyped } from './typing.ts';

export interface ProfileSurveyOptions extends ProfileOptions, PasswordOptions {
  readonly json?: boolean | undefined;
  /** Where the report goes as a page, beside what is printed. */
  readonly html?: string | undefined;
}

/** 0: some carrier works on every gateway of the profile; 3: one has none. */
export async function doctorProfile(argument: string, options: ProfileSurveyOptions): Promise<number> {
  const { profile, lines, ended } = beginDialling(argument, options, expectClientRights);
  const isTyped = process.stdin.isTTY && !options['password-stdin'];
  const type: typeof readTyped = (question, typing) => readTyped(question, { ...typing, signal: ended.signal });
  const answers = answersFor(profile, { lines, type: isTyped ? type : undefined });
  const { surveyCarriers } = await import('../client/carrier-survey.ts');
  const surveys: CarrierSurvey[] = [];
  try {
    for (const gateway of profile.gateways) {
      const progress = (text: string) => process.stderr.isTTY && console.error(`  ${text}`);
      surveys.push(await surveyCarriers(gateway, { ...answers, progress, signal: ended.signal }));
    }
  } finally {
    lines?.close();
  }
  if (options.html !== undefined) writePage(options.html, profilePage(profile.name, surveys));
  console.log(options.json ? JSON.stringify(surveys.map(report), null, 2) : surveys.map(textOf).join('\n\n'));
  return surveys.every(isReached) ? ExitStatus.FINE : ExitStatus.CAUSE;
}

function report(survey: CarrierSurvey): object {
  const { gateway, address, carriers, openings } = survey;
  return {
    gateway,
    address,
    verdict: surveyVerdict(survey),
    carriers,
    openings: openings.map(({ opening, state }) => ({ opening: formatOpening(opening), state })),
    findings: surveyFindings(survey),
  };
}

/** What to change stands there where nothing works; else what is shut is a note. */
function textOf(survey: CarrierSurvey): string {
  const causes = surveyFindings(survey).filter(({ severity }) => severity === 'cause');
  const lines = [
    surveyVerdict(survey),
    ...profileTables(survey).flatMap((table) => ['', ...tableLines(table)]),
    ...causes.flatMap((finding) => ['', ...findingLines(finding)]),
    ...restLines(causes, ['--json', '--html FILE']).flatMap((line) => ['', line]),
  ];
  return lines
    .flatMap((line) => line.split('\n'))
    .map(escapeControls)
    .join('\n');
}
