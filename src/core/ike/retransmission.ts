/** When a message that was not answered goes out again, and how often one that comes again is answered. */
import { type Instant, SECOND } from '../net/time.ts';

/** First wait, then twice as long each time: 2, 4, 8, 16, 16 s. Given up after 46 s. */
const FIRST_WAIT = 2 * SECOND;
const LONGEST_WAIT = 16 * SECOND;
export const MAX_ATTEMPTS = 5;
/** How often one message is answered again from cache. */
export const MAX_REPEATS = 8;

/** The deadline after attempt number `attempt` (the first sending is 1); undefined: give up. */
export function nextAttempt(attempt: number, now: Instant): Instant | undefined {
  if (attempt > MAX_ATTEMPTS) return undefined;
  return now + Math.min(LONGEST_WAIT, FIRST_WAIT * 2 ** (attempt - 1));
}
