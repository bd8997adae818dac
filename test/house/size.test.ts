/** One concept a file: a long one says at its head why it is one. */
import assert from 'node:assert/strict';
import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';

const ROOT = join(import.meta.dirname, '../..');
/** Lines. About 300 is a good size. */
const LONG = 500;

/** The first comment of a long file has to say "Long because ...". Undefined: there is nothing to say, or it is said. */
function unexplained(text: string): number | undefined {
  const lines = text.trimEnd().split('\n').length;
  const [head = ''] = /^\/\*\*[\s\S]*?\*\//.exec(text) ?? [];
  return lines > LONG && !/\bLong because \w/.test(head) ? lines : undefined;
}

test('a file of more than 500 lines says at its head why', () => {
  const files = globSync('{src,bench,demo,tools,test}/**/*.ts', { cwd: ROOT, exclude: ['**/node_modules/**'] });
  assert.ok(files.length > 400, `${files.length} files`);
  const wrong = files.flatMap((path) => {
    const lines = unexplained(readFileSync(join(ROOT, path), 'utf8'));
    return lines === undefined ? [] : [`${path}: ${lines}`];
  });
  assert.deepEqual(wrong, []);
});

test('what counts is the head', () => {
  const body = 'x;\n'.repeat(LONG);
  assert.equal(unexplained(`${body}`), undefined);
  assert.equal(unexplained(`/** Of x. */\n${body}`), LONG + 1);
  assert.equal(unexplained(`/** Of x.\n * Long because all is x. */\n${body}`), undefined);
  assert.equal(unexplained(`/** Of x. */\n${body}/** Long because it is late. */`), LONG + 2);
});
