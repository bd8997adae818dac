/** The gateway's questions, put to the user one at a time. What is asked again while it is put is answered by the same typing. */
import { utf8 } from '../core/bytes/text.ts';
import type { ClientEvent } from '../core/session/client/events.ts';
import { type LoginQuestion, MAX_ANSWER } from '../core/session/client/xauth-dialogue.ts';
import type { Asker } from './asker.ts';
import type { ClientReport } from './report.ts';

type Asked = Pick<ClientEvent & { readonly type: 'ask' }, 'requestId' | 'words' | 'questions'>;

/** `answers` undefined: there are none, on purpose. */
export type Reply = (requestId: number, answers: readonly string[] | undefined) => void;

export class Questions {
  readonly #asker: Asker;
  readonly #report: (event: ClientReport) => void;
  readonly #reply: Reply;
  /** `requestId`: the latest to ask just this. */
  #put: { readonly text: string; requestId: number } | undefined;
  #done: Promise<void> = Promise.resolve();

  constructor(asker: Asker, report: (event: ClientReport) => void, reply: Reply) {
    this.#asker = asker;
    this.#report = report;
    this.#reply = reply;
  }

  ask({ requestId, words, questions }: Asked): void {
    const text = JSON.stringify([words, questions]);
    if (this.#put?.text === text) {
      this.#put.requestId = requestId;
      return;
    }
    const put = { text, requestId };
    this.#put = put;
    this.#done = this.#done.then(async () => {
      const answers = await this.#answers(questions, words);
      if (this.#put === put) this.#put = undefined;
      this.#reply(put.requestId, answers);
    });
  }

  async #answers(questions: readonly LoginQuestion[], words: string | undefined): Promise<string[] | undefined> {
    try {
      const answers: string[] = [];
      for (const [i, question] of questions.entries()) {
        answers.push(await this.#answer(question, i === 0 ? words : undefined));
      }
      return answers;
    } catch (error) {
      this.#report({ type: 'notice', text: (error as Error).message });
      return undefined;
    }
  }

  async #answer({ asks, confirm }: LoginQuestion, words = ''): Promise<string> {
    const kind = asks === 'next-pin' ? 'answer' : asks;
    const question = { kind, prompt: words };
    this.#report({ type: 'question', ...question });
    const answer = await this.#asker.ask(question);
    if (utf8(answer).length > MAX_ANSWER) throw new Error(`an answer may have ${MAX_ANSWER} bytes at most`);
    if (confirm && (await this.#asker.ask({ kind, prompt: 'again' })) !== answer) {
      throw new Error('the two are not the same');
    }
    return answer;
  }
}
