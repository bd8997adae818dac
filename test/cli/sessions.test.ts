import assert from 'node:assert/strict';
import { test } from 'node:test';
import { explained, failurePage } from '../../src/cli/sessions.ts';

const failure = { at: '2026-11-21T08:00:00.000Z', user: null, group: 'staff', remote: '192.0.2.2:500' };

test('a failure comes with the rule that the doctor has for it, and each rule once with what to change', () => {
  const differs = 'aggressive mode, message 3: the group secrets differ';
  const rows = [differs, differs, 'login: it could not be checked: see the error before this line'].map((reason) =>
    explained({ ...failure, reason }),
  );
  assert.deepEqual(
    rows.map(({ rule }) => rule),
    ['psk-mismatch', 'psk-mismatch', null],
  );
  const lines = failurePage(rows).split('\n');
  assert.match(
    lines[1]!,
    /staff +192\.0\.2\.2:500 +psk-mismatch +aggressive mode, message 3: the group secrets differ/,
  );
  assert.match(lines[3]!, /- +login: it could not be checked/);
  const [heading, ...change] = lines.slice(5);
  assert.equal(heading, 'psk-mismatch:');
  assert.match(change.join('\n'), /^ {2}On Sallyport: .*\n( {6}.*\n)* {6}.*psk_file: FILE/);
  assert.equal(lines.filter((line) => line === heading).length, 1);
});

test('where no rule is about any, there is the table alone', () => {
  const rows = [explained({ ...failure, reason: 'login: the group has its max_sessions of 1 on' })];
  assert.equal(failurePage(rows).split('\n').length, 2);
  assert.equal(failurePage([]), 'nobody was refused');
});
