/** A cursor over bytes in network order that never reads outside them. */
import type { Bytes } from './bytes.ts';

/** What every parser throws on bytes that are not of its format; caught where the datagram came in. */
export class MalformedError extends Error {
  override readonly name = 'MalformedError';
}

export class Reader {
  readonly #bytes: Bytes;
  readonly #what: string;
  #at = 0;

  /** @param what names the structure in errors, for example "SA payload" */
  constructor(bytes: Bytes, what: string) {
    this.#bytes = bytes;
    this.#what = what;
  }

  get remaining(): number {
    return this.#bytes.length - this.#at;
  }

  get offset(): number {
    return this.#at;
  }

  u8(): number {
    return this.bytes(1)[0]!;
  }

  u16(): number {
    const b = this.bytes(2);
    return (b[0]! << 8) | b[1]!;
  }

  u32(): number {
    const b = this.bytes(4);
    return ((b[0]! << 24) | (b[1]! << 16) | (b[2]! << 8) | b[3]!) >>> 0;
  }

  /** The next `length` bytes, as a view. */
  bytes(length: number): Bytes {
    if (length < 0 || length > this.remaining) {
      throw new MalformedError(`${this.#what}: ${length} bytes wanted at offset ${this.#at}, ${this.remaining} left`);
    }
    this.#at += length;
    return this.#bytes.subarray(this.#at - length, this.#at);
  }

  rest(): Bytes {
    return this.bytes(this.remaining);
  }

  /** A reader of the next `length` bytes alone. Its owner ends it with {@link end}. */
  sub(length: number, what: string): Reader {
    return new Reader(this.bytes(length), what);
  }

  /** Refuses what is left over. */
  end(): void {
    if (this.remaining > 0) throw new MalformedError(`${this.#what}: ${this.remaining} bytes left over`);
  }

  fail(why: string): never {
    throw new MalformedError(`${this.#what}: ${why}`);
  }
}
