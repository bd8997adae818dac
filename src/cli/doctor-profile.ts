/** sallyport doctor PROFILE: each carrier of a profile in turn, with its login, and each opening by its name. */
import { RememberingAsker } from '../client/remembering-asker.ts';
import type { CarrierSurvey } from '../core/diagnosis/carrier-survey.ts';
import { surveyFindings, surveyVerdict, wasEnded } from '../core/diagnosis/carrier-survey-findings.ts';
import { formatOpening } from '../core/openings/openings.ts';
import type { Table } from '../doctor/report/page.ts';
import { isReached, profilePage, profileTables } from '../doctor/report/profile-page.ts';
import { findingLines, restLines, tableLines } from '../doctor/report/text.ts';
import { ExitStatus } from '../doctor/report/verdict.ts';
import { writePage } from '../doctor/report/write-page.ts';
import { escapeControls, escapeLines, jsonText } from '../host/escape.ts';
import { answersFor, type PasswordOptions } from './asker.ts';
import { beginDialling } from './dialling.ts';
import type { ProfileWatch, WatchedProfile } from './doctor-watch.ts';
import type { ProfileOptions } from './profile-argument.ts';
import { readTyped } from './typing.ts';

export interface ProfileSurveyOptions extends ProfileOptions, PasswordOptions {
  readonly json?: boolean | undefined;
  /** Goes on to what takes minutes or hours, with a tunnel that stays up. */
  readonly watch?: boolean | undefined;
  /** Where the report goes as a page, beside what is printed. */
  readonly html?: string | undefined;
}

/** 0: some carrier works on every gateway of the profile; 3: one has none; 1: it was ended before that was known. */
export async function doctorProfile(argument: string, options: ProfileSurveyOptions): Promise<number> {
  const { profile, lines, ended } = beginDialling(argument, options);
  const isTyped = process.stdin.isTTY && !options['password-stdin'];
  const type: typeof readTyped = (question, typing) => readTyped(question, { ...typing, signal: ended.signal });
  const given = answersFor(profile, { lines, type: isTyped ? type : undefined });
  const answers = { ...given, asker: new RememberingAsker(given.asker) };
  const { surveyCarriers } = await import('../client/carrier-survey.ts');
  const surveys: CarrierSurvey[] = [];
  try {
    for (const gateway of profile.gateways) {
      const progress = (text: string) => process.stderr.isTTY && console.error(`  ${text}`);
      surveys.push(await surveyCarriers(gateway, { ...answers, progress, signal: ended.signal }));
    }
    savePage();
    console.log(options.json ? jsonText(surveys.map(report), 2) : surveys.map(textOf).join('\n\n'));
    const watched = options.watch ? await watch(surveys, { ...answers, signal: ended.signal }, options) : undefined;
    if (watched) savePage(watched.table);
    if (surveys.some((survey) => !isReached(survey) && !wasEnded(survey.carriers))) return ExitStatus.CAUSE;
    if (!surveys.every(isReached)) return ExitStatus.UNREADABLE;
    return watched?.isWell === false ? ExitStatus.WARNING : ExitStatus.FINE;
  } finally {
    lines?.close();
  }

  function savePage(...watched: Table[]): void {
    if (options.html !== undefined) writePage(options.html, profilePage(profile.name, surveys, ...watched));
  }
}

/** A line for each thing learnt, and at the end all of it. */
async function watch(
  surveys: readonly CarrierSurvey[],
  answers: Pick<ProfileWatch, 'profile' | 'asker' | 'signal'>,
  { json }: ProfileSurveyOptions,
): Promise<WatchedProfile | undefined> {
  const { watchProfile } = await import('./doctor-watch.ts');
  if (process.stderr.isTTY) console.error('  watching the tunnel, until all is seen or Ctrl-C');
  const learnt = (news: { readonly text: string }) => console.log(json ? jsonText(news) : escapeControls(news.text));
  const watched = await watchProfile({ ...answers, surveys, learnt });
  if (!watched) return undefined;
  const { table, isWell } = watched;
  if (json) console.log(jsonText({ watch: 'end', isWell, rows: table.rows }));
  else console.log(['', ...tableLines(table)].map(escapeControls).join('\n'));
  return watched;
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
  return escapeLines(lines.join('\n'));
}
