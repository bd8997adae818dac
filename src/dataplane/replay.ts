/**
 * Anti-replay window of one inbound SA, RFC 4303 section 3.4.3 with the ring bitmap of RFC 6479: words are cleared as the
 * window moves, never shifted.
 */
import { MAX_SAS } from './limits.ts';

const WORDS = 64;

/** The ring holds 2048 bits; the word that the window's upper end is moving into isn't whole. */
export const REPLAY_WINDOW = (WORDS - 1) * 32;

export class ReplayWindow {
  readonly #bits: Uint32Array;
  /** Where its words begin in `bits`. */
  readonly at: number;
  /** The highest sequence number that was recorded; 0: none. */
  highest = 0;

  /** @param bits zero where its words are */
  constructor(bits = new Uint32Array(WORDS), at = 0) {
    this.#bits = bits;
    this.at = at;
  }

  /** True if `sequence` is new and not too old. Call before opening the packet; nothing changes. */
  accepts(sequence: number): boolean {
    if (sequence > this.highest) return true;
    if (sequence === 0 || this.highest - sequence >= REPLAY_WINDOW) return false;
    return (this.#bits[this.at + ((sequence >>> 5) & (WORDS - 1))]! & (1 << (sequence & 31))) === 0;
  }

  /** Marks `sequence`, which was accepted, as seen. Call only after the packet proved authentic. */
  record(sequence: number): void {
    const { at } = this;
    const bits = this.#bits;
    if (sequence > this.highest) {
      const from = this.highest >>> 5;
      const steps = Math.min((sequence >>> 5) - from, WORDS);
      for (let i = 1; i <= steps; i++) bits[at + ((from + i) & (WORDS - 1))] = 0;
      this.highest = sequence;
    }
    bits[at + ((sequence >>> 5) & (WORDS - 1))]! |= 1 << (sequence & 31);
  }
}

/** The windows of all inbound SAs, in one piece of memory: each by itself would take three times its bits. */
export class ReplayWindows {
  /** The system gives the pages when they are written to. */
  readonly #bits = new Uint32Array(MAX_SAS * WORDS);
  readonly #free: number[] = [];
  #next = 0;

  take(): ReplayWindow {
    const at = this.#free.pop() ?? this.#next++ * WORDS;
    return new ReplayWindow(this.#bits, at);
  }

  giveBack({ at }: ReplayWindow): void {
    this.#bits.fill(0, at, at + WORDS);
    this.#free.push(at);
  }
}
