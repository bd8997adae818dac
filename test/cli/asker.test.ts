/** Where answers come from, and how a gateway's hostile words are shown. */
import assert from 'node:assert/strict';
import { Readable } from 'node:stream';
import { describe, it } from 'node:test';
import { type AnswerSources, askerFrom, expectAnswers, questionText, quoted } from '../../src/cli/asker.ts';
import { LineInput } from '../../src/cli/line-input.ts';
import type { QuestionKind } from '../../src/client/asker.ts';

const KINDS: readonly QuestionKind[] = ['user', 'password', 'passcode', 'answer'];

function sources(given: Partial<AnswerSources> & { readonly text?: string }) {
  const asker = askerFrom({
    lines: given.text === undefined ? undefined : new LineInput(Readable.from([given.text])),
    type: given.type,
    mayAsk: given.mayAsk ?? true,
  });
  return { ask: (kind: QuestionKind, prompt = '') => asker.ask({ kind, prompt }) };
}

describe('answers', () => {
  it('come from the given lines in the order of the questions, but never a name', async () => {
    const { ask } = sources({ text: 'secret\n123456\nnew pin\n', type: async () => 'typed' });
    assert.equal(await ask('user'), 'typed');
    assert.equal(await ask('password'), 'secret');
    assert.equal(await ask('passcode'), '123456');
    assert.equal(await ask('answer'), 'new pin');
    assert.equal(await ask('passcode'), 'typed');
  });

  it('are typed unseen, but for the name', async () => {
    const shown: unknown[] = [];
    const { ask } = sources({
      async type(_, typing) {
        shown.push(typing.shown);
        return '';
      },
    });
    for (const kind of KINDS) await ask(kind);
    assert.deepEqual(shown, [true, false, false, false]);
  });

  it('are missing when nobody is there, and it is said what to do', async () => {
    const { ask } = sources({ text: '' });
    const code = 'NO_ANSWER';
    const next = 'give it as the next line of --password-fd or --password-stdin';
    const messages = {
      user: "the user name is missing; give it with --user, or as 'user' in the profile",
      password: 'the password is missing; give it with --password-fd or --password-stdin',
      passcode: `the passcode is missing; ${next}`,
      answer: `the answer is missing; ${next}`,
    };
    for (const kind of KINDS) await assert.rejects(ask(kind), { code, message: messages[kind] });
    const message = `the gateway asks "Next PIN?\\u001b", and the answer is missing; ${next}`;
    await assert.rejects(ask('answer', '\nNext PIN?\u001b\nsecond line'), { code, message });
  });

  it('are not asked for when the profile says so', async () => {
    const { ask } = sources({ mayAsk: false, type: () => assert.fail('asked') });
    await assert.rejects(ask('password'), /the password is missing, and the profile says that nothing may be asked/);
    assert.equal(await sources({ mayAsk: false, text: 'given' }).ask('password'), 'given');
  });
});

describe('before anybody is dialled', () => {
  const nobody: AnswerSources = { lines: undefined, type: undefined, mayAsk: true };
  const nameless = { xauth: true, l2tp: false, user: undefined, password: undefined };
  const sally = { ...nameless, user: 'sally' };

  it('a name and a password must be there, or somebody to ask', () => {
    const typist: AnswerSources = { ...nobody, type: async () => '' };
    const given: AnswerSources = { ...nobody, lines: new LineInput(Readable.from([])) };
    assert.throws(() => expectAnswers(nameless, given), /the user name is missing/);
    assert.throws(() => expectAnswers(sally, nobody), /the password is missing/);
    assert.throws(() => expectAnswers({ ...sally, xauth: false, l2tp: true }, nobody), /the password is missing/);
    assert.throws(() => expectAnswers(sally, { ...typist, mayAsk: false }), /nothing may be asked/);
    expectAnswers(nameless, typist);
    expectAnswers(sally, given);
    expectAnswers({ ...sally, password: 'x' }, nobody);
    expectAnswers({ ...nameless, xauth: false }, nobody);
  });
});

describe("a gateway's words", () => {
  it('stand behind a bar, before our own label', () => {
    assert.equal(
      questionText({ kind: 'passcode', prompt: 'Enter\r\nyour token' }),
      '| Enter\n| your token\nPasscode: ',
    );
    assert.equal(questionText({ kind: 'user', prompt: '' }), 'User name: ');
  });

  it('move no cursor, forge no line, and have an end', () => {
    assert.deepEqual(quoted('\u001b[2J\u009b\u202e\u2028x'), ['| \\u001b[2J\\u009b\\u202e\\u2028x']);
    assert.equal(quoted('line\n'.repeat(1000)).length, 10);
    assert.equal(quoted('x'.repeat(5000))[0]!.length, 202);
    assert.deepEqual(quoted('\r\n \n'), []);
  });
});
