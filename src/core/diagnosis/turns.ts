/** Whether ESP packets of one side are followed by one of the other's: small ones and large ones apart. */
import type { EspPacket, Place } from './esp-flow.ts';

/** Every path carries this much ESP (RFC 8200's 1280 with all headers). */
const LARGE = 1180;
/** What is inside answers within this time, if it answers. Milliseconds. */
const SOON = 1500;
/** Packets closer than this are of one burst. Milliseconds. */
const BURST = 100;

export interface SizeCount {
  sent: number;
  answered: number;
  /** Of those that were sent, how many came in IP fragments. */
  fragmented: number;
  first: Place | undefined;
  last: Place | undefined;
  /** When the last of them was sent that was answered. */
  lastAnswered: number | undefined;
}

/** Of one side of a pair. */
export interface Turns {
  readonly small: SizeCount;
  readonly large: SizeCount;
}

export class TurnTaking {
  readonly #sides: readonly [Turns, Turns] = [noTurns(), noTurns()];
  /** What still waits for an answer. */
  #open: { readonly side: 0 | 1; readonly count: SizeCount; readonly at: number } | undefined;
  #last: { readonly side: 0 | 1; readonly at: number } | undefined;

  of(side: 0 | 1): Turns {
    return this.#sides[side];
  }

  see(side: 0 | 1, { packet, at, length, fragments }: EspPacket): void {
    const isGoingOn = this.#last?.side === side && at - this.#last.at <= BURST;
    this.#last = { side, at };
    // what follows at once belongs to what was said, an answer or not
    if (isGoingOn) return;
    if (this.#open && this.#open.side !== side) {
      const isAnswer = at - this.#open.at <= SOON;
      if (isAnswer) {
        this.#open.count.answered++;
        this.#open.count.lastAnswered = this.#open.at;
      }
      this.#open = undefined;
      // an answer awaits none
      if (isAnswer) return;
    }
    const count = length > LARGE || fragments > 1 ? this.#sides[side].large : this.#sides[side].small;
    count.sent++;
    if (fragments > 1) count.fragmented++;
    count.first ??= { packet, at };
    count.last = { packet, at };
    this.#open = { side, count, at };
  }
}

function noTurns(): Turns {
  const none = () => ({
    sent: 0,
    answered: 0,
    fragmented: 0,
    first: undefined,
    last: undefined,
    lastAnswered: undefined,
  });
  return { small: none(), large: none() };
}
