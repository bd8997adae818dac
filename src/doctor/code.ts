/** sallyport doctor CODE: what a number that Windows shows means, and what to change. */
import { explainCode, WINDOWS_CODES, type WindowsCode } from '../core/diagnosis/windows-codes.ts';
import { jsonText } from '../host/escape.ts';
import { textOf } from './report/text.ts';

/** Undefined: nothing is known of it. */
export function describeCode(code: number, asJson: boolean): string | undefined {
  const known = explainCode(code);
  if (!known) return undefined;
  return asJson ? jsonText(known, 2) : textOf(pageOf(known));
}

/** "691, 766, 789" */
export function knownCodes(): string {
  return [...WINDOWS_CODES].sort((a, b) => a - b).join(', ');
}

function pageOf({ code, means, causes }: WindowsCode) {
  return {
    title: `Windows' error ${code}`,
    verdict: means,
    isHealthy: false,
    facts:
      causes.length > 1
        ? ['the most frequent cause stands first; a capture of the attempt says which it is: sallyport doctor FILE']
        : [],
    // the verdict is the number's, not the first cause's
    findings: [{ rule: 'code', severity: 'cause' as const, cause: means, evidence: [], remedies: [] }, ...causes],
    ladders: [],
    inFull: ['--json'],
  };
}
