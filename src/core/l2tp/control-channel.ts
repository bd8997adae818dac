/** The reliable channel of L2TP's control messages, RFC 2661 section 5.8: numbers, a window, acknowledgments, repeats. */
import { type Bytes, EMPTY } from '../bytes/bytes.ts';
import { type Instant, SECOND } from '../net/time.ts';

/** Waits 1, 2, 4, 8, 8 s for an acknowledgment, as section 5.8 recommends; then the peer is gone. */
const FIRST_WAIT = SECOND;
const LONGEST_WAIT = 8 * SECOND;
export const MAX_SENDINGS = 5;
/** Messages of ours that wait for the window or for their acknowledgment; we have fewer to say at any time. */
export const MAX_WAITING = 16;
/** Section 4.4.3: of a peer that doesn't say. */
const DEFAULT_WINDOW = 4;

export interface Numbered {
  readonly sessionId: number;
  readonly ns: number;
  readonly nr: number;
  /** Empty: only an acknowledgment. */
  readonly body: Bytes;
}

interface Waiting {
  readonly sessionId: number;
  readonly ns: number;
  readonly body: Bytes;
  sendings: number;
}

export class ControlChannel {
  /** In the order of their numbers; the first are on their way. */
  readonly #waiting: Waiting[] = [];
  #window = DEFAULT_WINDOW;
  #nextNs = 0;
  #expected = 0;
  #owesAcknowledgment = false;
  #repeatAt: Instant | undefined;

  /** As the peer's Receive Window Size says; 0 is no window. */
  set window(size: number) {
    this.#window = Math.max(1, size);
  }

  /** When to call `handleTimeout`. */
  pollTimeout(): Instant | undefined {
    return this.#repeatAt;
  }

  /** There is something for `flush`. */
  get hasFresh(): boolean {
    return this.#waiting.some(({ sendings }, i) => i < this.#window && sendings === 0);
  }

  /** False when more wait than a living peer could leave unacknowledged. */
  send(sessionId: number, body: Bytes): boolean {
    if (this.#waiting.length === MAX_WAITING) return false;
    this.#waiting.push({ sessionId, ns: this.#nextNs, body, sendings: 0 });
    this.#nextNs = (this.#nextNs + 1) & 0xffff;
    return true;
  }

  /** Takes the numbers of a message that came. True: it is the next one, and to be acted on. */
  receive(ns: number, nr: number, isAcknowledgment: boolean): boolean {
    while (this.#waiting.length > 0 && this.#waiting[0]!.sendings > 0 && isBefore(this.#waiting[0]!.ns, nr)) {
      this.#waiting.shift();
      this.#repeatAt = undefined;
    }
    if (isAcknowledgment) return false;
    // a repeat is acknowledged again; what comes too early is left for the peer to repeat
    this.#owesAcknowledgment ||= ns === this.#expected || isBefore(ns, this.#expected);
    if (ns !== this.#expected) return false;
    this.#expected = (this.#expected + 1) & 0xffff;
    return true;
  }

  /** What is to be sent now: messages that the window has room for, or an acknowledgment if one is owed. */
  flush(now: Instant): Numbered[] {
    const fresh = this.#waiting.slice(0, this.#window).filter(({ sendings }) => sendings === 0);
    for (const message of fresh) message.sendings = 1;
    if (this.#waiting.length > 0) this.#repeatAt ??= now + wait(this.#waiting[0]!.sendings);
    const acknowledges = this.#owesAcknowledgment && fresh.length === 0;
    this.#owesAcknowledgment = false;
    if (acknowledges) return [{ sessionId: 0, ns: this.#nextNs, nr: this.#expected, body: EMPTY }];
    return fresh.map((message) => this.#numbered(message));
  }

  /** The oldest message again; undefined: the peer doesn't answer any more. */
  repeat(now: Instant): Numbered | undefined {
    const [oldest] = this.#waiting;
    if (!oldest || oldest.sendings >= MAX_SENDINGS) return undefined;
    oldest.sendings++;
    this.#repeatAt = now + wait(oldest.sendings);
    return this.#numbered(oldest);
  }

  #numbered({ sessionId, ns, body }: Waiting): Numbered {
    return { sessionId, ns, nr: this.#expected, body };
  }
}

function wait(sendings: number): number {
  return Math.min(LONGEST_WAIT, FIRST_WAIT * 2 ** (sendings - 1));
}

/** Whether `a` is among the 32767 numbers before `b`, modulo 65536. */
function isBefore(a: number, b: number): boolean {
  const distance = (b - a) & 0xffff;
  return distance > 0 && distance < 0x8000;
}
