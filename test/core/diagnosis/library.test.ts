/** The rules against the library of captures (test/scenarios): the part that they were made by, and healthy ones of both. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isWrong, judgePart, tellWrong } from '../../scenarios/judge.ts';

const WANTED_SHARE = 0.9;

const known = await judgePart('known');

test('of the captures that rules are made by nine in ten have their true cause first', (t) => {
  for (const verdict of known.filter(isWrong)) t.diagnostic(tellWrong(verdict));
  const right = known.filter(({ isRight }) => isRight).length;
  assert.ok(right >= WANTED_SHARE * known.length, `${right} of ${known.length}`);
});

test('no healthy capture shows more than a note, and no near miss fires', async () => {
  for (const { scenario, falseAlarms, deceivedBy } of known)
    assert.deepEqual([...falseAlarms, ...deceivedBy], [], scenario.name);
  const aside = await judgePart('aside');
  assert.equal(aside.filter(({ falseAlarms }) => falseAlarms.length > 0).length, 0);
});
