/** For what fetches: a mirror or npm's registry may fail for once. */
import { sleep } from './poll.ts';

/** Milliseconds between attempts. */
const PAUSES = [5_000, 20_000, 60_000];

/** What the first attempt gives that succeeds; the last one's failure if none does. */
export async function persist<T>(attempt: () => Promise<T>): Promise<T> {
  for (const pause of PAUSES) {
    try {
      return await attempt();
    } catch (error) {
      console.error(`${error}\nonce more in ${pause / 1000} s`);
    }
    await sleep(pause);
  }
  return attempt();
}
