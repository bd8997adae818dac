/** Where the answers of `connect` come from: lines that were given, then the terminal, then nowhere. */
import type { Asker, Question, QuestionKind } from '../client/asker.ts';
import type { Profile } from '../config/profile/profile.ts';
import { escapeControls } from '../host/escape.ts';
import { openDescriptor } from './descriptor.ts';
import { LineInput } from './line-input.ts';
import type { Typing } from './typing.ts';
import { UsageError } from './usage.ts';

class AnswerError extends Error {
  override readonly name = 'AnswerError';
  readonly code = 'NO_ANSWER';
}

export interface PasswordOptions {
  readonly 'password-fd'?: string | undefined;
  readonly 'password-stdin'?: boolean | undefined;
}

export interface AnswerSources {
  /** The password and what is asked after it, a line each; a name never comes this way. */
  readonly lines: LineInput | undefined;
  /** Undefined: nobody is there to type. */
  readonly type: ((question: string, typing: Typing) => Promise<string>) | undefined;
  /** False: the profile says that nothing may be asked. */
  readonly mayAsk: boolean;
}

export function askerFrom({ lines, type, mayAsk }: AnswerSources): Asker {
  return {
    async ask(question) {
      const given = question.kind === 'user' ? undefined : await lines?.next();
      if (given !== undefined) return given;
      if (!mayAsk || !type) throw nobodyAnswers(question, mayAsk);
      return type(questionText(question), { shown: question.kind === 'user' });
    },
  };
}

/**
 * The profile as it is dialled, and who answers for it: what is given on purpose is worth more than what is saved. Throws
 * {@link AnswerError} as `expectAnswers` does.
 */
export function answersFor(profile: Profile, { lines, type }: Omit<AnswerSources, 'mayAsk'>): Answers {
  const sources = { lines, type, mayAsk: profile.mayAsk };
  const given = lines ? { ...profile, password: undefined } : profile;
  expectAnswers(given, sources);
  return { profile: given, asker: askerFrom(sources) };
}

interface Answers {
  readonly profile: Profile;
  readonly asker: Asker;
}

/** What the options of a command give to read answers from; undefined: nothing. */
export function passwordLines({ 'password-fd': fd, 'password-stdin': stdin }: PasswordOptions): LineInput | undefined {
  if (fd !== undefined && stdin) throw new UsageError('--password-fd or --password-stdin?');
  if (stdin) return new LineInput(process.stdin);
  return fd === undefined ? undefined : new LineInput(openDescriptor(fd));
}

/** Throws {@link AnswerError} when a login would fail for want of an answer, before anybody is dialled. */
export function expectAnswers(
  { xauth, l2tp, user, password }: Pick<Profile, 'xauth' | 'l2tp' | 'user' | 'password'>,
  { lines, type, mayAsk }: AnswerSources,
): void {
  if (!(xauth || l2tp) || (type && mayAsk)) return;
  if (user === undefined) throw nobodyAnswers({ kind: 'user', prompt: '' }, mayAsk);
  if (password === undefined && !lines) throw nobodyAnswers({ kind: 'password', prompt: '' }, mayAsk);
}

function nobodyAnswers(question: Question, mayAsk: boolean): AnswerError {
  const remedy = mayAsk ? `; ${REMEDIES[question.kind]}` : ', and the profile says that nothing may be asked';
  return new AnswerError(`${missing(question)}${remedy}`);
}

const LABELS: Readonly<Record<QuestionKind, string>> = {
  user: 'User name',
  password: 'Password',
  passcode: 'Passcode',
  answer: 'Answer',
};

const REMEDIES: Readonly<Record<QuestionKind, string>> = {
  user: "give it with --user, or as 'user' in the profile",
  password: 'give it with --password-fd or --password-stdin',
  passcode: 'give it as the next line of --password-fd or --password-stdin',
  answer: 'give it as the next line of --password-fd or --password-stdin',
};

/** Lines and characters of a gateway's words that are shown: they are hostile, and may be a book. */
const MOST_LINES = 10;
const LONGEST = 200;

/** What the gateway says, so that nobody takes it for ours, and the label of the answer. */
export function questionText({ kind, prompt }: Question): string {
  return [...quoted(prompt), `${LABELS[kind]}: `].join('\n');
}

/** Somebody else's words, line by line behind a bar. */
export function quoted(words: string): string[] {
  const lines = words.split(/\r\n|\r|\n/).filter((line) => line.trim() !== '');
  return lines.slice(0, MOST_LINES).map((line) => `| ${escapeControls(line.slice(0, LONGEST))}`);
}

function missing({ kind, prompt }: Question): string {
  const [words] = quoted(prompt);
  const what = LABELS[kind].toLowerCase();
  return words ? `the gateway asks "${words.slice(2)}", and the ${what} is missing` : `the ${what} is missing`;
}
