/** What `connect` shows of a client: a live line on a terminal, plain lines elsewhere, or one JSON object a line. */
import type { ClientReport } from '../client/report.ts';
import { firstStatus, statusAfter } from '../client/status.ts';
import { jsonText } from '../host/escape.ts';
import { wordsOf } from './client-words.ts';
import { liveText, type Rates, ratesBetween } from './live-line.ts';

export interface ClientView {
  report(event: ClientReport): void;
  /** Leaves the terminal to whoever asks until `ask` is done. */
  whileAsking<T>(ask: () => Promise<T>): Promise<T>;
  close(): void;
}

/** Where a view writes to; of a terminal its width, in columns, 0 where nobody knows. */
export interface Output {
  write(text: string): unknown;
  readonly columns?: number | undefined;
}

export type Clock = () => Date;

/** Programs read it: the fields of an event are those of ClientReport, and `at` (ISO 8601) is when it was. */
export class JsonView implements ClientView {
  readonly #output: Output;
  readonly #now: Clock;

  constructor(output: Output, now: Clock) {
    this.#output = output;
    this.#now = now;
  }

  report(event: ClientReport): void {
    this.#output.write(`${jsonText({ at: this.#now().toISOString(), ...event })}\n`);
  }

  whileAsking<T>(ask: () => Promise<T>): Promise<T> {
    return ask();
  }

  close(): void {}
}

export class PlainView implements ClientView {
  readonly #output: Output;

  constructor(output: Output) {
    this.#output = output;
  }

  report(event: ClientReport): void {
    const words = wordsOf(event);
    if (words !== undefined) this.#output.write(`${words}\n`);
  }

  whileAsking<T>(ask: () => Promise<T>): Promise<T> {
    return ask();
  }

  close(): void {}
}

/** While somebody is asked; a gateway can't fill the memory meanwhile. */
export const MAX_HELD_LINES = 100;

const ERASE_LINE = '\r\x1b[K';
const NO_RATES: Rates = { bytesIn: 0, bytesOut: 0 };

/** Lines stay above; the live line is written over and over. */
export class LiveView implements ClientView {
  readonly #output: Output;
  readonly #now: Clock;
  #status;
  #measured = { status: firstStatus('', '', new Date(0)), at: new Date(0) };
  #rates = NO_RATES;
  #isAsking = false;
  /** Lines that wait until the terminal is ours again. */
  #held: string[] = [];
  #isDrawn = false;

  constructor(output: Output, now: Clock) {
    this.#output = output;
    this.#now = now;
    this.#status = firstStatus('', '', now());
  }

  report(event: ClientReport): void {
    const now = this.#now();
    this.#status = statusAfter(this.#status, event, now);
    if (event.type === 'traffic') this.#measure(now);
    // The live line says so already.
    const words = event.type === 'trying' ? undefined : wordsOf(event);
    if (words !== undefined && this.#held.length < MAX_HELD_LINES) this.#held.push(`${words}\n`);
    if (this.#isAsking) return;
    this.#release();
    if (event.type !== 'down') this.#draw(now);
  }

  async whileAsking<T>(ask: () => Promise<T>): Promise<T> {
    this.#erase();
    this.#isAsking = true;
    try {
      return await ask();
    } finally {
      this.#isAsking = false;
      this.#release();
    }
  }

  close(): void {
    this.#erase();
  }

  #release(): void {
    const lines = this.#held.splice(0);
    if (lines.length === 0) return;
    this.#erase();
    this.#output.write(lines.join(''));
  }

  #measure(now: Date): void {
    const { status, at } = this.#measured;
    this.#rates = at.getTime() === 0 ? NO_RATES : ratesBetween(status, this.#status, now.getTime() - at.getTime());
    this.#measured = { status: this.#status, at: now };
  }

  #draw(now: Date): void {
    const text = liveText(this.#status, this.#rates, now).slice(0, (this.#output.columns || 80) - 1);
    this.#output.write(`${ERASE_LINE}${text}`);
    this.#isDrawn = true;
  }

  #erase(): void {
    if (this.#isDrawn) this.#output.write(ERASE_LINE);
    this.#isDrawn = false;
  }
}
