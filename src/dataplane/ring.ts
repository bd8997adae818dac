/**
 * A bounded queue of records in shared memory from one thread to another: single producer, single consumer, no locks.
 *
 *     | head | tail | dropped | highest | ...  |  record  |  record  |   free   |   ...
 *       int32 each, HEADER_BYTES                  ^ head               ^ tail
 *
 * A record is a 32-bit length, 4 bytes of nothing, and the payload padded to 8. It never wraps: what doesn't fit before
 * the end leaves a SKIP there and starts over. Head and tail count bytes for ever, modulo 2^32.
 */

const HEAD = 0;
const TAIL = 1;
const DROPPED = 2;
const HIGHEST = 3;
const HEADER_BYTES = 64;
const RECORD_HEADER = 8;
const SKIP = 0xffffffff;

export function ringBytes(capacity: number): number {
  return HEADER_BYTES + capacity;
}

export class Ring {
  /** The records' memory; offsets that reserve and peek return point into it. */
  readonly bytes: Uint8Array;
  /** The same memory, for text of one byte a character: no copy between string and ring. */
  readonly text: Buffer;
  readonly #words: Uint32Array;
  readonly #state: Int32Array;
  readonly #capacity: number;
  /** What the producer reserved, or the consumer looked at, to be published or released. */
  #pending = 0;

  /** @param capacity bytes, a power of two */
  constructor(memory: SharedArrayBuffer, offset: number, capacity: number) {
    if ((capacity & (capacity - 1)) !== 0) throw new RangeError(`a ring's capacity is a power of two, not ${capacity}`);
    this.#state = new Int32Array(memory, offset, HEADER_BYTES / 4);
    this.bytes = new Uint8Array(memory, offset + HEADER_BYTES, capacity);
    this.text = Buffer.from(memory, offset + HEADER_BYTES, capacity);
    this.#words = new Uint32Array(memory, offset + HEADER_BYTES, capacity / 4);
    this.#capacity = capacity;
  }

  /** The largest payload that surely finds room in an empty ring. */
  get maxPayload(): number {
    return this.#capacity / 2 - RECORD_HEADER;
  }

  /** Records that the producer could not place, modulo 2^32. */
  get dropped(): number {
    return Atomics.load(this.#state, DROPPED) >>> 0;
  }

  /** Bytes that wait in it, as they lie there. */
  get waiting(): number {
    return (Atomics.load(this.#state, TAIL) - Atomics.load(this.#state, HEAD)) >>> 0;
  }

  /** The most that ever waited. */
  get highest(): number {
    return Atomics.load(this.#state, HIGHEST);
  }

  countDrop(): void {
    Atomics.add(this.#state, DROPPED, 1);
  }

  /** Producer: room for `length` bytes with `spare` left over, as an offset into `bytes`; -1 when there is none. */
  reserve(length: number, spare = 0): number {
    const head = Atomics.load(this.#state, HEAD);
    const tail = this.#state[TAIL]!;
    const index = tail & (this.#capacity - 1);
    const need = RECORD_HEADER + ((length + 7) & ~7);
    const skip = index + need > this.#capacity ? this.#capacity - index : 0;
    const free = this.#capacity - ((tail - head) >>> 0);
    if (skip + need + spare > free) return -1;
    if (skip > 0) this.#words[index >> 2] = SKIP;
    const at = skip > 0 ? 0 : index;
    this.#words[at >> 2] = length;
    this.#pending = skip + need;
    return at + RECORD_HEADER;
  }

  /** Producer: hands over what was reserved last and filled since. */
  publish(): void {
    Atomics.store(this.#state, TAIL, (this.#state[TAIL]! + this.#pending) | 0);
    if (this.waiting > this.#state[HIGHEST]!) Atomics.store(this.#state, HIGHEST, this.waiting);
    Atomics.notify(this.#state, TAIL);
  }

  /** Consumer: the payload of the oldest record as an offset into `bytes`; -1 when there is none. */
  peek(): number {
    const tail = Atomics.load(this.#state, TAIL);
    let head = this.#state[HEAD]!;
    if (head === tail) return -1;
    let index = head & (this.#capacity - 1);
    if (this.#words[index >> 2] === SKIP) {
      head = (head + this.#capacity - index) | 0;
      Atomics.store(this.#state, HEAD, head);
      index = 0;
    }
    return index + RECORD_HEADER;
  }

  /** Consumer: length of the payload that peek returned as `at`. */
  lengthAt(at: number): number {
    return this.#words[(at - RECORD_HEADER) >> 2]!;
  }

  /** Consumer: wipes the record that peek returned as `at` and gives its room back. */
  release(at: number): void {
    const length = this.lengthAt(at);
    this.bytes.fill(0, at, at + length);
    const step = RECORD_HEADER + ((length + 7) & ~7);
    Atomics.store(this.#state, HEAD, (this.#state[HEAD]! + step) | 0);
    Atomics.notify(this.#state, HEAD);
  }

  isEmpty(): boolean {
    return Atomics.load(this.#state, TAIL) === Atomics.load(this.#state, HEAD);
  }

  /** Producer: as reserve, but waits for the consumer as long as it makes progress within `patience` milliseconds. */
  reserveWaiting(length: number, patience: number): number {
    for (;;) {
      const head = Atomics.load(this.#state, HEAD);
      const at = this.reserve(length);
      if (at >= 0 || Atomics.wait(this.#state, HEAD, head, patience) === 'timed-out') return at;
    }
  }

  /** Consumer: resolves when there may be something to read. */
  async waitForRecord(): Promise<void> {
    const tail = Atomics.load(this.#state, TAIL);
    if (tail !== Atomics.load(this.#state, HEAD)) return;
    await Atomics.waitAsync(this.#state, TAIL, tail).value;
  }
}
