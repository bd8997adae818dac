/** One line at a terminal that says what is being done, and is gone when it is done. */
export interface Terminal {
  readonly isTTY?: boolean;
  write(text: string): unknown;
}

export class ProgressLine {
  readonly #terminal: Terminal;

  constructor(terminal: Terminal) {
    this.#terminal = terminal;
  }

  show(text: string): void {
    if (this.#terminal.isTTY) this.#terminal.write(`\r\x1b[K${text}`);
  }

  clear(): void {
    if (this.#terminal.isTTY) this.#terminal.write('\r\x1b[K');
  }

  /** Shows `text` until something else is shown, and nothing afterwards. */
  async during<T>(text: string, work: () => Promise<T>): Promise<T> {
    this.show(text);
    try {
      return await work();
    } finally {
      this.clear();
    }
  }
}
