/** A report as text for a terminal: the verdict first, then what shows it and what to change. */
import type { Remedy } from '../../core/diagnosis/finding.ts';
import { escapeControls } from '../../host/escape.ts';
import { nearest } from './nearest.ts';
import type { ReportFinding, ReportPage, Table } from './page.ts';
import { counted, PLACE_NAMES, SEVERITY_NAMES } from './words.ts';

/** The verdict is the first finding's, if that is above a note; so only further ones say what they are. */
export function textOf({ title, verdict, findings, facts, tables = [], inFull }: ReportPage): string {
  const [first] = findings;
  const isOfFirst = first !== undefined && first.severity !== 'note';
  const sections = [
    [verdict, ...(isOfFirst ? bodyOf(first) : [])],
    ...findings.slice(isOfFirst ? 1 : 0).map(findingLines),
    ...(facts.length > 0 ? [[`${title}:`, ...facts.map((fact) => `  ${fact}`)]] : []),
    ...tables.map(tableLines),
    ...restLines(findings, inFull).map((line) => [line]),
  ];
  return sections.map((lines) => lines.map(escapeControls).join('\n')).join('\n\n');
}

/** What it is, what shows it, what to change next; what of it came from a peer is the caller's to escape. */
export function findingLines(finding: ReportFinding): string[] {
  return [`${SEVERITY_NAMES[finding.severity]}: ${finding.cause}`, ...bodyOf(finding)];
}

/** The last line, if remedies of `findings` don't show: which options have them. */
export function restLines(findings: readonly ReportFinding[], inFull: readonly string[]): string[] {
  const rest = findings.reduce((sum, finding) => sum + finding.remedies.length - nearest(finding).length, 0);
  if (rest === 0) return [];
  return [`With ${inFull.join(' or ')}: ${counted(rest, 'more remedy', 'more remedies')}.`];
}

/** Two columns; what the second one says goes on where it begins. */
export function tableLines({ title, rows }: Table): string[] {
  const width = Math.max(...rows.map((row) => row.title.length));
  return [`${title}:`, ...rows.map((row) => `  ${row.title.padEnd(width)}  ${row.text}`)];
}

function bodyOf(finding: ReportFinding): string[] {
  const { evidence } = finding;
  const width = Math.max(0, ...evidence.map(({ packet }) => String(packet).length)) + 1;
  const seen = evidence.map(({ packet, says }) => `  ${(packet === 0 ? '' : `#${packet}`).padStart(width)} ${says}`);
  return [...seen, ...nearest(finding).flatMap(remedyLines)];
}

/** For a terminal; what of it came from a peer is the caller's to escape. */
export function remedyLines({ where, does, lines }: Remedy): string[] {
  return [`  On ${PLACE_NAMES[where]}: ${does}`, ...lines.map((line) => `      ${line}`)];
}
