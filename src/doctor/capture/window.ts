/** The part of a capture that is being looked at: it moves over the bytes and never grows. */
import { systemReason } from '../../host/errors.ts';
import { MAX_BLOCK } from './format.ts';
import type { ByteSource } from './source.ts';

/** Of the source at a time. */
const READ_LENGTH = 512 * 1024;

/** Why there is no more: all has been read, or the source failed. */
export type NoMore = { readonly failure: string | undefined };

export class Window {
  readonly bytes = new Uint8Array(MAX_BLOCK + READ_LENGTH);
  /** What lies between the two has been read and not been used yet. */
  from = 0;
  to = 0;
  readonly #source: ByteSource;
  /** In the source, of the window's first byte. */
  #offset = 0;
  #skip = 0;

  constructor(source: ByteSource) {
    this.#source = source;
  }

  get length(): number {
    return this.to - this.from;
  }

  /** Neither bytes nor a promise of bytes is left over. */
  get isUsedUp(): boolean {
    return this.length === 0 && this.#skip === 0;
  }

  offsetOf(position: number): number {
    return this.#offset + position;
  }

  /** All before `position` has been used. It may lie behind the window: what comes until there is skipped. */
  moveTo(position: number): void {
    this.#skip = Math.max(0, position - this.to);
    this.from = Math.min(position, this.to);
  }

  /** Reads on; gives something only when nothing more came. */
  async fill(): Promise<NoMore | undefined> {
    this.bytes.copyWithin(0, this.from, this.to);
    this.#offset += this.from;
    this.to -= this.from;
    this.from = 0;
    for (;;) {
      const got = await this.#read();
      if (typeof got !== 'number') return got;
      const skipped = Math.min(this.#skip, got);
      this.#skip -= skipped;
      this.from = skipped;
      this.to += got;
      if (this.length > 0) return undefined;
      this.#offset += this.to;
      this.from = 0;
      this.to = 0;
    }
  }

  async #read(): Promise<number | NoMore> {
    try {
      const got = await this.#source.read(this.bytes.subarray(this.to, this.to + READ_LENGTH));
      return got === 0 ? { failure: undefined } : got;
    } catch (error) {
      return { failure: systemReason(error) };
    }
  }
}
