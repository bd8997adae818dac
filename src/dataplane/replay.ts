/**
 * Anti-replay window of one inbound SA, RFC 4303 section 3.4.3 with the ring bitmap of RFC 6479: words are cleared as the
 * window moves, never shifted.
 */

const WORDS = 64;

/** The ring holds 2048 bits; the word that the window's upper end is moving into isn't whole. */
export const REPLAY_WINDOW = (WORDS - 1) * 32;

export class ReplayWindow {
  readonly #bits = new Uint32Array(WORDS);
  /** The highest sequence number that was recorded; 0: none. */
  highest = 0;

  /** True if `sequence` is new and not too old. Call before opening the packet; nothing changes. */
  accepts(sequence: number): boolean {
    if (sequence > this.highest) return true;
    if (sequence === 0 || this.highest - sequence >= REPLAY_WINDOW) return false;
    return (this.#bits[(sequence >>> 5) & (WORDS - 1)]! & (1 << (sequence & 31))) === 0;
  }

  /** Marks `sequence`, which was accepted, as seen. Call only after the packet proved authentic. */
  record(sequence: number): void {
    const bits = this.#bits;
    if (sequence > this.highest) {
      const from = this.highest >>> 5;
      const steps = Math.min((sequence >>> 5) - from, WORDS);
      for (let i = 1; i <= steps; i++) bits[(from + i) & (WORDS - 1)] = 0;
      this.highest = sequence;
    }
    bits[(sequence >>> 5) & (WORDS - 1)]! |= 1 << (sequence & 31);
  }
}
