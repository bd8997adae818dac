/**
 * Runs the tests: `npm test`, or `npm test -- PATTERN` for the files whose path holds PATTERN, or else for the tests whose
 * name does. What was skipped is listed at the end with what it needs; with REQUIRE_ALL=1 a skipped test is a failure.
 */
import { spawn } from 'node:child_process';
import { globSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Skip } from './skips-reporter.ts';

const root = join(import.meta.dirname, '..');
const pattern = process.argv[2];
const all = globSync('test/**/*.test.ts', { cwd: root }).sort();
const named = pattern === undefined ? all : all.filter((file) => file.includes(pattern));
const files = named.length > 0 ? named : all;

const folder = mkdtempSync(join(tmpdir(), 'sallyport-test-'));
const skipsFile = join(folder, 'skips');
try {
  const failed = (await runTests()) !== 0;
  const skips = readSkips();
  report(skips);
  const missing = process.env.REQUIRE_ALL === '1' && skips.length > 0;
  if (missing) console.log('REQUIRE_ALL=1: a skipped test is a failure.');
  process.exitCode = failed || missing ? 1 : 0;
} finally {
  rmSync(folder, { recursive: true });
}

function runTests(): Promise<number> {
  const reporters = [
    ['--test-reporter=spec', '--test-reporter-destination=stdout'],
    [`--test-reporter=${join(import.meta.dirname, 'skips-reporter.ts')}`, `--test-reporter-destination=${skipsFile}`],
  ].flat();
  const byName = named.length === 0 ? [`--test-name-pattern=${pattern}`] : [];
  // A test that hangs fails; those with real peers set longer limits of their own.
  const args = ['--test', '--test-timeout=300000', ...reporters, ...byName, ...files];
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, args, { cwd: root, stdio: 'inherit' });
    child.on('error', reject);
    child.on('close', (status) => resolve(status ?? 1));
  });
}

function readSkips(): Skip[] {
  const lines = readFileSync(skipsFile, 'utf8').split('\n');
  return lines.filter((line) => line !== '').map((line) => JSON.parse(line) as Skip);
}

function report(skips: readonly Skip[]): void {
  if (skips.length === 0) return;
  console.log(`\n${skips.length} skipped; each says what it needs:`);
  for (const { file, name, reason } of skips) console.log(`  ${file}: ${name}\n    ${reason}`);
}
