/** Many owners, each with one deadline that changes often: a binary heap that leaves what was overtaken until it surfaces. */
import type { Instant } from '../net/time.ts';

interface Entry<Owner> {
  readonly at: Instant;
  readonly owner: Owner;
}

export class Deadlines<Owner> {
  readonly #current = new Map<Owner, Instant>();
  #heap: Entry<Owner>[] = [];

  /** Undefined: the owner has none. */
  set(owner: Owner, at: Instant | undefined): void {
    if (at === this.#current.get(owner)) return;
    if (at === undefined) {
      this.#current.delete(owner);
      return;
    }
    this.#current.set(owner, at);
    this.#push({ at, owner });
    if (this.#heap.length > 2 * this.#current.size + 64) this.#rebuild();
  }

  next(): Instant | undefined {
    this.#dropOvertaken();
    return this.#heap[0]?.at;
  }

  /** Takes out an owner whose deadline has come, the earliest first. */
  takeDue(now: Instant): Owner | undefined {
    this.#dropOvertaken();
    const first = this.#heap[0];
    if (!first || first.at > now) return undefined;
    this.#pop();
    this.#current.delete(first.owner);
    return first.owner;
  }

  #dropOvertaken(): void {
    for (let first = this.#heap[0]; first && this.#current.get(first.owner) !== first.at; first = this.#heap[0])
      this.#pop();
  }

  #rebuild(): void {
    this.#heap = [];
    for (const [owner, at] of this.#current) this.#push({ at, owner });
  }

  #push(entry: Entry<Owner>): void {
    const heap = this.#heap;
    let i = heap.push(entry) - 1;
    while (i > 0) {
      const parent = (i - 1) >> 1;
      if (heap[parent]!.at <= entry.at) break;
      heap[i] = heap[parent]!;
      i = parent;
    }
    heap[i] = entry;
  }

  #pop(): void {
    const heap = this.#heap;
    const last = heap.pop();
    if (!last || heap.length === 0) return;
    let i = 0;
    for (;;) {
      let child = 2 * i + 1;
      if (child >= heap.length) break;
      if (child + 1 < heap.length && heap[child + 1]!.at < heap[child]!.at) child++;
      if (heap[child]!.at >= last.at) break;
      heap[i] = heap[child]!;
      i = child;
    }
    heap[i] = last;
  }
}
