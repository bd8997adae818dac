/** A new password: typed twice at a terminal without echo, or the first line of standard input. Never an argument: others see those. */
import { LineInput } from './line-input.ts';
import { readTyped, TypingError } from './typing.ts';
import { UsageError } from './usage.ts';

class PasswordError extends Error {
  override readonly name = 'PasswordError';
  readonly code = 'PASSWORD';
}

export async function readNewPassword(user: string): Promise<string> {
  if (!process.stdin.isTTY) return readFirstLine();
  const password = await readHidden(`Password for ${user}: `);
  if ((await readHidden('Again: ')) !== password) {
    throw new PasswordError('the two are not the same; nothing was changed');
  }
  return password;
}

async function readFirstLine(): Promise<string> {
  const input = new LineInput(process.stdin);
  const line = await input.next();
  input.close();
  if (!line) throw new UsageError('the password is missing: type it, or give it on standard input');
  return line;
}

async function readHidden(question: string): Promise<string> {
  try {
    return await readTyped(question);
  } catch (error) {
    throw error instanceof TypingError ? new PasswordError('not changed') : error;
  }
}
