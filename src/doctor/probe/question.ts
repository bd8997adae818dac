/** One message that is asked of a gateway. */
import type { Bytes } from '../../core/bytes/bytes.ts';

export interface Question {
  readonly version: 1 | 2;
  /** Names the negotiation: answers carry it. */
  readonly initiatorCookie: Bytes;
  readonly bytes: Bytes;
  /** For the list of packets. */
  readonly says: string;
}
