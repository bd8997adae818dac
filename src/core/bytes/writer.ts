/** Builds bytes in network order; lengths are filled in when their part is complete. */
import { type Bytes, EMPTY } from './bytes.ts';

/** Of a new buffer, bytes: nearly all that is written fits. */
const ROOM = 1024;
/** As many as are at work at once, one inside the other. */
const MAX_SPARE = 8;
/** Buffers of writers that have finished, wiped. To take one costs less than to make one, which the collector has to bury. */
const spare: Uint8Array<ArrayBuffer>[] = [];

export class Writer {
  #buffer = spare.pop() ?? new Uint8Array(ROOM);
  #length = 0;

  get length(): number {
    return this.#length;
  }

  u8(value: number): this {
    this.#reserve(1);
    this.#buffer[this.#length++] = value;
    return this;
  }

  u16(value: number): this {
    return this.u8(value >>> 8).u8(value);
  }

  u32(value: number): this {
    return this.u16(value >>> 16).u16(value & 0xffff);
  }

  bytes(bytes: Bytes): this {
    this.#reserve(bytes.length);
    this.#buffer.set(bytes, this.#length);
    this.#length += bytes.length;
    return this;
  }

  zeros(count: number): this {
    return this.bytes(new Uint8Array(count));
  }

  /** Overwrites two bytes written earlier, for a length known only now. */
  patchU16(at: number, value: number): this {
    this.#buffer[at] = value >>> 8;
    this.#buffer[at + 1] = value;
    return this;
  }

  /** A copy of what was written; the writer is empty then. */
  finish(): Uint8Array<ArrayBuffer> {
    const written = this.#buffer.slice(0, this.#length);
    this.#buffer.fill(0, 0, this.#length);
    if (this.#buffer.length === ROOM && spare.length < MAX_SPARE) spare.push(this.#buffer);
    this.#buffer = EMPTY;
    this.#length = 0;
    return written;
  }

  #reserve(more: number): void {
    if (this.#length + more <= this.#buffer.length) return;
    const grown = new Uint8Array(Math.max(this.#buffer.length * 2, this.#length + more));
    grown.set(this.#buffer.subarray(0, this.#length));
    this.#buffer = grown;
  }
}
