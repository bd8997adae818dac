/** One line at a terminal that says what is being done, and is gone when it is done. */
export class ProgressLine {
  readonly #stream: { readonly isTTY?: boolean; write(text: string): unknown };

  constructor(stream: { readonly isTTY?: boolean; write(text: string): unknown }) {
    this.#stream = stream;
  }

  show(text: string): void {
    if (this.#stream.isTTY) this.#stream.write(`\r\x1b[K${text}`);
  }

  clear(): void {
    if (this.#stream.isTTY) this.#stream.write('\r\x1b[K');
  }
}
