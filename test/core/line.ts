/** Two ends and the line between them in simulated time: what one says reaches the other late, in another order, or not at all. */
import type { Bytes } from '../../src/core/bytes/bytes.ts';
import { earliest, type Instant } from '../../src/core/net/time.ts';
import { Seeded } from '../seeded.ts';

export interface LineEnd {
  receive(bytes: Bytes, now: Instant): void;
  handleTimeout(now: Instant): void;
  pollTimeout(): Instant | undefined;
  pollTransmit(): Bytes | undefined;
}

export interface LineOptions {
  readonly seed?: number;
  /** Probability. */
  readonly loss?: number;
  /** Milliseconds each message takes, and up to how many more. */
  readonly delay?: number;
  readonly jitter?: number;
}

export class Line {
  readonly #ends: readonly [LineEnd, LineEnd];
  readonly #random: Seeded;
  readonly #options: Required<Omit<LineOptions, 'seed'>>;
  readonly #onTheWay: { readonly at: Instant; readonly to: LineEnd; readonly bytes: Bytes }[] = [];
  now = 1_000_000;
  /** Nothing gets through. */
  cut = false;
  /** May change what passes; undefined: lost. */
  tamper: (bytes: Bytes, to: LineEnd) => Bytes | undefined = (bytes) => bytes;

  constructor(ends: readonly [LineEnd, LineEnd], { seed = 3, loss = 0, delay = 10, jitter = 0 }: LineOptions = {}) {
    this.#ends = ends;
    this.#random = new Seeded(seed);
    this.#options = { loss, delay, jitter };
  }

  advance(milliseconds: number): this {
    const until = this.now + milliseconds;
    for (let turns = 0; ; turns++) {
      if (turns > 100_000) throw new Error('they talk for ever');
      this.#collect();
      const [a, b] = this.#ends;
      const next = earliest(this.#onTheWay[0]?.at, a.pollTimeout(), b.pollTimeout());
      if (next === undefined || next > until) break;
      this.now = Math.max(this.now, next);
      this.#deliver();
      for (const end of this.#ends)
        if ((end.pollTimeout() ?? Number.POSITIVE_INFINITY) <= this.now) end.handleTimeout(this.now);
    }
    this.now = until;
    return this;
  }

  #collect(): void {
    const [a, b] = this.#ends;
    const { loss, delay, jitter } = this.#options;
    for (const [from, to] of [
      [a, b],
      [b, a],
    ] as const) {
      for (let sent = from.pollTransmit(); sent; sent = from.pollTransmit()) {
        const bytes = this.cut || this.#random.chance(loss) ? undefined : this.tamper(sent, to);
        if (bytes) this.#onTheWay.push({ at: this.now + delay + this.#random.below(jitter + 1), to, bytes });
      }
    }
    this.#onTheWay.sort((x, y) => x.at - y.at);
  }

  #deliver(): void {
    while (this.#onTheWay[0] && this.#onTheWay[0].at <= this.now) {
      const { to, bytes } = this.#onTheWay.shift()!;
      to.receive(bytes, this.now);
    }
  }
}
