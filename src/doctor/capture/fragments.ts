/**
 * IP datagrams put together from their fragments, RFC 791 section 3.2 and RFC 8200 section 4.5. What a capture can make us
 * hold is bounded: the oldest datagram makes room for the newest.
 */
import { type Bytes, EMPTY } from '../../core/bytes/bytes.ts';
import type { IpAddress } from '../../core/net/address.ts';
import { MAX_DATAGRAM } from '../../core/wire/ip.ts';

/** Datagrams that wait for fragments at one time. */
export const MAX_DATAGRAMS = 4096;
/** Of all that wait together. */
export const MAX_HELD_BYTES = 16 * 2 ** 20;
/** Of one datagram; the longest one in the smallest usual packets, of 576 bytes, has 118. */
export const MAX_PIECES = 128;
/** Milliseconds of the capture's time. Fragments follow each other at once; hosts wait for them longer, to no purpose. */
export const LOST_AFTER = 2000;

/** One fragment, or all of them as one. */
export interface Fragment {
  readonly source: IpAddress;
  readonly destination: IpAddress;
  readonly protocol: number;
  readonly identification: number;
  readonly offset: number;
  readonly more: boolean;
  /** What was captured of it. */
  readonly bytes: Bytes;
  /** On the wire. */
  readonly length: number;
  readonly packet: number;
  readonly at: number;
}

export interface Assembled {
  readonly source: IpAddress;
  readonly destination: IpAddress;
  readonly protocol: number;
  /** From the beginning on as far as nothing is missing. */
  readonly bytes: Bytes;
  readonly length: number;
  readonly pieces: number;
  readonly packet: number;
  readonly at: number;
  readonly isLost: boolean;
}

/** Why datagrams came to nothing, each with how many. */
export interface FragmentCounts {
  /** Fragments never came. */
  lost: number;
  /** Dropped for newer ones, by one of the bounds. */
  crowdedOut: number;
  /** Fragments that contradict each other, or reach beyond what a datagram can be. */
  contradictory: number;
}

interface Piece {
  readonly offset: number;
  readonly length: number;
  readonly bytes: Bytes;
}

interface Waiting {
  readonly source: IpAddress;
  readonly destination: IpAddress;
  /** As the fragment with the beginning has it, once that is there. */
  protocol: number;
  /** By their offset. */
  readonly pieces: Piece[];
  /** Undefined until the last fragment is there. */
  total: number | undefined;
  covered: number;
  held: number;
  /** The first fragment says that nobody wants it: nothing is held. */
  isUnwanted: boolean;
  packet: number;
  at: number;
}

export class Fragments {
  readonly counts: FragmentCounts = { lost: 0, crowdedOut: 0, contradictory: 0 };
  /** The oldest first. */
  readonly #waiting = new Map<string, Waiting>();
  readonly #isWanted: (first: Fragment) => boolean;
  #held = 0;

  /** @param isWanted asked about fragments that have a datagram's beginning */
  constructor(isWanted: (first: Fragment) => boolean) {
    this.#isWanted = isWanted;
  }

  get waiting(): number {
    return this.#waiting.size;
  }

  get heldBytes(): number {
    return this.#held;
  }

  /** Gives the datagram that this fragment completes. Its bytes are copied if they are kept. */
  add(fragment: Fragment): Assembled | undefined {
    const key = keyOf(fragment);
    const waiting = this.#waiting.get(key) ?? this.#begin(key, fragment);
    const taken = this.#take(waiting, fragment);
    if (taken === 'contradiction') {
      this.counts.contradictory++;
      this.#remove(key, waiting);
      return undefined;
    }
    if (waiting.covered === waiting.total) {
      this.#remove(key, waiting);
      return waiting.isUnwanted ? undefined : assemble(waiting, false);
    }
    this.#makeRoom();
    return undefined;
  }

