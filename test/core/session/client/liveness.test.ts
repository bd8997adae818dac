/** When a client asks its gateway whether it is there. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { Liveness } from '../../../../src/core/session/client/liveness.ts';

const IDLE = 10_000;

describe('liveness', () => {
  it('asks who is silent a few times in a row, then calls it gone', () => {
    const liveness = new Liveness(IDLE, 0);
    const verdicts: string[] = [];
    for (let now = 0; !verdicts.includes('gone'); now = liveness.pollTimeout()) verdicts.push(liveness.check(now));
    assert.deepEqual(verdicts, ['well', 'ask', 'ask', 'ask', 'ask', 'gone']);
  });

  it('a doubt asks at once, and anybody who spreads doubts without end makes no flood of questions', () => {
    const liveness = new Liveness(IDLE, 0);
    let questions = 0;
    for (let now = 1; now <= 60_000; now++) {
      liveness.doubt(now);
      if (liveness.check(now) !== 'ask') continue;
      if (questions === 0) assert.equal(now, 1);
      questions++;
      liveness.heard(now);
    }
    assert.ok(questions <= 51, `${questions} questions in a minute`);
  });
});
