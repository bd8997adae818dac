/**
 * IPv4 fragmentation of an inner packet that the path doesn't hold and that may be fragmented, RFC 791. As in segmentation,
 * each fragment's header is written over the end of the one before, which is gone by then:
 *
 *     at     a multiple of 8    as much       rest
 *     | IPv4 |     payload    |   payload   | payload |
 *                      | IPv4 |      | IPv4 |
 */
import type { Arena } from './arena.ts';
import { type Sum, storeHeaderChecksum } from './checksum.ts';
import { FRAGMENT_OFFSET, headerLengthOf, Ip4, MORE_FRAGMENTS, setU16, u16 } from './ip4.ts';
import type { PacketSink } from './segment.ts';

export class Fragmenter {
  readonly #arena: Arena;
  readonly #sum: Sum;
  readonly #header: number;

  constructor(arena: Arena, sum: Sum) {
    this.#arena = arena;
    this.#sum = sum;
    this.#header = arena.allocate(64, 16);
  }

  /**
   * Hands the `length` bytes at `at` to `sink` in fragments of at most `mtu`. False when it can't: the header has options,
   * of which only some would go into each fragment, or the MTU leaves no room.
   */
  split(at: number, length: number, mtu: number, sink: PacketSink): boolean {
    const { u8 } = this.#arena;
    const room = (mtu - Ip4.headerLength) & ~7;
    if (headerLengthOf(u8, at) !== Ip4.headerLength || room <= 0) return false;
    const flags = u16(u8, at + Ip4.flags);
    const startUnits = flags & FRAGMENT_OFFSET;
    u8.copyWithin(this.#header, at, at + Ip4.headerLength);
    const payload = length - Ip4.headerLength;
    for (let offset = 0; offset < payload; offset += room) {
      const size = Math.min(room, payload - offset);
      const packet = at + offset;
      const more = offset + size < payload ? MORE_FRAGMENTS : flags & MORE_FRAGMENTS;
      u8.copyWithin(packet, this.#header, this.#header + Ip4.headerLength);
      setU16(u8, packet + Ip4.totalLength, Ip4.headerLength + size);
      setU16(u8, packet + Ip4.flags, more | (startUnits + (offset >> 3)));
      storeHeaderChecksum(u8, this.#sum, packet, Ip4.headerLength);
      sink.packet(packet, Ip4.headerLength + size);
    }
    return true;
  }
}
