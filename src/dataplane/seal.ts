/**
 * Sealing: an inner packet in the arena becomes an ESP packet elsewhere in it, RFC 4303 section 3.3. In transport
 * mode what is sealed is a UDP datagram.
 *
 *                    from                length
 *     before | random | inner packet ......... | after         the trailer is written over `after`, which is restored
 *                                              | 1 2 3 .. pad, pad length, 4 |
 *     at: | SPI | sequence | IV | ciphertext of inner packet and trailer | ICV |
 *
 * `after` may be the next segment of a TSO frame. Up to 16 bytes of `before` are lost, and 20 bytes must exist behind.
 */
import type { Arena } from './arena.ts';
import { SEQUENCE_END } from './limits.ts';
import { ESP_HEADER, NEXT_HEADER_IPV4, NEXT_HEADER_UDP, type OutboundSa, TRAILER } from './sa.ts';

/**
 * Seals the `length` bytes at `from` into the packet at `at` under the SA's next sequence number.
 *
 * @returns the ESP packet's length; 0 when the numbers are used up or OpenSSL refused
 */
export function sealPacket(arena: Arena, sa: OutboundSa, from: number, length: number, at: number): number {
  const { u8, view } = arena;
  const { sealer } = sa;
  if (sa.sequence >= SEQUENCE_END) return 0;
  const sequence = ++sa.sequence;
  view.setUint32(at, sa.spi);
  view.setUint32(at + 4, sequence);

  const block = sealer.blockLength;
  const pad = (block - ((length + TRAILER) & (block - 1))) & (block - 1);
  const trailer = from + length;
  const after0 = view.getUint32(trailer);
  const after4 = view.getUint32(trailer + 4);
  const after8 = view.getUint32(trailer + 8);
  const after12 = view.getUint32(trailer + 12);
  const after16 = u8[trailer + 16]!;
  for (let i = 0; i < pad; i++) u8[trailer + i] = i + 1;
  u8[trailer + pad] = pad;
  u8[trailer + pad + 1] = sa.transport ? NEXT_HEADER_UDP : NEXT_HEADER_IPV4;

  const content = length + pad + TRAILER;
  const sealed = sealer.seal(at, from, content, sequence);

  view.setUint32(trailer, after0);
  view.setUint32(trailer + 4, after4);
  view.setUint32(trailer + 8, after8);
  view.setUint32(trailer + 12, after12);
  u8[trailer + 16] = after16;
  return sealed ? ESP_HEADER + sealer.ivLength + content + sealer.icvLength : 0;
}
