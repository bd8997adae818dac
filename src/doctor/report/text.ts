/** A report as text for a terminal: the verdict first, then what shows it and what to change. */
import type { Finding, Remedy } from '../../core/diagnosis/finding.ts';
import { escapeControls } from '../../host/escape.ts';
import type { ReportPage } from './page.ts';
import { PLACE_NAMES, SEVERITY_NAMES } from './words.ts';

/** The verdict is the first finding's, if that is above a note; so only further ones say what they are. */
export function textOf({ title, verdict, findings, facts }: ReportPage): string {
  const [first] = findings;
  const isOfFirst = first !== undefined && first.severity !== 'note';
  const sections = [
    [verdict, ...(isOfFirst ? bodyOf(first) : [])],
    ...findings.slice(isOfFirst ? 1 : 0).map(findingLines),
    [`${title}:`, ...facts.map((fact) => `  ${fact}`)],
  ];
  return sections.map((lines) => lines.map(escapeControls).join('\n')).join('\n\n');
}

/** What it is, what shows it, what to change; what of it came from a peer is the caller's to escape. */
export function findingLines(finding: Finding): string[] {
  return [`${SEVERITY_NAMES[finding.severity]}: ${finding.cause}`, ...bodyOf(finding)];
}

function bodyOf({ evidence, remedies }: Finding): string[] {
  const width = Math.max(0, ...evidence.map(({ packet }) => String(packet).length)) + 1;
  const seen = evidence.map(({ packet, says }) => `  ${(packet === 0 ? '' : `#${packet}`).padStart(width)} ${says}`);
  return [...seen, ...remedies.flatMap(remedyLines)];
}

/** For a terminal; what of it came from a peer is the caller's to escape. */
export function remedyLines({ where, does, lines }: Remedy): string[] {
  return [`  On ${PLACE_NAMES[where]}: ${does}`, ...lines.map((line) => `      ${line}`)];
}
