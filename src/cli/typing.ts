/** One line typed at the terminal, shown or not. */

export class TypingError extends Error {
  override readonly name = 'TypingError';
  readonly code = 'CANCELLED';
}

export interface Typing {
  /** Whether the line is shown while it is typed. */
  readonly shown?: boolean;
  /** Gives up waiting. */
  readonly signal?: AbortSignal;
}

/** Throws {@link TypingError} when it is given up: by Ctrl-C, by Ctrl-D on an empty line, or by the signal. */
export function readTyped(question: string, { shown = false, signal }: Typing = {}): Promise<string> {
  const { stdin, stderr } = process;
  if (signal?.aborted) return Promise.reject(new TypingError('cancelled'));
  // Before the question: who answers at once must not see it echoed.
  stdin.setRawMode(true).setEncoding('utf8').resume();
  stderr.write(question);
  return new Promise<string>((resolve, reject) => {
    let line = '';
    const erase = (count: number) => {
      line = [...line].slice(0, -count).join('');
      if (shown) stderr.write('\b \b'.repeat(count));
    };
    const onKeys = (keys: string) => {
      for (const key of keys) {
        if (key === '\r' || key === '\n') return finish(() => resolve(line));
        if (key === CTRL_C || (key === CTRL_D && line === '')) return giveUp();
        if (key === BACKSPACE || key === CTRL_H) erase(Math.min(1, line.length));
        else if (key === CTRL_U) erase([...line].length);
        else if (line.length < LONGEST_TYPED) {
          line += key;
          if (shown) stderr.write(key);
        }
      }
    };
    const giveUp = () => finish(() => reject(new TypingError('cancelled')));
    const finish = (settle: () => void) => {
      signal?.removeEventListener('abort', giveUp);
      stdin.off('data', onKeys).setRawMode(false).pause();
      stderr.write('\n');
      settle();
    };
    signal?.addEventListener('abort', giveUp);
    stdin.on('data', onKeys);
  });
}

/** Characters; more is no answer. */
const LONGEST_TYPED = 4096;

const CTRL_C = '\u0003';
const CTRL_D = '\u0004';
const CTRL_H = '\b';
const CTRL_U = '\u0015';
const BACKSPACE = '\u007f';
