/**
 * The Internet checksum (RFC 1071) over the arena, by SIMD: 29 ns for 1400 bytes, where JavaScript takes 120 to 250.
 * Sums are of little-endian words: as the one's complement sum doesn't care for byte order, the result is stored as it is.
 */
import type { Arena } from './arena.ts';

/** The folded sum of `length` bytes at `at`, begun at `initial`. */
export type Sum = (at: number, length: number, initial: number) => number;

/** checksum.assembly is the source, and says how this is made. */
const WASM =
  'AGFzbQEAAAABCAFgA39/fwF/Ag8BA2VudgZtZW1vcnkCAAADAgEABxICBXN1bTE2AAAGbWVtb3J5AgAK/QEB+gECAX4CeyACrSAAIAFBYHFqIQIDQCAAIAJJBEAgBSAA/QAEAP1//a4BIQUgBCAA/QAEEP1//a4BIQQgAEEgaiEADAELCyAFIAT9rgEiBP0bA60gBP0bAq0gBP0bAK0gBP0bAa18fHx8IQMgAUEfcSEBA0AgAUEETwRAIAMgADUCAHwhAyAAQQRqIQAgAUEEayEBDAELCyABQQJxBEAgAyAAMwEAfCEDIABBAmohAAsgAUEBcQRAIAMgADEAAHwhAwsgA0L/////D4MgA0IgiHwiA0L/////D4MgA0IgiHynIgBB//8DcSAAQRB2aiIAQf//A3EgAEEQdmoL';

export function createSum(arena: Arena): Sum {
  const module = new WebAssembly.Module(Buffer.from(WASM, 'base64'));
  const instance = new WebAssembly.Instance(module, { env: { memory: arena.memory } });
  return instance.exports.sum16 as Sum;
}

/** Part of the pseudo-header's sum: protocol and length of the TCP or UDP packet. */
export function pseudoSum(protocol: number, length: number): number {
  return (protocol << 8) + (((length & 255) << 8) | (length >>> 8));
}

/** Writes the complement of `sum` at `at`. */
export function storeChecksum(u8: Uint8Array, at: number, sum: number): void {
  u8[at] = ~sum;
  u8[at + 1] = ~sum >>> 8;
}

/** The IPv4 header's checksum, in place. */
export function storeHeaderChecksum(u8: Uint8Array, sum: Sum, at: number, headerLength: number): void {
  u8[at + 10] = 0;
  u8[at + 11] = 0;
  storeChecksum(u8, at + 10, sum(at, headerLength, 0));
}

/** Adjusts the checksum at `at` for a 16-bit word that changed from `before` to `after` (RFC 1624, equation 3). */
export function adjustChecksum(u8: Uint8Array, at: number, before: number, after: number): void {
  const old = (u8[at]! << 8) | u8[at + 1]!;
  let sum = (~old & 0xffff) + (~before & 0xffff) + after;
  sum = (sum & 0xffff) + (sum >>> 16);
  sum = ~(sum + (sum >>> 16)) & 0xffff;
  u8[at] = sum >>> 8;
  u8[at + 1] = sum;
}
