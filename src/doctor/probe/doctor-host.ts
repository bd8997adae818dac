/** `sallyport doctor HOST`: probes, judges, and says what it found. */
import type { Finding } from '../../core/diagnosis/finding.ts';
import { nodeCrypto } from '../../host/crypto/node-crypto.ts';
import { findingsOf } from './findings.ts';
import { nodeNetwork } from './node-network.ts';
import { probe } from './probe.ts';
import { ProgressLine } from './progress-line.ts';
import type { Survey } from './survey.ts';
import { hostReport } from './text.ts';
import { watchMapping } from './watch.ts';

export interface HostOptions {
  readonly json: boolean;
  /** Goes on to what takes minutes. */
  readonly watch: boolean;
}

export interface HostOutput {
  readonly out: (text: string) => void;
  /** Where progress goes: a terminal, or nowhere. */
  readonly error: { readonly isTTY?: boolean; write(text: string): unknown };
}

/** What `--json` prints; docs/doctor.md describes it. */
export interface HostReport extends Survey {
  readonly verdict: 'healthy' | 'warning' | 'cause';
  readonly findings: readonly Finding[];
}

/** The exit status: 0 healthy, 1 a cause was found. */
export async function doctorHost(host: string, options: HostOptions, { out, error }: HostOutput): Promise<number> {
  const line = new ProgressLine(error);
  const tools = { network: nodeNetwork, crypto: nodeCrypto, progress: (text: string) => line.show(text) };
  let survey: Survey;
  try {
    line.show(`asking ${host}`);
    survey = await probe(host, tools);
  } finally {
    line.clear();
  }
  const findings = findingsOf(survey);
  const worst = findings[0]?.severity;
  const verdict = worst === 'cause' || worst === 'warning' ? worst : 'healthy';
  const report: HostReport = { verdict, findings, ...survey };
  out(options.json ? JSON.stringify(report, null, 2) : hostReport(survey, findings));
  if (options.watch) {
    for await (const learnt of watchMapping(survey, tools)) {
      line.clear();
      out(options.json ? JSON.stringify(learnt) : learnt.text);
    }
    line.clear();
  }
  return verdict === 'cause' ? 1 : 0;
}
