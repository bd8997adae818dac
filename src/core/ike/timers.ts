/** The one table of timers that an engine has: named deadlines, and the next of them. */
import type { Instant } from '../net/time.ts';

export class Timers<Name extends string> {
  readonly #deadlines = new Map<Name, Instant>();

  set(name: Name, at: Instant): void {
    this.#deadlines.set(name, at);
  }

  clear(name: Name): void {
    this.#deadlines.delete(name);
  }

  clearAll(): void {
    this.#deadlines.clear();
  }

  at(name: Name): Instant | undefined {
    return this.#deadlines.get(name);
  }

  next(): Instant | undefined {
    let first: Instant | undefined;
    for (const at of this.#deadlines.values()) if (first === undefined || at < first) first = at;
    return first;
  }

  /** Takes out one timer that is due, the earliest first; undefined when none is. */
  takeDue(now: Instant): Name | undefined {
    let due: Name | undefined;
    let first = now;
    for (const [name, at] of this.#deadlines) {
      if (at > first || (at === first && due !== undefined)) continue;
      due = name;
      first = at;
    }
    if (due !== undefined) this.#deadlines.delete(due);
    return due;
  }
}
