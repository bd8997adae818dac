/**
 * Many owners, each with one deadline that changes often: a binary heap. A deadline that is put off keeps its place, and goes to
 * where it belongs when it has come to the front; what was overtaken or given up is left until then, too.
 */
import type { Instant } from '../net/time.ts';

interface Entry<Owner> {
  readonly owner: Owner;
  /** Its place in the heap: never later than it is due. */
  at: Instant;
  due: Instant;
}

export class Deadlines<Owner> {
  readonly #current = new Map<Owner, Entry<Owner>>();
  #heap: Entry<Owner>[] = [];

  /** Undefined: the owner has none. */
  set(owner: Owner, due: Instant | undefined): void {
    const entry = this.#current.get(owner);
    if (due === undefined) {
      if (entry) this.#current.delete(owner);
    } else if (entry && due >= entry.at) {
      entry.due = due;
    } else {
      const sooner = { owner, at: due, due };
      this.#current.set(owner, sooner);
      this.#push(sooner);
      if (this.#heap.length > 2 * this.#current.size + 64) this.#rebuild();
    }
  }

  next(): Instant | undefined {
    return this.#first()?.due;
  }

  /** Takes out an owner whose deadline has come, the earliest first. */
  takeDue(now: Instant): Owner | undefined {
    const first = this.#first();
    if (!first || first.due > now) return undefined;
    this.#current.delete(first.owner);
    this.#pop();
    return first.owner;
  }

  #first(): Entry<Owner> | undefined {
    for (let first = this.#heap[0]; first; first = this.#heap[0]) {
      const isCurrent = this.#current.get(first.owner) === first;
      if (isCurrent && first.due === first.at) return first;
      this.#pop();
      if (!isCurrent) continue;
      first.at = first.due;
      this.#push(first);
    }
    return undefined;
  }

  #rebuild(): void {
    this.#heap = [];
    for (const entry of this.#current.values()) this.#push(entry);
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
