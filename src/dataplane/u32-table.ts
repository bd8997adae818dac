/**
 * A bounded hash table from 32-bit keys (SPIs, IPv4 addresses) to 32-bit values: open addressing with linear probing, at
 * most half full, entries moved back on removal so that no tombstones gather.
 */

const EMPTY = -1;

export class U32Table {
  readonly #keys: Uint32Array;
  readonly #values: Int32Array;
  readonly #mask: number;
  readonly #limit: number;
  #size = 0;

  constructor(limit: number) {
    const places = 2 ** Math.ceil(Math.log2(Math.max(2, limit * 2)));
    this.#keys = new Uint32Array(places);
    this.#values = new Int32Array(places).fill(EMPTY);
    this.#mask = places - 1;
    this.#limit = limit;
  }

  get size(): number {
    return this.#size;
  }

  /** The value of `key`, or -1. */
  lookup(key: number): number {
    const values = this.#values;
    const keys = this.#keys;
    for (let i = this.#home(key); ; i = (i + 1) & this.#mask) {
      const value = values[i]!;
      if (value === EMPTY || keys[i] === key) return value;
    }
  }

  /** @param value 0 to 2^31-1 */
  set(key: number, value: number): void {
    const place = this.#find(key);
    if (this.#values[place] === EMPTY) {
      if (this.#size === this.#limit) throw new RangeError(`the table's ${this.#limit} places are taken`);
      this.#size++;
    }
    this.#keys[place] = key;
    this.#values[place] = value;
  }

  delete(key: number): void {
    let hole = this.#find(key);
    if (this.#values[hole] === EMPTY) return;
    this.#size--;
    for (let i = (hole + 1) & this.#mask; this.#values[i] !== EMPTY; i = (i + 1) & this.#mask) {
      const home = this.#home(this.#keys[i]!);
      // An entry may fill the hole unless its home lies between the hole and itself.
      if (((i - home) & this.#mask) < ((i - hole) & this.#mask)) continue;
      this.#keys[hole] = this.#keys[i]!;
      this.#values[hole] = this.#values[i]!;
      hole = i;
    }
    this.#values[hole] = EMPTY;
  }

  #find(key: number): number {
    let i = this.#home(key);
    while (this.#values[i] !== EMPTY && this.#keys[i] !== key) i = (i + 1) & this.#mask;
    return i;
  }

  /** Fibonacci hashing: neighbours in a pool of addresses land far apart. */
  #home(key: number): number {
    return (Math.imul(key, 0x9e3779b1) >>> 7) & this.#mask;
  }
}
