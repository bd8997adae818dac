/**
 * Runs the tests: `npm test`, or `npm test -- PATTERN` for the files whose path holds PATTERN, or else for the tests whose
 * name does. Those that make a lab run one file at a time, after all others, which share the processors.
 * What failed and what was skipped is listed at the end with what it needs; with REQUIRE_ALL=1 a skipped test is a failure.
 */
import { globSync, readFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { join, relative } from 'node:path';
import { Readable } from 'node:stream';
import { run } from 'node:test';
import { spec, type TestEvent } from 'node:test/reporters';

const root = join(import.meta.dirname, '..');
process.chdir(root);
// Some tests write what another user reads.
process.umask(0o022);
// Some read what other programs say.
process.env.LC_ALL = 'C.UTF-8';
const pattern = process.argv[2];
const all = globSync('test/**/*.test.ts').sort();
const named = pattern === undefined ? all : all.filter((file) => file.includes(pattern));
const files = named.length > 0 ? named : all;
const [alone, together] = [files.filter(makesLab), files.filter((file) => !makesLab(file))];

interface Skip {
  readonly file: string;
  readonly name: string;
  /** Why, and what would let it run. */
  readonly reason: string;
}

/** How a phase tells its sums. */
const COUNT = /^(tests|suites|pass|fail|cancelled|skipped|todo|duration_ms) ([\d.]+)$/;
const skips: Skip[] = [];
/** Of both phases: tests, pass, fail and what else a phase counts. */
const totals = new Map<string, number>();
/** On it the reporter lists what failed so far: it comes once, at the very end. */
let summary: TestEvent | undefined;

await new Promise<void>((resolve, reject) => {
  const printed = Readable.from(bothPhases()).compose(new spec());
  printed.on('error', reject).on('end', resolve).pipe(process.stdout, { end: false });
});
const failed = ['fail', 'cancelled'].some((kind) => totals.get(kind) !== 0);
reportSkips();
const refused = process.env.REQUIRE_ALL === '1' && skips.length > 0;
if (refused) console.log('REQUIRE_ALL=1: a skipped test is a failure.');
process.exitCode = failed || refused ? 1 : 0;

/** A lab takes ports, processors and the names of namespaces: its test asks with `lacking` for what it needs. */
function makesLab(file: string): boolean {
  return readFileSync(file, 'utf8').includes('lacking(');
}

async function* bothPhases(): AsyncGenerator<TestEvent> {
  yield* phase(together, availableParallelism());
  yield* phase(alone, 1);
  for (const [what, count] of totals) {
    yield { type: 'test:diagnostic', data: { nesting: 0, message: `${what} ${count}`, level: 'info' } } as TestEvent;
  }
  if (summary) yield summary;
}

/** What a phase says at its end is kept back, so that one sum and one list of failures stand at the end of all. */
async function* phase(some: readonly string[], concurrency: number): AsyncGenerator<TestEvent> {
  if (some.length === 0) return;
  const byName = named.length === 0 && pattern !== undefined ? { testNamePatterns: [pattern] } : {};
  // A test that hangs fails. It is also the bound of a hook, whatever its suite's: one may fetch, and compile, on a slow machine.
  const events = run({ files: some.map((file) => join(root, file)), concurrency, timeout: 900_000, ...byName });
  for await (const event of events as AsyncIterable<TestEvent>) {
    if (event.type === 'test:summary' && event.data.file === undefined) {
      summary = event;
      continue;
    }
    const count = event.type === 'test:diagnostic' && event.data.nesting === 0 && COUNT.exec(event.data.message);
    if (count) add(count[1]!, Number(count[2]));
    else yield event;
    if (event.type === 'test:pass' || event.type === 'test:fail') noteSkip(event.data);
  }
}

function add(what: string, count: number): void {
  totals.set(what, (totals.get(what) ?? 0) + count);
}

function noteSkip({ file, name, skip }: { file?: string; name: string; skip?: string | boolean }): void {
  if (skip === undefined || skip === false) return;
  const reason = typeof skip === 'string' && skip !== '' ? skip : 'gives no reason';
  skips.push({ file: relative(root, file ?? ''), name, reason });
}

function reportSkips(): void {
  if (skips.length === 0) return;
  console.log(`\n${skips.length} skipped; each says what it needs:`);
  for (const { file, name, reason } of skips) console.log(`  ${file}: ${name}\n    ${reason}`);
}
