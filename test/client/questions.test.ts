/** How a gateway's questions come to the user. */
import assert from 'node:assert/strict';
import { beforeEach, describe, it } from 'node:test';
import { setImmediate } from 'node:timers/promises';
import type { Question } from '../../src/client/asker.ts';
import { Questions } from '../../src/client/questions.ts';
import type { ClientReport } from '../../src/client/report.ts';
import { type LoginQuestion, MAX_ANSWER } from '../../src/core/session/client/xauth-dialogue.ts';

const PASSWORD: LoginQuestion = { asks: 'password', prompt: '', secret: true, confirm: false };
const PASSCODE: LoginQuestion = { asks: 'passcode', prompt: '', secret: true, confirm: false };
const PIN: LoginQuestion = { asks: 'next-pin', prompt: '', secret: true, confirm: true };

describe("a gateway's questions", () => {
  let asked: Question[];
  let replies: (readonly [number, readonly string[] | undefined])[];
  let reports: ClientReport[];
  let questions: Questions;
  let waiting: ((answer: string) => void)[];
  beforeEach(() => {
    asked = [];
    replies = [];
    reports = [];
    waiting = [];
    const ask = (question: Question) => {
      asked.push(question);
      return new Promise<string>((resolve) => waiting.push(resolve));
    };
    questions = new Questions(
      { ask },
      (event) => reports.push(event),
      (requestId, answers) => replies.push([requestId, answers]),
    );
  });

  async function type(text: string): Promise<void> {
    await setImmediate();
    assert.equal(waiting.length, 1, 'one question at a time');
    waiting.shift()!(text);
    await setImmediate();
  }

  it('asked again while it is put is answered by the same typing, to whoever asked last', async () => {
    questions.ask({ requestId: 1, words: undefined, questions: [PASSCODE] });
    await setImmediate();
    questions.ask({ requestId: 2, words: undefined, questions: [PASSCODE] });
    await type('123456');
    assert.equal(asked.length, 1);
    assert.deepEqual(replies, [[2, ['123456']]]);
    questions.ask({ requestId: 3, words: undefined, questions: [PASSCODE] });
    await type('654321');
    assert.deepEqual(replies.at(-1), [3, ['654321']]);
  });

  it('another question waits for the first', async () => {
    questions.ask({ requestId: 1, words: undefined, questions: [PASSWORD] });
    questions.ask({ requestId: 2, words: 'Next code', questions: [PASSCODE] });
    await type('one');
    await type('two');
    assert.deepEqual(replies, [
      [1, ['one']],
      [2, ['two']],
    ]);
    assert.equal(asked[1]?.prompt, 'Next code');
  });

  it('a new PIN is typed twice, and two that differ are no answer', async () => {
    questions.ask({ requestId: 1, words: undefined, questions: [PIN] });
    await type('1111');
    await type('1112');
    assert.deepEqual(replies, [[1, undefined]]);
    assert.match(JSON.stringify(reports.at(-1)), /not the same/);
  });

  it('an answer that no message holds is none', async () => {
    questions.ask({ requestId: 1, words: undefined, questions: [PASSWORD] });
    await type('x'.repeat(MAX_ANSWER + 1));
    assert.deepEqual(replies, [[1, undefined]]);
    questions.ask({ requestId: 2, words: undefined, questions: [PASSWORD] });
    await type('x'.repeat(MAX_ANSWER));
    assert.equal(replies.at(-1)?.[1]?.length, 1);
  });
});
