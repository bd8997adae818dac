/** SECURITY.md names a test for each hostile input and each flaw of others: they exist, under those names. */
import assert from 'node:assert/strict';
import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';

const root = join(import.meta.dirname, '..', '..');
const text = readFileSync(join(root, 'SECURITY.md'), 'utf8');

const FLAWS = [
  ...['2016-1287', '2013-6076', '2016-10396', '2016-1344', '2015-3991', '2014-9221', '2013-6075', '2013-5018'],
  ...['2009-0790', '2022-23094', '2023-30570', '2023-38712', '2024-3652', '2002-1623'],
];

/** Cells of each row of the tables that name a test in their last one. */
const rows = text
  .split('\n')
  .filter((line) => /^\| .*`test\/.*\|$/.test(line))
  .map((line) =>
    line
      .slice(1, -1)
      .split(' | ')
      .map((cell) => cell.trim()),
  );

/** Names of the tests in a file, without what a template puts in front. */
function testsIn(file: string): Set<string> {
  const source = readFileSync(join(root, file), 'utf8');
  const names = source.matchAll(/\btest\(\s*(['"`])((?:(?!\1).)+)\1/g);
  return new Set([...names].map(([, , name]) => name!.replace(/^\$\{.*\}: /, '')));
}

test('every test that SECURITY.md names exists', () => {
  assert.ok(rows.length > 40, `${rows.length} rows`);
  for (const row of rows) {
    const [, file, name] = /^`(test\/[^`]+)`: (.+)$/.exec(row.at(-1)!) ?? [];
    assert.ok(file && name, `a file and a test: ${row.at(-1)}`);
    assert.ok(testsIn(file).has(name), `${file} has no test "${name}"`);
  }
});

test('every flaw of others has its row, once, with a reason', () => {
  const found = rows.filter(([first]) => first!.startsWith('CVE-'));
  assert.deepEqual(found.map(([number]) => number).sort(), FLAWS.map((number) => `CVE-${number}`).sort());
  for (const row of found) assert.equal(row.length, 4, row[0]);
});

test('every file of hostile tests is named', () => {
  const files = globSync('test/hostile/*.test.ts', { cwd: root });
  assert.ok(files.length > 5);
  for (const file of files) assert.ok(text.includes(file), file);
});

test('every command that it names runs files that exist, and those of the table among them', () => {
  const commands = [...text.matchAll(/^(?:sudo )?tools\/node --test (.+)$/gm)].map(([, files]) => files!);
  assert.ok(commands.length >= 5);
  const run = new Set<string>();
  for (const pattern of commands.flatMap((files) => files.split(' '))) {
    const files = globSync(pattern.replaceAll("'", ''), { cwd: root });
    assert.ok(files.length > 0, pattern);
    for (const file of files) run.add(file);
  }
  for (const row of rows) {
    const [, file] = /^`(test\/[^`]+)`/.exec(row.at(-1)!) ?? [];
    assert.ok(run.has(file!), `no command runs ${file}`);
  }
});
