/** Anti-replay window of an inbound SA. */

const WORD_BITS = 32;
const RING_WORDS = 64; // a power of two
const RING_BITS = RING_WORDS * WORD_BITS;

/** How far behind the highest sequence number a packet may be: the ring without the word that is being filled. */
export const REPLAY_WINDOW = RING_BITS - WORD_BITS;

/** RFC 4303 section 3.4.3 with the ring bitmap of RFC 6479: moving on clears whole words, and shifts nothing. */
export class ReplayWindow {
  readonly #ring = new Uint32Array(RING_WORDS);
  #highest = 0;

  /** True if `sequence` is new and not too old. Call before opening the packet; nothing changes. */
  accepts(sequence: number): boolean {
    if (sequence === 0) return false;
    if (sequence > this.#highest) return true;
    if (sequence + REPLAY_WINDOW <= this.#highest) return false;
    return (this.#ring[wordOf(sequence)]! & bitOf(sequence)) === 0;
  }

  /** Marks `sequence` as seen. Call only after the packet proved authentic, and `accepts` said so. */
  record(sequence: number): void {
    if (sequence > this.#highest) {
      this.#clearBetween(this.#highest, sequence);
      this.#highest = sequence;
    }
    this.#ring[wordOf(sequence)]! |= bitOf(sequence);
  }

  /** Clears the words after that of `from`, up to that of `to`. */
  #clearBetween(from: number, to: number): void {
    const words = Math.min(Math.floor(to / WORD_BITS) - Math.floor(from / WORD_BITS), RING_WORDS);
    for (let i = 0; i < words; i++) this.#ring[wordOf(to - i * WORD_BITS)] = 0;
  }
}

function wordOf(sequence: number): number {
  return (sequence >>> 5) & (RING_WORDS - 1);
}

function bitOf(sequence: number): number {
  return 1 << (sequence & (WORD_BITS - 1));
}
