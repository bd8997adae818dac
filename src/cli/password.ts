/** A new password: typed twice at a terminal without echo, or the first line of standard input. Never an argument: others see those. */
import { UsageError } from './usage.ts';

export class PasswordError extends Error {
  override readonly name = 'PasswordError';
  readonly code = 'PASSWORD';
}

export async function readNewPassword(user: string): Promise<string> {
  if (!process.stdin.isTTY) return readFirstLine();
  const password = await prompt(`Password for ${user}: `);
  if ((await prompt('Again: ')) !== password) throw new PasswordError('the two are not the same; nothing was changed');
  return password;
}

/** Bytes; more is no password. */
const LONGEST_LINE = 4096;

async function readFirstLine(): Promise<string> {
  let text = '';
  for await (const chunk of process.stdin.setEncoding('utf8')) {
    text += chunk as string;
    if (text.includes('\n') || text.length > LONGEST_LINE) break;
  }
  const line = text.split('\n', 1)[0]!.replace(/\r$/, '');
  if (line === '') throw new UsageError('the password is missing: type it, or give it on standard input');
  return line;
}

/** One line from the terminal, not shown. */
function prompt(question: string): Promise<string> {
  const { stdin, stderr } = process;
  // Before the question: who answers at once must not see it echoed.
  stdin.setRawMode(true).setEncoding('utf8').resume();
  stderr.write(question);
  return new Promise<string>((resolve, reject) => {
    let line = '';
    const onKeys = (keys: string) => {
      for (const key of keys) {
        if (key === '\r' || key === '\n') return finish(() => resolve(line));
        if (key === CTRL_C || (key === CTRL_D && line === ''))
          return finish(() => reject(new PasswordError('not changed')));
        if (key === BACKSPACE || key === CTRL_H) line = [...line].slice(0, -1).join('');
        else if (key === CTRL_U) line = '';
        else line += key;
      }
    };
    const finish = (settle: () => void) => {
      stdin.off('data', onKeys).setRawMode(false).pause();
      stderr.write('\n');
      settle();
    };
    stdin.on('data', onKeys);
  });
}

const CTRL_C = '\u0003';
const CTRL_D = '\u0004';
const CTRL_H = '\b';
const CTRL_U = '\u0015';
const BACKSPACE = '\u007f';
