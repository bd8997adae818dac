/** A cursor over bytes in network order that never reads outside them. */
import { type Bytes, readU32 } from './bytes.ts';

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
    return this.#bytes[this.#pass(1)]!;
  }

  u16(): number {
    const at = this.#pass(2);
    return (this.#bytes[at]! << 8) | this.#bytes[at + 1]!;
  }

  u32(): number {
    const at = this.#pass(4);
    return readU32(this.#bytes, at);
  }

  /** The next `length` bytes, as a view. */
  bytes(length: number): Bytes {
    const at = this.#pass(length);
    return this.#bytes.subarray(at, at + length);
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

  /** Goes on by `length` bytes; gives where they begin. */
  #pass(length: number): number {
    if (length < 0 || length > this.remaining) {
      throw new MalformedError(`${this.#what}: ${length} bytes wanted at offset ${this.#at}, ${this.remaining} left`);
    }
    this.#at += length;
    return this.#at - length;
  }
}
