/**
 * One flow of Cisco IPsec over TCP, either side: what the numbers in its segments mean, and which segments are believed. It
 * only looks like TCP: nothing is sent again, a lost segment is a lost packet, and what came is acknowledged up to the
 * highest number seen, gaps included.
 *
 * Two things keep it alive behind firewalls that count (connection tracking drops what is outside of the windows it saw)
 * and before a relay whose own TCP waits for what was lost: never more is under way than the other side's window holds, and
 * when it acknowledges nothing for a while, the next packets take the numbers of those that it seems to miss.
 *
 * Nothing here allocates: a fast path may call it for each segment.
 */
import type { Instant } from '../net/time.ts';
import { type SynOptions, TcpFlag, type TcpSegment } from '../wire/tcp.ts';

/** The window field of every segment. */
export const CTCP_WINDOW = 65_535;
/** Our own addition: towards who scales windows too, more than 64 KiB may be under way. */
export const CTCP_WINDOW_SHIFT = 7;
/** An acknowledgement goes out at the latest after a quarter of the window, or eight times that where windows are scaled. */
const ACKNOWLEDGE_AFTER = 16_384;
const ACKNOWLEDGE_AFTER_SCALED = 8 * ACKNOWLEDGE_AFTER;
/** Nothing acknowledged for so long, milliseconds: the numbers go back to what is missing. */
const STALL = 1000;
/** RFC 5681 section 3.2: as many repeated acknowledgements mean that something was lost. A faithful peer sends none. */
const DUPLICATES = 3;
/** RFC 5961 section 7: not more often than this, milliseconds, are doubtful segments of a flow answered. */
const CHALLENGE_INTERVAL = 1000;

/** What a segment means for whoever owns the flow. */
export type SegmentVerdict =
  /** Its numbers were noted; there is nothing to do. */
  | 'noted'
  /** Its payload, without the first `skip` bytes, goes on where the last ended. */
  | 'next'
  /** Its payload comes after something that was lost. */
  | 'gap'
  /** Its payload was seen, or was overtaken: whole packets in it are as good as any. */
  | 'old'
  /** The other side accepts the flow. */
  | 'opened'
  | 'refused'
  | 'reset'
  /** The other side asks whether we are there: to be answered by an ACK. */
  | 'asked'
  /** Doubtful, and to be answered by an ACK, which who is honest can answer rightly. */
  | 'challenge'
  /** To be answered by an RST: the other side has another flow in mind. */
  | 'misplaced'
  /** To be dropped. */
  | 'stray';

export class CtcpFlow {
  awaits: 'syn-ack' | 'segments' | 'nothing';
  /** Bytes of the largest segment that the other side takes. */
  mss: number;
  /** Of the payload at hand: bytes that came before. */
  skip = 0;
  /** The next byte from the other side. */
  #expected: number;
  /** Bytes that came since we acknowledged. */
  #unacknowledged = 0;
  /** The oldest byte of ours that isn't acknowledged, the next to send, and the end of all that was sent. */
  #oldest: number;
  #next: number;
  #highest: number;
  /** Of the other side's window, and of ours. */
  #shift: number;
  #ownShift: number;
  /** Of the other side, bytes. */
  #window: number;
  #duplicates = 0;
  #progressAt: Instant = 0;
  #challengedAt = Number.NEGATIVE_INFINITY;

  private constructor(awaits: CtcpFlow['awaits'], initial: number, expected: number, options: SynOptions) {
    this.awaits = awaits;
    this.#oldest = initial;
    this.#next = initial;
    this.#highest = initial;
    this.#expected = expected;
    this.mss = options.mss;
    this.#shift = options.windowShift ?? 0;
    this.#ownShift = options.windowShift === undefined ? 0 : CTCP_WINDOW_SHIFT;
    this.#window = CTCP_WINDOW << this.#shift;
  }

  /** The client's: its SYN has the number `initial`. */
  static begin(initial: number): CtcpFlow {
    const flow = new CtcpFlow('syn-ack', initial, 0, { mss: 0, windowShift: undefined });
    flow.#highest = (initial + 1) >>> 0;
    return flow;
  }

  /** The server's, from the segment that proved that the other side got our SYN-ACK. */
  static accept(segment: TcpSegment, options: SynOptions): CtcpFlow {
    return new CtcpFlow('segments', segment.acknowledgment, segment.sequence, options);
  }

  /** Of the next segment. */
  get sequence(): number {
    return this.#next;
  }

  get acknowledgment(): number {
    return this.#expected;
  }

  /** So much came that the other side should hear of it at once. */
  get acknowledgeNow(): boolean {
    return this.#unacknowledged >= (this.#ownShift > 0 ? ACKNOWLEDGE_AFTER_SCALED : ACKNOWLEDGE_AFTER);
  }

  /** Something came that the other side hasn't heard of yet. */
  get acknowledgeSoon(): boolean {
    return this.#unacknowledged > 0;
  }

