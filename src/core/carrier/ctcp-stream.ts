/**
 * The packets in a flow's payloads. As a rule a segment is a packet; but receive offload joins segments, and a relay that ends
 * TCP on both sides joins and splits as it likes. A packet ends with its trailer, wherever that is.
 */
import type { Bytes } from '../bytes/bytes.ts';
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
  /** Grown on demand and given back when the packet is whole. */
  #partial: Uint8Array<ArrayBuffer> | undefined;
  #held = 0;

  constructor(packets: CtcpPackets, search = plainSearch) {
    this.#packets = packets;
    this.#search = search;
  }

  /** Bytes held back. */
  get held(): number {
    return this.#held;
  }

  /** The payload of `length` bytes at `at`, in the order that the flow says; false: some of it had to be forgotten. */
  handlePayload(verdict: SegmentVerdict, bytes: Bytes, at: number, length: number): boolean {
    if (verdict !== 'next' && verdict !== 'old') this.forget();
    // what came late can't complete what is held, and must not become a part of it
    if (verdict === 'old') return this.#cut(bytes, at, at + length) === at + length;
    if (this.#held > 0) return this.#complete(bytes, at, at + length);
    return this.#keep(bytes, this.#cut(bytes, at, at + length), at + length);
  }

  forget(): void {
    this.#partial = undefined;
    this.#held = 0;
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

  /** Puts the payload behind what is held: the trailer may begin in the one and end in the other. */
  #complete(bytes: Bytes, at: number, end: number): boolean {
    const held = this.#held;
    const joined = new Uint8Array(held + end - at);
    joined.set(this.#partial!.subarray(0, held));
    joined.set(bytes.subarray(at, end), held);
    this.forget();
    return this.#keep(joined, this.#cut(joined, 0, joined.length), joined.length);
  }

  #keep(bytes: Bytes, from: number, end: number): boolean {
    if (from === end) return true;
    if (end - from > MAX_PARTIAL) return false;
    this.#partial = bytes.slice(from, end);
    this.#held = end - from;
    return true;
  }
}
