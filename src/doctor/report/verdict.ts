/** What a diagnosis comes to in one sentence, and for programs in one number. */
import type { Diagnosis, PlacedFinding } from '../../core/diagnosis/diagnosis.ts';
import type { Finding } from '../../core/diagnosis/finding.ts';
import { isEstablished } from '../../core/diagnosis/phases.ts';
import type { CaptureSummary } from '../capture/read-capture.ts';
import { counted } from './words.ts';

export interface Verdict {
  readonly text: string;
  /** Something was set up, and nothing is above a note. */
  readonly isHealthy: boolean;
}

/** Of the command. What is wrong with the connection comes before what is wrong with the file. */
export const ExitStatus = { FINE: 0, UNREADABLE: 1, CAUSE: 3, WARNING: 4 } as const;

export function verdictOf(diagnosis: Diagnosis): Verdict {
  const [first] = diagnosis.findings;
  if (first && first.severity !== 'note') return { text: textOf(first), isHealthy: false };
  const negotiations = diagnosis.conversations.flatMap((conversation) => conversation.negotiations);
  const established = negotiations.filter(isEstablished).length;
  if (established > 0) {
    const text = `Healthy: ${counted(established, 'negotiation')} of ${negotiations.length.toLocaleString('en')} set up a tunnel, and nothing is wrong.`;
    return { text, isHealthy: true };
  }
  return { text: nothing(diagnosis, negotiations.length), isHealthy: false };
}

/** @param findings the gravest first */
export function exitStatusOf([first]: readonly Finding[]): number {
  if (first?.severity === 'cause') return ExitStatus.CAUSE;
  return first?.severity === 'warning' ? ExitStatus.WARNING : ExitStatus.FINE;
}

/** A capture that can't be read to its end may hide more than a warning. */
export function captureExitStatus({ findings }: Diagnosis, { problem }: CaptureSummary): number {
  const status = exitStatusOf(findings);
  return problem && status !== ExitStatus.CAUSE ? ExitStatus.UNREADABLE : status;
}

function textOf({ cause, alike }: PlacedFinding): string {
  return alike === 0 ? cause : `${cause} (${counted(alike, 'other pair')} of addresses alike)`;
}

/** Neither healthy nor wrong: there was too little to see. */
function nothing({ ipsec }: Diagnosis, negotiations: number): string {
  if (negotiations > 0) return 'No negotiation is there to its end, and nothing that is there is wrong.';
  if (ipsec > 0) return 'No negotiation is in it, only what goes on beside one, and nothing of that is wrong.';
  return 'There is nothing of IPsec in it.';
}