  /** Datagrams that wait since {@link LOST_AFTER} or longer, and of which the beginning is there. */
  *takeLost(now: number): Generator<Assembled> {
    for (const [key, waiting] of this.#waiting) {
      if (waiting.at + LOST_AFTER > now) return;
      this.#remove(key, waiting);
      if (waiting.isUnwanted) continue;
      this.counts.lost++;
      if (waiting.pieces[0]?.offset === 0) yield assemble(waiting, true);
    }
  }

  #begin(key: string, { source, destination, protocol, packet, at }: Fragment): Waiting {
    const began: Waiting = {
      source,
      destination,
      protocol,
      pieces: [],
      total: undefined,
      covered: 0,
      held: 0,
      isUnwanted: false,
      packet,
      at,
    };
    this.#waiting.set(key, began);
    return began;
  }

  #take(waiting: Waiting, fragment: Fragment): 'taken' | 'contradiction' {
    const { offset, length, more } = fragment;
    const end = offset + length;
    if (end > MAX_DATAGRAM || length === 0 || (more && length % 8 !== 0)) return 'contradiction';
    if (!more && waiting.total !== undefined && waiting.total !== end) return 'contradiction';
    if (!more) waiting.total = end;
    if (waiting.total !== undefined && end > waiting.total) return 'contradiction';
    waiting.packet = fragment.packet;
    waiting.at = fragment.at;
    if (offset === 0) {
      waiting.protocol = fragment.protocol;
      if (!waiting.isUnwanted && !this.#isWanted(fragment)) this.#letGo(waiting);
    }
    return this.#insert(waiting, fragment);
  }

  #insert(waiting: Waiting, { offset, length, bytes }: Fragment): 'taken' | 'contradiction' {
    const { pieces } = waiting;
    const next = pieces.findLastIndex((piece) => piece.offset <= offset) + 1;
    const [before, after] = [pieces[next - 1], pieces[next]];
    // Seen twice: captures on several interfaces have every packet so.
    if (before && before.offset + before.length >= offset + length) return 'taken';
    if (before && before.offset + before.length > offset) return 'contradiction';
    if (after && offset + length > after.offset) return 'contradiction';
    if (pieces.length >= MAX_PIECES) return 'contradiction';
    const kept = waiting.isUnwanted ? EMPTY : bytes.slice();
    pieces.splice(next, 0, { offset, length, bytes: kept });
    waiting.covered += length;
    waiting.held += kept.length;
    this.#held += kept.length;
    return 'taken';
  }

  #letGo(waiting: Waiting): void {
    waiting.isUnwanted = true;
    this.#held -= waiting.held;
    waiting.held = 0;
    for (const [i, piece] of waiting.pieces.entries()) waiting.pieces[i] = { ...piece, bytes: EMPTY };
  }

  #makeRoom(): void {
    for (const [key, waiting] of this.#waiting) {
      if (this.#waiting.size <= MAX_DATAGRAMS && this.#held <= MAX_HELD_BYTES) return;
      this.counts.crowdedOut++;
      this.#remove(key, waiting);
    }
  }

  #remove(key: string, waiting: Waiting): void {
    this.#waiting.delete(key);
    this.#held -= waiting.held;
  }
}

/** RFC 791 names a datagram by its protocol too; in IPv6 a fragment may have another one there than the first. */
function keyOf({ source, destination, protocol, identification }: Fragment): string {
  return `${source.text} ${destination.text} ${source.bytes.length === 4 ? protocol : ''} ${identification}`;
}

function assemble({ source, destination, protocol, pieces, total, packet, at }: Waiting, isLost: boolean): Assembled {
  const last = pieces.at(-1)!;
  const bytes = new Uint8Array(last.offset + last.length);
  let end = 0;
  for (const piece of pieces) {
    if (piece.offset !== end) break;
    bytes.set(piece.bytes, end);
    end += piece.bytes.length;
    if (piece.bytes.length < piece.length) break;
  }
  const length = total ?? last.offset + last.length;
  return {
    source,
    destination,
    protocol,
    bytes: bytes.subarray(0, end),
    length,
    pieces: pieces.length,
    packet,
    at,
    isLost,
  };
}