  /** @param options of a SYN; else undefined */
  handleSegment(segment: TcpSegment, options: SynOptions | undefined, now: Instant): SegmentVerdict {
    switch (this.awaits) {
      case 'syn-ack':
        return this.#handleSynAck(segment, options, now);
      case 'segments':
        return this.#handleSegment(segment, now);
      default:
        return 'misplaced';
    }
  }

  /** Whether `length` bytes may be sent now; else they are to be dropped. */
  hasRoom(length: number, now: Instant): boolean {
    const underWay = distance(this.#oldest, this.#next);
    if (underWay <= 0) {
      this.#progressAt = now;
      return true;
    }
    if (now - this.#progressAt > STALL) {
      this.#rewind(now);
      return true;
    }
    return underWay + length <= this.#window;
  }

  /** A segment of `length` bytes was sent with the current numbers; it acknowledged all that came. */
  noteSent(length: number): void {
    this.#next = (this.#next + length) >>> 0;
    if (distance(this.#highest, this.#next) > 0) this.#highest = this.#next;
    this.#unacknowledged = 0;
  }

  #handleSynAck(segment: TcpSegment, options: SynOptions | undefined, now: Instant): SegmentVerdict {
    const { flags } = segment;
    const isOurs = (flags & TcpFlag.ACK) !== 0 && segment.acknowledgment === this.#highest;
    if ((flags & TcpFlag.RST) !== 0) {
      if (!isOurs) return 'stray';
      this.awaits = 'nothing';
      return 'refused';
    }
    if (!isOurs) return (flags & TcpFlag.ACK) !== 0 ? 'misplaced' : 'stray';
    if ((flags & TcpFlag.SYN) === 0 || options === undefined) return 'stray';
    this.awaits = 'segments';
    this.mss = options.mss;
    this.#shift = options.windowShift ?? 0;
    this.#ownShift = options.windowShift === undefined ? 0 : CTCP_WINDOW_SHIFT;
    // the window in a SYN is never scaled, RFC 7323 section 2.2
    this.#window = segment.window;
    this.#expected = (segment.sequence + 1) >>> 0;
    this.#oldest = this.#highest;
    this.#next = this.#highest;
    this.#progressAt = now;
    return 'opened';
  }

  #handleSegment(segment: TcpSegment, now: Instant): SegmentVerdict {
    const { flags, payloadLength } = segment;
    const ahead = distance(this.#expected, segment.sequence);
    const reach = CTCP_WINDOW << this.#ownShift;
    // RFC 5961 sections 3 to 5: who only guesses the numbers ends nothing and is heard by nobody
    if (ahead > reach || ahead < -reach) return this.#doubt(now);
    if ((flags & TcpFlag.RST) !== 0) {
      if (ahead !== 0) return this.#doubt(now);
      this.awaits = 'nothing';
      return 'reset';
    }
    if ((flags & TcpFlag.SYN) !== 0) return this.#doubt(now);
    if ((flags & TcpFlag.ACK) === 0) return 'stray';
    if (!this.#handleAcknowledgment(segment, now)) return this.#doubt(now);
    if ((flags & TcpFlag.FIN) !== 0) {
      this.awaits = 'nothing';
      return 'reset';
    }
    // a keepalive asks for an ACK with a number that has been acknowledged, RFC 9293 section 3.8.4
    if (payloadLength <= 1 && ahead === -1) return 'asked';
    if (payloadLength === 0) return 'noted';
    return this.#handlePayload(segment, ahead);
  }

  /** False when it acknowledges what was never sent, or far too little. */
  #handleAcknowledgment({ acknowledgment, window, payloadLength }: TcpSegment, now: Instant): boolean {
    const gained = distance(this.#oldest, acknowledgment);
    if (distance(this.#highest, acknowledgment) > 0 || gained < -(CTCP_WINDOW << this.#shift)) return false;
    if (gained < 0) return true;
    const size = window << this.#shift;
    if (gained > 0) {
      this.#oldest = acknowledgment;
      if (distance(this.#next, acknowledgment) > 0) this.#next = acknowledgment;
      this.#duplicates = 0;
      this.#progressAt = now;
    } else if (payloadLength === 0 && size === this.#window && this.#next !== this.#oldest) {
      this.#duplicates++;
      if (this.#duplicates === DUPLICATES) this.#rewind(now);
    }
    this.#window = size;
    return true;
  }

  #handlePayload({ sequence, payloadLength }: TcpSegment, ahead: number): SegmentVerdict {
    this.#unacknowledged += payloadLength;
    if (ahead + payloadLength <= 0) return 'old';
    this.#expected = (sequence + payloadLength) >>> 0;
    this.skip = ahead < 0 ? -ahead : 0;
    return ahead > 0 ? 'gap' : 'next';
  }

  #doubt(now: Instant): SegmentVerdict {
    if (now - this.#challengedAt < CHALLENGE_INTERVAL) return 'stray';
    this.#challengedAt = now;
    return 'challenge';
  }

  #rewind(now: Instant): void {
    this.#next = this.#oldest;
    this.#duplicates = 0;
    this.#progressAt = now;
  }
}

/** How far `to` lies behind `from` in the circle of 2^32 numbers; negative: before it. */
function distance(from: number, to: number): number {
  return (to - from) | 0;
}
