/** Asks a gateway that answers further, as long as there is time, and counts what stays without answer. */
import type { Instant } from '../../core/net/time.ts';
import { type Asked, askInit, type ProbeContext } from './address-probe.ts';
import { BRISK, type IkeFlow, type Outcome } from './ike-flow.ts';
import type { Ikev2Offer, InitOptions } from './ikev2-questions.ts';
import type { Question } from './question.ts';
import type { LimitSight } from './survey.ts';

/** Questions in a row without an answer after which no more are asked: it won't, or has had enough of us. */
export const MAX_UNANSWERED = 3;

export class Interview {
  readonly context: ProbeContext;
  readonly flow: IkeFlow;
  readonly #deadline: Instant;
  #asked = 0;
  #unanswered = 0;
  #inARow = 0;
  #cookies = 0;
  #firstSilence: number | undefined;
  #isCut = false;

  /** @param deadline when no question begins any more */
  constructor(context: ProbeContext, flow: IkeFlow, deadline: Instant) {
    this.context = context;
    this.flow = flow;
    this.#deadline = deadline;
  }

  /** False: the time was up before all was asked. */
  get isComplete(): boolean {
    return !this.#isCut;
  }

  get limits(): LimitSight {
    return {
      asked: this.#asked,
      unanswered: this.#unanswered,
      cookies: this.#cookies,
      packet: this.#firstSilence,
    };
  }

  /** What was asked elsewhere, or shyly, and counts after all. */
  note(outcome: Outcome, cookie = false): void {
    this.#count(outcome);
    if (cookie) this.#cookies++;
  }

  /** A question that may well be passed over in silence, so that this says nothing. Undefined: it isn't asked any more. */
  async askShy(question: Question): Promise<Outcome | undefined> {
    return this.#maySpeak() ? await this.flow.ask(question, BRISK) : undefined;
  }

  async askInit(offer: Ikev2Offer, options: Pick<InitOptions, 'group' | 'padding'>): Promise<Asked | undefined> {
    const asked = await this.askInitShy(offer, options);
    if (asked) this.note(asked.outcome, asked.cookie);
    return asked;
  }

  /** As {@link askShy}. */
  async askInitShy(offer: Ikev2Offer, options: Pick<InitOptions, 'group' | 'padding'>): Promise<Asked | undefined> {
    return this.#maySpeak() ? await askInit(this.context, this.flow, offer, options, BRISK) : undefined;
  }

  #maySpeak(): boolean {
    if (this.#inARow >= MAX_UNANSWERED) return false;
    if (this.context.network.now() < this.#deadline) return true;
    this.#isCut = true;
    return false;
  }

  #count(outcome: Outcome): void {
    this.#asked++;
    if (outcome.kind === 'answer') {
      this.#inARow = 0;
      return;
    }
    this.#unanswered++;
    this.#inARow++;
    this.#firstSilence ??= outcome.packet;
  }
}
