/** What the user answered, kept in memory so that a reconnect need not ask again. */

import type { Attribute } from '../../wire/ikev1.ts';
import { answerAttributes, type QuestionKind, type XauthDialogue } from '../xauth-dialogue.ts';

export class Login {
  #user: string | undefined;
  #password: string | undefined;
  /** The password was given to this gateway since it was learned; asked again, it was wrong. */
  #spent = false;
  readonly #domain: string | undefined;

  constructor(user: string | undefined, password: string | undefined, domain: string | undefined) {
    this.#user = user;
    this.#password = password;
    this.#domain = domain;
  }

  /** A new phase 1 begins: what was right before may be given again. */
  renew(): void {
    this.#spent = false;
  }

  /** What is known and not known to be wrong; the rest is undefined, and the user's to answer. */
  answersTo({ questions }: XauthDialogue): (string | undefined)[] {
    const asksPassword = questions.some(({ kind }) => kind === 'password');
    const answers = questions.map(({ kind }) => this.#answerTo(kind));
    if (asksPassword) this.#spent ||= this.#password !== undefined;
    return answers;
  }

  reply(dialogue: XauthDialogue, answers: readonly string[]): Attribute[] {
    return answerAttributes(dialogue, answers, this.#domain);
  }

  remember({ questions }: XauthDialogue, answers: readonly string[]): void {
    for (const [i, { kind }] of questions.entries()) {
      if (kind === 'user') this.#user = answers[i];
      if (kind === 'password') this.#password = answers[i];
    }
    this.#spent = true;
  }

  /** It was refused. */
  forget(): void {
    this.#password = undefined;
  }

  #answerTo(kind: QuestionKind): string | undefined {
    switch (kind) {
      case 'user':
        return this.#spent ? undefined : this.#user;
      case 'password':
        return this.#spent ? undefined : this.#password;
      default:
        return undefined;
    }
  }
}
