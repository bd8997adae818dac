/** `sallyport doctor HOST`: probes, judges, and says what it found. */
import type { Finding } from '../../core/diagnosis/finding.ts';
import { nodeCrypto } from '../../host/crypto/node-crypto.ts';
import { escapeJson } from '../../host/escape.ts';
import { textOf } from '../report/text.ts';
import { exitStatusOf } from '../report/verdict.ts';
import { writePage } from '../report/write-page.ts';
import { findingsOf } from './findings.ts';
import { endedBy } from './network.ts';
import { nodeNetwork } from './node-network.ts';
import { type ProbeTools, probe } from './probe.ts';
import { ProgressLine, type Terminal } from './progress-line.ts';
import type { Survey } from './survey.ts';
import { isHealthy, surveyPage } from './survey-page.ts';
import { verdictText } from './text.ts';
import { type Learnt, watchMapping } from './watch.ts';

export interface HostOptions {
  readonly json?: boolean | undefined;
  /** Where the report goes as a page, beside what is printed. */
  readonly html?: string | undefined;
  /** Goes on to what takes minutes. */
  readonly watch?: boolean | undefined;
  /** Ends watching. */
  readonly signal?: AbortSignal | undefined;
}

/** What `--json` prints; what isn't known is null. docs/doctor.md describes it. */
export interface HostReport extends Survey {
  readonly verdict: string;
  readonly healthy: boolean;
  readonly findings: readonly Finding[];
}

/** Prints the report; gives the exit status. Throws ProbeError when there is nobody to ask. */
export async function doctorHost(host: string, options: HostOptions): Promise<number> {
  const began = Date.now();
  const line = new ProgressLine(process.stderr as Terminal);
  const tools = { network: nodeNetwork, crypto: nodeCrypto, progress: (text: string) => line.show(text) };
  const survey = await line.during(`asking ${host}`, () => probe(host, tools));
  const findings = findingsOf(survey);
  const page = surveyPage(survey, findings, began);
  if (options.html !== undefined) writePage(options.html, page);
  console.log(options.json ? toJson(reportOf(survey, findings), 2) : textOf(page));
  if (options.watch) {
    const { signal = new AbortController().signal } = options;
    const tell = (learnt: Learnt) => {
      line.clear();
      console.log(options.json ? toJson(learnt) : learnt.text);
    };
    await watch(survey, { ...tools, network: endedBy(nodeNetwork, signal) }, tell, signal);
  }
  return exitStatusOf(findings);
}

/** Also what was known when it was ended. */
async function watch(
  survey: Survey,
  tools: ProbeTools,
  tell: (learnt: Learnt) => void,
  signal: AbortSignal,
): Promise<void> {
  let seconds = 0;
  try {
    for await (const learnt of watchMapping(survey, tools)) {
      tell(learnt);
      seconds = learnt.seconds;
    }
  } catch (error) {
    if (!signal.aborted) throw error;
    const known =
      seconds > 0 ? `it was alive after ${seconds} s of silence, and more was not tried` : 'nothing is known yet';
    tell({ watch: 'nat-mapping', state: 'unknown', seconds, text: `NAT mapping: ended by you; ${known}.` });
  }
}

function reportOf(survey: Survey, findings: readonly Finding[]): HostReport {
  return { verdict: verdictText(survey, findings), healthy: isHealthy(survey, findings), findings, ...survey };
}

function toJson(value: object, indent?: number): string {
  return escapeJson(JSON.stringify(value, (_, part: unknown) => part ?? null, indent));
}
