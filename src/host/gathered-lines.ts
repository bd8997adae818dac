/**
 * Lines of the log gathered for a moment, since each write wakes whoever reads. What is urgent goes at once, with what waits
 * before it; at the process's end all goes. Only a process that is killed can lose its last moment.
 */
import type { LogSink } from './log.ts';

/** How long a line may wait, milliseconds, and how many characters. */
const PATIENCE = 50;
export const MAX_WAITING = 65_536;

export class GatheredLines {
  readonly #sink: LogSink;
  #waiting = '';
  #timer: NodeJS.Timeout | undefined;

  constructor(sink: LogSink) {
    this.#sink = sink;
    process.on('exit', () => this.flush());
  }

  write(line: string, urgent: boolean): void {
    this.#waiting += line;
    if (urgent || this.#waiting.length >= MAX_WAITING) this.flush();
    else this.#timer ??= setTimeout(() => this.flush(), PATIENCE).unref();
  }

  flush(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    const text = this.#waiting;
    this.#waiting = '';
    if (text !== '') this.#sink.write(text);
  }
}
