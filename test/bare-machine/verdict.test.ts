/** How the bare machine reads README.md and the end of a run of the tests. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { readInstructions } from './readme.ts';
import { complaints, reasonsOf, totalsOf } from './verdict.ts';

const readme = readFileSync(join(import.meta.dirname, '../../README.md'), 'utf8');

describe('README.md', () => {
  it('says what to type', () => {
    const { packages, start, test } = readInstructions(readme);
    assert.deepEqual(packages, ['git', 'npm', 'nftables']);
    assert.deepEqual(start, ['git clone REPOSITORY sallyport', 'cd sallyport', 'npm start']);
    assert.equal(test, 'npm test');
  });

  it('is not guessed at when it says something else', () => {
    for (const [said, instead] of [
      ['npm start\n', 'make start\n'],
      ['apt install', 'dnf install'],
      ['`npm test`', '`make test`'],
      ['## Tests', '## Trials'],
    ]) {
      assert.throws(() => readInstructions(readme.replaceAll(said!, instead!)), /README\.md/, instead!);
    }
  });
});

const OUTPUT = `✔ ℹ pass 1
ℹ tests 9
ℹ pass 5
ℹ fail 1
ℹ cancelled 1
ℹ skipped 2

2 skipped; each says what it needs:
  test/a.test.ts: in a lab
    missing: ip (run test/lab/setup as root), vm (run test/lab/vm/build as root)
  test/b.test.ts: alone
    missing: resolvers (run test/lab/resolvers)
`;

describe('the verdict', () => {
  const { aboutTests } = readInstructions(readme);
  const judge = (output: string, there: readonly string[] = []) =>
    complaints(reasonsOf(output), aboutTests, (program) => there.includes(program));

  it('counts what is told at the end', () => {
    assert.deepEqual(totalsOf(OUTPUT), { pass: 5, fail: 2, skipped: 2 });
    assert.equal(totalsOf('✔ all\n'), undefined);
    assert.equal(reasonsOf(OUTPUT).length, 2);
  });

  it('takes what README.md names', () => assert.deepEqual(judge(OUTPUT), []));

  it('takes no other remedy, no other words, and nothing that is there', () => {
    assert.match(judge(OUTPUT.replace('test/lab/setup', 'test/lab/other')).join(), /doesn't name what ip needs/);
    assert.match(judge(OUTPUT.replace(' (run test/lab/resolvers)', '')).join(), /doesn't say what is missing/);
    assert.match(judge(OUTPUT.replace('missing: resolvers', 'no mood')).join(), /doesn't say what is missing/);
    assert.deepEqual(judge(OUTPUT, ['ip', 'vm']), [
      'ip is there and is called missing',
      'vm is there and is called missing',
    ]);
  });
});
