/**
 * The packets in a flow's payloads. As a rule a segment is a packet; but receive offload joins segments, and a relay that ends
 * TCP on both sides joins and splits as it likes. A packet ends with its trailer, wherever that is.
 */
import { type Bytes, concat } from '../bytes/bytes.ts';
import { CTCP_TRAILER, findTrailer, type MagicSearch, plainSearch, readTrailer } from '../wire/ctcp.ts';
import type { SegmentVerdict } from './ctcp-flow.ts';

/** Bytes kept of a packet whose end hasn't come: an IKE message with certificates fits. */
export const MAX_PARTIAL = 17_408;

export interface CtcpPackets {
  /** A packet without its trailer, in `bytes` until this returns; `protocol` is the trailer's. */
  packet(bytes: Bytes, at: number, length: number, protocol: number): void;
}

export class CtcpStream {
  readonly #packets: CtcpPackets;
  readonly #search: MagicSearch;
  #partial: Bytes | undefined;

  constructor(packets: CtcpPackets, search = plainSearch) {
    this.#packets = packets;
    this.#search = search;
  }

  /** Bytes held back. */
  get held(): number {
    return this.#partial?.length ?? 0;
  }

  /** The payload of `length` bytes at `at`, in the order that the flow says; false: some of it had to be forgotten. */
  handlePayload(verdict: SegmentVerdict, bytes: Bytes, at: number, length: number): boolean {
    if (verdict !== 'next' && verdict !== 'old') this.forget();
    // what came late can't complete what is held, and must not become a part of it
    if (verdict === 'old') return this.#cut(bytes, at, at + length) === at + length;
    if (this.#partial) return this.#complete(bytes, at, at + length);
    return this.#keep(bytes, this.#cut(bytes, at, at + length), at + length);
  }

  forget(): void {
    this.#partial = undefined;
  }

  /** Hands over the whole packets from `at` on; where the rest begins. */
  #cut(bytes: Bytes, at: number, end: number): number {
    // without a trailer at the end the search would run on into what isn't ours
    const whole = end - at >= CTCP_TRAILER && readTrailer(bytes, end - CTCP_TRAILER) !== 0;
    const source = whole ? bytes : bytes.subarray(0, end);
    let from = at;
    for (;;) {
      const found = findTrailer(source, from, end, this.#search);
      if (found < 0) break;
      if (found > from) this.#packets.packet(bytes, from, found - from, readTrailer(bytes, found));
      from = found + CTCP_TRAILER;
      if (from === end) break;
    }
    return from;
  }

  /** Ends the packet that is held, if its end is there; what follows is whole again. */
  #complete(bytes: Bytes, at: number, end: number): boolean {
    const behind = this.#endOfHeld(bytes, at, end);
    const joined = concat(this.#partial!, bytes.subarray(at, behind < 0 ? end : behind));
    this.forget();
    if (behind < 0) return this.#keep(joined, 0, joined.length);
    const length = joined.length - CTCP_TRAILER;
    if (length > 0) this.#packets.packet(joined, 0, length, readTrailer(joined, length));
    return this.#keep(bytes, this.#cut(bytes, behind, end), end);
  }

  /** Where the trailer of the packet that is held ends; it may begin in what is held. -1: it isn't there. */
  #endOfHeld(bytes: Bytes, at: number, end: number): number {
    const tail = this.#partial!.subarray(-(CTCP_TRAILER - 1));
    const seam = concat(tail, bytes.subarray(at, Math.min(end, at + CTCP_TRAILER - 1)));
    const across = findTrailer(seam, 0, seam.length, this.#search);
    if (across >= 0) return at + across + CTCP_TRAILER - tail.length;
    const within = findTrailer(bytes.subarray(0, end), at, end, this.#search);
    return within < 0 ? -1 : within + CTCP_TRAILER;
  }

  #keep(bytes: Bytes, from: number, end: number): boolean {
    if (from === end) return true;
    if (end - from > MAX_PARTIAL) return false;
    this.#partial = bytes.slice(from, end);
    return true;
  }
}
