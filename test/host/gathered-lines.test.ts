/** Lines of the log wait for others, but not long, not many, and not when they matter. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { test } from 'node:test';
import { GatheredLines, MAX_WAITING } from '../../src/host/gathered-lines.ts';

function gather(): { readonly lines: GatheredLines; readonly written: string[] } {
  const written: string[] = [];
  return { lines: new GatheredLines({ write: (text) => written.push(text) }), written };
}

test('ordinary lines are written together, a moment later', async () => {
  const { lines, written } = gather();
  lines.write('one\n', false);
  lines.write('two\n', false);
  assert.deepEqual(written, []);
  for (let i = 0; i < 100 && written.length === 0; i++) await new Promise((resolve) => setTimeout(resolve, 20));
  assert.deepEqual(written, ['one\ntwo\n']);
});

test('an urgent line is written at once, behind what waits', () => {
  const { lines, written } = gather();
  lines.write('one\n', false);
  lines.write('fire\n', true);
  assert.deepEqual(written, ['one\nfire\n']);
  lines.flush();
  assert.equal(written.length, 1);
});

test('what waits is bounded', () => {
  const { lines, written } = gather();
  const line = `${'x'.repeat(99)}\n`;
  for (let length = 0; length < 3 * MAX_WAITING; length += line.length) lines.write(line, false);
  assert.ok(written.length >= 2 && written.every((text) => text.length < MAX_WAITING + line.length));
});

test('nothing is lost when the process ends by itself, is told to, or dies of an error', () => {
  const log = JSON.stringify(join(import.meta.dirname, '../../src/host/log.ts'));
  for (const end of ['', 'process.exit(3)', "throw new Error('a mistake')"]) {
    const script = `import { createLog } from ${log};
      createLog({ level: 'info', format: 'pretty' }).info('last words'); ${end}`;
    const { stderr } = spawnSync(process.execPath, ['--input-type=module', '-e', script], { encoding: 'utf8' });
    assert.match(stderr, /info {2}last words/, end);
  }
});
