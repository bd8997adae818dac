/** Text that a gateway wants shown to its user: hostile input like all else. */
import type { Bytes } from '../../bytes/bytes.ts';
import { ACTING_INSIDE_LINES, fromUtf8 } from '../../bytes/text.ts';

/** At most `limit` characters, lines ended by \n alone; a space for each character that could play tricks on a terminal. */
export function shownText(bytes: Bytes, limit: number): string {
  const text = fromUtf8(bytes.subarray(0, 4 * limit))
    .replace(/\0+$/, '')
    .replace(/\r\n?/g, '\n');
  return text.replace(ACTING_INSIDE_LINES, ' ').trim().slice(0, limit);
}
