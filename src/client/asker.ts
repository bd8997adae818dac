/** How the client comes by what only its user knows. */

/**
 * `passcode`: what a token shows. `answer`: whatever else the gateway asks, for example for a new PIN. Only a name may be
 * shown while it is typed.
 */
export type QuestionKind = 'user' | 'password' | 'passcode' | 'answer';

export interface Question {
  readonly kind: QuestionKind;
  /** The gateway's own words, as they came: hostile until escaped. Empty: it said nothing. */
  readonly prompt: string;
}

export interface Asker {
  /** Rejects with an error that has a `code` when nobody can answer or the user doesn't want to. */
  ask(question: Question): Promise<string>;
}
