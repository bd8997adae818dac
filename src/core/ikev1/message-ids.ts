/**
 * Which quick modes a peer may begin, by message ID within one phase 1 (RFC 2409 section 5.5: the cookies name the SA, so
 * another client's equal ID is nobody's business).
 *
 * A completed quick mode's ID is never served again. Peers that count (Microsoft since Vista) are also held to a floor,
 * with a window since UDP reorders parallel quick modes.
 */

/** Our own limits: IDs remembered of a peer with random ones, and the window of a counting one. */
const REMEMBERED = 1024;
const WINDOW = 64;

export class QuickModeIds {
  readonly #counting: boolean;
  /** In the order of completion. */
  #completed: readonly number[] = [];
  #highest = 0;

  constructor(counting: boolean) {
    this.#counting = counting;
  }

  check(messageId: number): 'fresh' | 'ike_message_id_reused' | 'ike_message_id_floor' {
    if (this.#completed.includes(messageId)) return 'ike_message_id_reused';
    if (this.#counting && messageId <= this.#highest - WINDOW) return 'ike_message_id_floor';
    return 'fresh';
  }

  /** Call when the quick mode has ended well. A replay of what is forgotten here still fails at HASH(3): it has our nonce. */
  complete(messageId: number): void {
    // not pushed, and no Set: most SAs have one quick mode, or few
    this.#completed = this.#completed.concat(messageId).slice(-REMEMBERED);
    this.#highest = Math.max(this.#highest, messageId);
  }
}
