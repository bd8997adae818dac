/** What the user has answered, kept in memory so that a reconnect need not ask again. */
import type { KnownLogin, LoginQuestion } from './xauth-dialogue.ts';

export class Login {
  #user: string | undefined;
  #password: string | undefined;
  readonly #domain: string | undefined;
  /** Typed in the login under way: worth keeping if it is right. */
  #typed: { readonly user?: string; readonly password?: string } = {};
  #wasRefused = false;

  constructor({ user, password, domain }: KnownLogin) {
    this.#user = user;
    this.#password = password;
    this.#domain = domain;
  }

  get known(): KnownLogin {
    return { user: this.#user, password: this.#password, domain: this.#domain };
  }

  /** As `known`, with what was typed for the login under way. */
  get current(): KnownLogin {
    return { ...this.known, ...this.#typed };
  }

  note(questions: readonly LoginQuestion[], answers: readonly string[]): void {
    for (const [i, { asks }] of questions.entries()) {
      if (asks === 'user' || asks === 'password') this.#typed = { ...this.#typed, [asks]: answers[i] };
    }
  }

  /** Whoever is asked for it again has given, or saved, a wrong one. */
  get wasRefused(): boolean {
    return this.#wasRefused;
  }

  /** The gateway let us in. */
  keep(): void {
    this.#user = this.#typed.user ?? this.#user;
    this.#password = this.#typed.password ?? this.#password;
    this.#typed = {};
    this.#wasRefused = false;
  }

  /** It didn't. True: by a password that nobody typed just now, so that asking the user is worth another attempt. */
  forget(): boolean {
    const isOld = this.#password !== undefined && this.#typed.password === undefined;
    this.#password = undefined;
    this.#typed = {};
    this.#wasRefused = true;
    return isOld;
  }
}
