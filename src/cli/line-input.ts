/** Lines that somebody gives us: on standard input or over a descriptor. */
import type { Readable } from 'node:stream';
import { UsageError } from './usage.ts';

/** Characters; more is no password. */
export const LONGEST_LINE = 4096;

export class LineInput {
  readonly #stream: Readable;
  readonly #chunks: AsyncIterator<string>;
  #rest = '';

  constructor(stream: Readable) {
    this.#stream = stream.setEncoding('utf8');
    this.#chunks = this.#stream[Symbol.asyncIterator]();
  }

  /** The next line without its end; undefined: there is none. Throws {@link UsageError} when it can't be read. */
  async next(): Promise<string | undefined> {
    for (;;) {
      const end = this.#rest.indexOf('\n');
      if (end >= 0 || this.#rest.length > LONGEST_LINE) return this.#take(end);
      const { done, value } = await this.#more();
      if (done) return this.#rest === '' ? undefined : this.#take(-1);
      this.#rest += value;
    }
  }

  /** Whatever else comes is of no interest. */
  close(): void {
    this.#stream.destroy();
  }

  async #more(): Promise<IteratorResult<string>> {
    try {
      return await this.#chunks.next();
    } catch (error) {
      const { code, message } = error as NodeJS.ErrnoException;
      throw new UsageError(`the password can't be read: ${code ?? message}`);
    }
  }

  /** @param end -1: what there is, is a line */
  #take(end: number): string {
    const line = end < 0 ? this.#rest : this.#rest.slice(0, end);
    this.#rest = end < 0 ? '' : this.#rest.slice(end + 1);
    return line.replace(/\r$/, '');
  }
}
