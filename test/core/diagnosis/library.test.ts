/** The library of captures (test/scenarios): how often the first finding is the true cause, and whether healthy ones are left alone. */
import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { type KeyTable, NO_KEYS } from '../../../src/core/diagnosis/keys.ts';
import { Observer } from '../../../src/core/diagnosis/observer.ts';
import { readCapture } from '../../../src/doctor/capture/read-capture.ts';
import { openPath } from '../../../src/doctor/capture/source.ts';
import { certificateFacts } from '../../../src/doctor/certificate-facts.ts';
import { readKeyTables } from '../../../src/doctor/key-tables.ts';
import { nodeCrypto } from '../../../src/host/crypto/node-crypto.ts';

const LIBRARY = join(import.meta.dirname, '../../scenarios');
const WANTED_SHARE = 0.9;

interface Scenario {
  readonly name: string;
  readonly cause: string | null;
  readonly asGood: readonly string[];
  readonly alsoFine: readonly string[];
  readonly nearMissOf: readonly string[];
  readonly keys?: string;
}

interface Verdict {
  readonly name: string;
  readonly isRight: boolean;
  readonly isFalseAlarm: boolean;
  readonly firedNearMisses: readonly string[];
  readonly first: string | undefined;
}

const known = await judgeAll('known');

test('of the captures that rules are made by nine in ten have their true cause first', (t) => {
  for (const { name, first } of known.filter(({ isRight }) => !isRight))
    t.diagnostic(`missed: ${name}, first is ${first}`);
  const right = known.filter(({ isRight }) => isRight).length;
  t.diagnostic(`${right} of ${known.length}`);
  assert.ok(right >= WANTED_SHARE * known.length, `${right} of ${known.length}`);
});

test('no healthy capture shows more than a note, and no near miss fires', () => {
  assert.deepEqual(
    known.filter(({ isFalseAlarm }) => isFalseAlarm).map(({ name, first }) => [name, first]),
    [],
  );
  assert.deepEqual(
    known.flatMap(({ name, firedNearMisses }) => firedNearMisses.map((rule) => [name, rule])),
    [],
  );
});

test('the captures that were set aside: counted, not looked at', async (t) => {
  const aside = await judgeAll('aside');
  const right = aside.filter(({ isRight }) => isRight).length;
  const alarms = aside.filter(({ isFalseAlarm }) => isFalseAlarm).length;
  t.diagnostic(`${right} of ${aside.length}; false alarms: ${alarms}`);
  assert.equal(alarms, 0);
});

async function judgeAll(part: string): Promise<Verdict[]> {
  const folder = join(LIBRARY, part);
  const verdicts: Verdict[] = [];
  for (const file of readdirSync(folder)
    .filter((name) => name.endsWith('.json'))
    .sort())
    verdicts.push(await judgeOne(folder, JSON.parse(readFileSync(join(folder, file), 'utf8'))));
  return verdicts;
}

async function judgeOne(folder: string, scenario: Scenario): Promise<Verdict> {
  const { name, cause, asGood, alsoFine, nearMissOf } = scenario;
  const path = ['.pcapng.gz', '.pcap.gz'].map((end) => join(folder, name + end)).find(existsSync)!;
  const observer = new Observer({ crypto: nodeCrypto, keys: keysOf(folder, scenario), certificate: certificateFacts });
  const source = await openPath(path);
  const summary = await readCapture(source, (sighting) => observer.see(sighting));
  source.close();
  const { findings } = observer.finish(summary.lastAt);
  const above = findings.filter(({ severity }) => severity !== 'note').map(({ rule }) => rule);
  const isFalseAlarm = cause === null && above.some((rule) => !alsoFine.includes(rule));
  const first = findings[0]?.rule;
  const isRight = cause === null ? !isFalseAlarm : first !== undefined && [cause, ...asGood].includes(first);
  return { name, isRight, isFalseAlarm, firedNearMisses: above.filter((rule) => nearMissOf.includes(rule)), first };
}

function keysOf(folder: string, { keys }: Scenario): KeyTable {
  return keys === undefined ? NO_KEYS : readKeyTables(join(folder, keys));
}
