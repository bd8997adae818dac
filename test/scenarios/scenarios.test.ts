/** The library of captures: each says what it is, is small, and lies where the hash of its name puts it; and its maker still works. */
import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { readCapture } from '../../src/doctor/capture/read-capture.ts';
import { openPath } from '../../src/doctor/capture/source.ts';
import { lacking } from '../lab/requirements.ts';
import { run } from '../lab/run.ts';
import { scratch } from '../lab/scratch.ts';
import { captureOf, descriptions, parts } from './judge.ts';
import { MAX_CAPTURE, partOf } from './maker/library.ts';
import { scenarios } from './maker/scenarios.ts';
import { RULES } from './rules.ts';

/** Bytes of all captures together. */
const MAX_LIBRARY = 2_000_000;

const here = import.meta.dirname;
const all = parts.flatMap((part) => descriptions(part).map((scenario) => ({ part, scenario })));
const readme = readFileSync(join(here, 'README.md'), 'utf8');

test('each scenario of the maker has its capture, and the other way round', () => {
  assert.deepEqual(all.map(({ scenario }) => scenario.name).sort(), scenarios.map(({ name }) => name).sort());
});

test('what a capture says of itself is what its scenario says', () => {
  for (const { scenario } of all) {
    const { name, peers, fault, seenFrom, cause, edit, made = 'real', ...rest } = scenarioOf(scenario.name);
    const { asGood = [], alsoFine = [], nearMissOf = [] } = rest;
    const synthetic = edit === undefined ? made : 'synthetic';
    const { keys: _, ...written } = scenario;
    assert.deepEqual(written, { name, made: synthetic, peers, fault, seenFrom, cause, asGood, alsoFine, nearMissOf });
  }
});

test('each rule has a capture that must fire it, and each name of a rule is in README.md', () => {
  const causes = new Set(all.map(({ scenario }) => scenario.cause));
  assert.deepEqual(
    RULES.filter((rule) => !causes.has(rule)),
    [],
  );
  for (const rule of RULES) assert.ok(readme.includes(`\n| \`${rule}\` |`), rule);
});

test('a third is set aside, by nothing but the names', () => {
  for (const { part, scenario } of all) assert.equal(part, partOf(scenario.name), scenario.name);
  const aside = all.filter(({ part }) => part === 'aside').length;
  assert.ok(aside > all.length / 4 && aside < all.length / 2.2, `${aside} of ${all.length}`);
});

test('captures are small, whole, and have packets', async () => {
  let bytes = 0;
  for (const { part, scenario } of all) {
    const path = captureOf(part, scenario);
    assert.ok(path !== undefined, scenario.name);
    const { size } = statSync(path);
    assert.ok(size <= MAX_CAPTURE, `${scenario.name}: ${size} bytes`);
    bytes += size;
    const source = await openPath(path);
    const summary = await readCapture(source, () => {});
    source.close();
    assert.ok(summary.sighted > 0 && summary.problem === undefined, scenario.name);
    if (scenario.keys !== undefined) assert.ok(readdirSync(join(here, part, scenario.keys)).length > 0, scenario.name);
  }
  assert.ok(bytes < MAX_LIBRARY, `${bytes} bytes`);
});

/** Milliseconds. The maker has 180 s for what it plays. */
const PATIENCE = 300_000;

const skip = lacking('tcpdump', 'tshark', 'vpnc', 'ike-scan', 'charon-systemd', 'swanctl', 'openssl');

test('the maker makes a capture like that of the library', { skip, timeout: 2 * PATIENCE }, async () => {
  const name = 'phase1-no-proposal-ikev2-cipher';
  const folder = scratch('scenarios');
  const { status, stdout, stderr } = await run([join(here, 'make'), '--to', folder, name], { timeout: PATIENCE });
  assert.equal(status, 0, stdout + stderr);
  const part = partOf(name);
  const file = (root: string, end: string) => join(root, part, name + end);
  assert.deepEqual(
    JSON.parse(readFileSync(file(folder, '.json'), 'utf8')),
    JSON.parse(readFileSync(file(here, '.json'), 'utf8')),
  );
  assert.ok(existsSync(file(folder, '.pcapng.gz')));
  assert.deepEqual(await exchanges(file(folder, '.pcapng.gz')), await exchanges(file(here, '.pcapng.gz')));
});

function scenarioOf(name: string) {
  return scenarios.find((one) => one.name === name) ?? assert.fail(name);
}

/** The exchange types and flags of the messages to and from UDP 500, each once: what comes late is sent again. */
async function exchanges(path: string): Promise<string[]> {
  const seen = new Set<string>();
  const source = await openPath(path);
  await readCapture(source, ({ sourcePort, destinationPort, payload }) => {
    if (sourcePort === 500 || destinationPort === 500) seen.add(`${payload[18]} ${payload[19]}`);
  });
  source.close();
  return [...seen];
}
