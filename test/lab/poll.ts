/** Waiting for what comes in its own time: tests poll with generous patience and never assert how long it took. */
import { setTimeout as sleep } from 'node:timers/promises';

export { sleep };

/** Milliseconds in which comes what will: a busy machine has taken more than a minute to start a program. */
export const PATIENCE = 180_000;

/** The first value of `probe` that is neither undefined nor false; fails after `timeout` milliseconds. */
export async function until<T>(
  probe: () => T | undefined | false | Promise<T | undefined | false>,
  timeout = PATIENCE,
  what: string | (() => string) = 'what was waited for',
): Promise<T> {
  const deadline = performance.now() + timeout;
  for (;;) {
    const value = await probe();
    if (value !== undefined && value !== false) return value;
    if (performance.now() > deadline) {
      throw new Error(`${typeof what === 'string' ? what : what()} did not come within ${timeout / 1000} s`);
    }
    await sleep(100);
  }
}

/** The first whole line of what `said` gives, from `after` on, that fits; for logs. @param whose begins the complaint that there is none */
export function untilLine(
  said: () => string,
  pattern: RegExp,
  { after = 0, timeout = PATIENCE, whose = 'a' }: { after?: number; timeout?: number; whose?: string },
): Promise<string> {
  const rest = () => said().slice(after);
  const line = () =>
    rest()
      .split('\n')
      .slice(0, -1)
      .find((text) => pattern.test(text));
  return until(line, timeout, () => `${whose} log line ${pattern} in\n${rest()}`);
}
