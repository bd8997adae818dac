/** Asks for a name and a password once, whatever is dialled with them; a passcode is good for one login, so it is asked for anew. */
import type { Asker } from './asker.ts';

export class RememberingAsker implements Asker {
  readonly #asker: Asker;
  readonly #answers = new Map<string, string>();

  constructor(asker: Asker) {
    this.#asker = asker;
  }

  async ask(question: Parameters<Asker['ask']>[0]): Promise<string> {
    const { kind } = question;
    if (kind !== 'user' && kind !== 'password') return this.#asker.ask(question);
    const known = this.#answers.get(kind);
    if (known !== undefined) return known;
    const answer = await this.#asker.ask(question);
    this.#answers.set(kind, answer);
    return answer;
  }
}
