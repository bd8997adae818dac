import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ike, REPLY, Stage, sa } from '../stage.ts';

const FIRST = ike([sa()]);

test('the same first message again and again, and never an answer', () => {
  const stage = new Stage().up(FIRST).wait(4000).up(FIRST).wait(7000).up(FIRST);
  assert.deepEqual(stage.troubles, ['no-answer-500 cause']);
  const [finding] = stage.diagnosis.findings;
  assert.deepEqual(
    finding!.evidence.map(({ packet }) => packet),
    [1, 3, 3],
  );
  assert.ok(finding!.remedies.some(({ lines }) => lines.some((line) => line.includes('udp dport 500'))));
});

test('one message and a long silence', () => {
  assert.deepEqual(new Stage().up(FIRST).silence(20_000).troubles, ['no-answer-500 cause']);
});

test('near misses: the capture ends at once; an answer came, if late', () => {
  assert.deepEqual(new Stage().up(FIRST).silence(1000).troubles, []);
  const late = new Stage()
    .up(FIRST)
    .wait(4000)
    .up(FIRST)
    .wait(3000)
    .down(ike([sa()], REPLY));
  assert.deepEqual(late.troubles, []);
});
