/** Who did something lately, in bounded memory: of too many the one whose deed is oldest is forgotten. */
import type { Instant } from '../net/time.ts';

export class Recently {
  readonly #window: number;
  readonly #most: number;
  /** By when, the oldest first. */
  readonly #at = new Map<string, Instant>();

  /** @param window in milliseconds */
  constructor(window: number, most: number) {
    this.#window = window;
    this.#most = most;
  }

  get size(): number {
    return this.#at.size;
  }

  add(key: string, now: Instant): void {
    this.#at.delete(key);
    this.#at.set(key, now);
    for (const [oldest, at] of this.#at) {
      if (at + this.#window > now && this.#at.size <= this.#most) break;
      this.#at.delete(oldest);
    }
  }

  has(key: string, now: Instant): boolean {
    const at = this.#at.get(key);
    return at !== undefined && at + this.#window > now;
  }

  delete(key: string): void {
    this.#at.delete(key);
  }
}
