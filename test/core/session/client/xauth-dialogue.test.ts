/** XAUTH's questions and answers: what gateways send, what the user is asked, what goes back. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { fromUtf8, utf8 } from '../../../../src/core/bytes/text.ts';
import {
  declineLogin,
  type KnownLogin,
  type LoginStep,
  MAX_ANSWER,
  MAX_ROUNDS,
  MAX_WORDS,
  XauthDialogue,
} from '../../../../src/core/session/client/xauth-dialogue.ts';
import {
  type Attribute,
  attributeBytes,
  encodeConfiguration,
  ConfigurationAttribute as Kind,
  parseConfiguration,
} from '../../../../src/core/wire/ikev1.ts';
import { Seeded } from '../../../seeded.ts';

const NOTHING: KnownLogin = { user: undefined, password: undefined, domain: undefined };
const EVERYTHING: KnownLogin = { user: 'ann', password: 'secret', domain: undefined };

const empty = (type: number): Attribute => ({ type, value: new Uint8Array(0) });
const words = (text: string, type: number = Kind.XAUTH_MESSAGE): Attribute => ({ type, value: utf8(text) });
const USUAL = [empty(Kind.XAUTH_USER_NAME), empty(Kind.XAUTH_USER_PASSWORD)];

function asked(step: LoginStep) {
  assert.ok('questions' in step, 'refused' in step ? step.refused : '');
  return step;
}

function said(attributes: readonly Attribute[]): [number, string][] {
  return attributes.map((one) => [one.type, fromUtf8(attributeBytes(one))]);
}

describe('the usual login', () => {
  test('asks for name and password, and gives them', () => {
    const dialogue = new XauthDialogue(NOTHING);
    const { questions, words: text } = asked(dialogue.handleRequest(USUAL));
    assert.deepEqual(
      questions.map(({ asks, secret }) => [asks, secret]),
      [
        ['user', false],
        ['password', true],
      ],
    );
    assert.equal(text, undefined);
    assert.deepEqual(said(dialogue.reply(['ann', 'secret'])), [
      [Kind.XAUTH_USER_NAME, 'ann'],
      [Kind.XAUTH_USER_PASSWORD, 'secret'],
    ]);
    const again = asked(dialogue.handleRequest(USUAL)).questions.map(({ asks }) => asks);
    assert.deepEqual(again, ['password'], 'the name is known');
  });

  test('asks nothing when all is known, and once more when it was wrong', () => {
    const dialogue = new XauthDialogue(EVERYTHING);
    assert.deepEqual(asked(dialogue.handleRequest(USUAL)).questions, []);
    assert.deepEqual(said(dialogue.reply([]))[1], [Kind.XAUTH_USER_PASSWORD, 'secret']);
    const again = asked(dialogue.handleRequest([words('Wrong, try again'), ...USUAL]));
    assert.deepEqual(
      again.questions.map(({ asks }) => asks),
      ['password'],
    );
    assert.equal(again.words, 'Wrong, try again');
    assert.deepEqual(said(dialogue.reply(['other'])), [
      [Kind.XAUTH_USER_NAME, 'ann'],
      [Kind.XAUTH_USER_PASSWORD, 'other'],
    ]);
  });

  test('repeats the type, and answers no domain where there is none', () => {
    const dialogue = new XauthDialogue(EVERYTHING);
    dialogue.handleRequest([{ type: Kind.XAUTH_TYPE, value: 0 }, ...USUAL, empty(Kind.XAUTH_DOMAIN)]);
    const reply = dialogue.reply([]);
    assert.deepEqual(reply[0], { type: Kind.XAUTH_TYPE, value: 0 });
    assert.deepEqual(said(reply).at(-1), [Kind.XAUTH_DOMAIN, '']);
    const known = new XauthDialogue({ ...EVERYTHING, domain: 'CORP' });
    known.handleRequest([empty(Kind.XAUTH_DOMAIN)]);
    assert.deepEqual(said(known.reply([])), [[Kind.XAUTH_DOMAIN, 'CORP']]);
  });

  test('can be declined', () => {
    assert.deepEqual(declineLogin(), [{ type: Kind.XAUTH_STATUS, value: 0 }]);
  });
});

describe('a token', () => {
  test('is asked for in the words of the gateway, never answered with the saved password', () => {
    const dialogue = new XauthDialogue(EVERYTHING);
    const step = asked(dialogue.handleRequest([words('Enter PASSCODE:'), empty(Kind.XAUTH_PASSCODE)]));
    assert.deepEqual(
      step.questions.map(({ asks, secret }) => [asks, secret]),
      [['passcode', true]],
    );
    assert.equal(step.words, 'Enter PASSCODE:');
    assert.deepEqual(said(dialogue.reply(['123456'])), [[Kind.XAUTH_PASSCODE, '123456']]);
  });

  test("SecurID's new PIN is typed twice, then the next code is asked for", () => {
    const dialogue = new XauthDialogue(EVERYTHING);
    asked(dialogue.handleRequest([empty(Kind.XAUTH_USER_NAME), empty(Kind.XAUTH_PASSCODE)]));
    dialogue.reply(['0000']);
    const pin = asked(dialogue.handleRequest([words('Enter a new PIN (4 to 8 digits):'), empty(Kind.XAUTH_NEXT_PIN)]));
    assert.deepEqual(
      pin.questions.map(({ asks, confirm, secret }) => [asks, confirm, secret]),
      [['next-pin', true, true]],
    );
    assert.deepEqual(said(dialogue.reply(['4711'])), [[Kind.XAUTH_NEXT_PIN, '4711']]);
    const next = asked(
      dialogue.handleRequest([words('Wait for the code to change, then enter it'), empty(Kind.XAUTH_PASSCODE)]),
    );
    assert.equal(next.questions.length, 1);
    assert.deepEqual(said(dialogue.reply(['654321'])), [[Kind.XAUTH_PASSCODE, '654321']]);
  });

  test('a challenge of OTP or S/KEY is shown, and its answer goes back as the password', () => {
    for (const type of [2, 3]) {
      const dialogue = new XauthDialogue({ ...NOTHING, user: 'ann' });
      const request = [
        { type: Kind.XAUTH_TYPE, value: type },
        words('otp-md5 487 dog2', Kind.XAUTH_CHALLENGE),
        empty(Kind.XAUTH_USER_PASSWORD),
      ];
      const step = asked(dialogue.handleRequest(request));
      assert.equal(step.words, 'otp-md5 487 dog2');
      assert.deepEqual(said(dialogue.reply(['MULL BOP'])).at(-1), [Kind.XAUTH_USER_PASSWORD, 'MULL BOP']);
    }
  });

  test('anything else is asked as it comes', () => {
    const dialogue = new XauthDialogue(EVERYTHING);
    const step = asked(dialogue.handleRequest([words('Is your PIN 4711? (y/n)'), empty(Kind.XAUTH_ANSWER)]));
    assert.deepEqual(
      step.questions.map(({ asks }) => asks),
      ['answer'],
    );
    assert.deepEqual(said(dialogue.reply(['y'])), [[Kind.XAUTH_ANSWER, 'y']]);
  });
});

describe('what is refused', () => {
  test('RADIUS-CHAP, and types that are unknown, in words', () => {
    for (const [type, why] of [
      [1, /RADIUS-CHAP/],
      [77, /type 77/],
    ] as const) {
      const step = new XauthDialogue(NOTHING).handleRequest([{ type: Kind.XAUTH_TYPE, value: type }, ...USUAL]);
      assert.ok('refused' in step);
      assert.match(step.refused, why);
    }
  });

  test('a gateway that asks without end is asked to stop', () => {
    const dialogue = new XauthDialogue(EVERYTHING);
    for (let round = 0; round < MAX_ROUNDS; round++) asked(dialogue.handleRequest([empty(Kind.XAUTH_ANSWER)]));
    const step = dialogue.handleRequest([empty(Kind.XAUTH_ANSWER)]);
    assert.ok('refused' in step);
    assert.match(step.refused, /asked 12 times/);
  });

  test('answers that are none of the questions, or longer than any, are our misuse', () => {
    const dialogue = new XauthDialogue(NOTHING);
    dialogue.handleRequest([empty(Kind.XAUTH_ANSWER)]);
    assert.throws(() => dialogue.reply([]), RangeError);
    assert.throws(() => dialogue.reply(['y', 'n']), RangeError);
    assert.throws(() => dialogue.reply(['x'.repeat(MAX_ANSWER + 1)]), RangeError);
    assert.equal(attributeBytes(dialogue.reply(['x'.repeat(MAX_ANSWER)])[0]!).length, MAX_ANSWER);
  });
});

test("the gateway's words play no tricks on a terminal, and are cut", () => {
  const dialogue = new XauthDialogue(EVERYTHING);
  const step = asked(dialogue.handleRequest([words('one\r\ntwo\x1b[2J\u202ethree\0\0')]));
  assert.equal(step.words, 'one\ntwo [2J three');
  assert.deepEqual(step.questions, []);
  assert.deepEqual(dialogue.reply([]), []);
  assert.equal(asked(dialogue.handleRequest([words('é'.repeat(9000))])).words!.length, MAX_WORDS);
});

test('whatever comes, nothing throws, and each question has its answer', () => {
  const random = new Seeded(7);
  const kinds = [...Object.values(Kind), 16_525, 16_530, 0, 32_767];
  for (let round = 0; round < 20_000; round++) {
    const dialogue = new XauthDialogue(random.pick([NOTHING, EVERYTHING]));
    const request = Array.from({ length: random.below(12) }, (): Attribute => {
      const value = random.chance(0.3) ? random.below(65_536) : random.bytes(random.below(20));
      return { type: random.pick(kinds), value };
    });
    const step = dialogue.handleRequest(request);
    if ('refused' in step) continue;
    assert.doesNotMatch(step.words ?? '', /(?!\n)[\p{Cc}\p{Cf}]/u);
    const reply = dialogue.reply(step.questions.map(() => 'x'));
    const { body } = encodeConfiguration({ type: 2, identifier: 0, attributes: reply });
    assert.deepEqual(parseConfiguration(body).attributes.length, reply.length);
    assert.equal(new Set(reply.map(({ type }) => type)).size, reply.length);
  }
});
