/** Shows each capture of the library to the doctor, and compares its first finding with the true cause. */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { NO_KEYS } from '../../src/core/diagnosis/keys.ts';
import { Observer } from '../../src/core/diagnosis/observer.ts';
import type { Reading } from '../../src/core/diagnosis/reading.ts';
import type { Sighting } from '../../src/core/diagnosis/sighting.ts';
import { type CaptureSummary, readCapture } from '../../src/doctor/capture/read-capture.ts';
import { openPath } from '../../src/doctor/capture/source.ts';
import { certificateFacts } from '../../src/doctor/certificate-facts.ts';
import { readKeyTables } from '../../src/doctor/key-tables.ts';
import { nodeCrypto } from '../../src/host/crypto/node-crypto.ts';
import type { Part } from './maker/library.ts';
import type { Description } from './maker/scenario.ts';

export interface Verdict {
  readonly scenario: Description;
  /** Rules, in the order of the findings; those of notes apart. */
  readonly found: readonly string[];
  readonly noted: readonly string[];
  readonly first: string | undefined;
  readonly isRight: boolean;
  /** Above a note in a healthy capture. */
  readonly falseAlarms: readonly string[];
  /** Above a note, though the capture only looks like it. */
  readonly deceivedBy: readonly string[];
}

export const parts: readonly Part[] = ['known', 'aside'];

export function descriptions(part: Part): Description[] {
  const files = readdirSync(join(import.meta.dirname, part)).filter((name) => name.endsWith('.json'));
  return files.sort().map((name) => JSON.parse(readFileSync(join(import.meta.dirname, part, name), 'utf8')));
}

export function captureOf(part: Part, { name }: Description): string | undefined {
  return ['pcapng.gz', 'pcap.gz'].map((end) => join(import.meta.dirname, part, `${name}.${end}`)).find(existsSync);
}

export async function judgePart(part: Part): Promise<Verdict[]> {
  const verdicts: Verdict[] = [];
  for (const scenario of descriptions(part)) verdicts.push(await judgeOne(part, scenario));
  return verdicts;
}

async function judgeOne(part: Part, scenario: Description): Promise<Verdict> {
  const { cause, asGood, alsoFine, nearMissOf } = scenario;
  const observer = new Observer(readingOf(part, scenario));
  const { lastAt } = await show(part, scenario, (sighting) => observer.see(sighting));
  const { findings } = observer.finish(lastAt);
  const rules = (isNote: boolean) =>
    findings.filter(({ severity }) => (severity === 'note') === isNote).map(({ rule }) => rule);
  const [found, noted] = [rules(false), rules(true)];
  const first = findings[0]?.rule;
  const falseAlarms = cause === null ? found.filter((rule) => !names(alsoFine).includes(rule)) : [];
  const isRight = cause === null ? falseAlarms.length === 0 : names([cause, ...asGood]).includes(first ?? '');
  const deceivedBy = found.filter((rule) => names(nearMissOf).includes(rule));
  return { scenario, found, noted, first, isRight, falseAlarms, deceivedBy };
}

export async function show(
  part: Part,
  scenario: Description,
  see: (sighting: Sighting) => void,
): Promise<CaptureSummary> {
  const source = await openPath(captureOf(part, scenario) ?? '');
  const summary = await readCapture(source, see);
  source.close();
  return summary;
}

export function readingOf(part: Part, scenario: Description): Reading {
  return { crypto: nodeCrypto, keys: keysOf(part, scenario), certificate: certificateFacts };
}

function names(rules: readonly string[]): readonly string[] {
  return rules;
}

function keysOf(part: Part, { keys }: Description) {
  return keys === undefined ? NO_KEYS : readKeyTables(join(import.meta.dirname, part, keys));
}

export interface Score {
  /** Those whose first finding is the true cause, of those that have one. */
  readonly right: number;
  readonly failing: number;
  /** Healthy ones with a finding above a note, of all healthy ones. */
  readonly alarms: number;
  readonly healthy: number;
}

export function scoreOf(verdicts: readonly Verdict[]): Score {
  const failing = verdicts.filter(({ scenario }) => scenario.cause !== null);
  const healthy = verdicts.filter(({ scenario }) => scenario.cause === null);
  return {
    right: failing.filter(({ isRight }) => isRight).length,
    failing: failing.length,
    alarms: healthy.filter(({ falseAlarms }) => falseAlarms.length > 0).length,
    healthy: healthy.length,
  };
}

/** Of the part set aside only numbers: who makes rules by names of captures makes them for these captures. */
export function formatScore(part: Part, verdicts: readonly Verdict[]): string {
  const { right, failing, alarms, healthy } = scoreOf(verdicts);
  const deceived = verdicts.filter(({ deceivedBy }) => deceivedBy.length > 0).length;
  const share = failing === 0 ? '' : ` (${Math.round((100 * right) / failing)} %)`;
  const lines = [
    `${part}: the first finding is the true cause in ${right} of ${failing}${share}; ` +
      `false alarms in ${alarms} of ${healthy} healthy ones; near misses that fired: ${deceived}`,
  ];
  if (part === 'known') lines.push(...verdicts.filter(isWrong).map(tellWrong));
  return lines.join('\n');
}

export function isWrong({ isRight, deceivedBy }: Verdict): boolean {
  return !isRight || deceivedBy.length > 0;
}

export function tellWrong({ scenario, found, noted, deceivedBy }: Verdict): string {
  const said = [...found, ...noted.map((rule) => `(${rule})`)].join(', ') || 'nothing';
  const near = deceivedBy.length > 0 ? `; only looks like ${deceivedBy.join(', ')}` : '';
  return `  ${scenario.name}: is ${scenario.cause ?? 'healthy'}${near}; found ${said}`;
}
