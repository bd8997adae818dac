/** The addresses of one prefix, in the order in which they are given. */
import { readU32, u32 } from '../bytes/bytes.ts';
import { type IpAddress, ipFromBytes, type Prefix } from '../net/address.ts';

export class AddressPool {
  readonly #first: number;
  readonly #last: number;
  /** Where the search for a free one goes on, so that an address rests as long as it can. */
  #next: number;

  /** Network and broadcast address are left out. */
  constructor(prefix: Prefix) {
    const network = readU32(prefix.address.bytes);
    const size = 2 ** (32 - prefix.length);
    const [head, tail] = size > 2 ? [1, 2] : [0, 1];
    this.#first = network + head;
    this.#last = network + size - tail;
    this.#next = this.#first;
  }

  /** `preferred` if it is of this pool and free, else the next free one; undefined: all are taken. */
  choose(preferred: IpAddress | undefined, isTaken: (address: IpAddress) => boolean): IpAddress | undefined {
    if (preferred && this.#isUsable(preferred) && !isTaken(preferred)) return preferred;
    for (let tried = this.#first; tried <= this.#last; tried++) {
      const address = ipFromBytes(u32(this.#next));
      this.#next = this.#next === this.#last ? this.#first : this.#next + 1;
      if (!isTaken(address)) return address;
    }
    return undefined;
  }

  #isUsable(address: IpAddress): boolean {
    const value = address.bytes.length === 4 ? readU32(address.bytes) : -1;
    return value >= this.#first && value <= this.#last;
  }
}
