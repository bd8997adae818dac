/** MD4, RFC 1320. Broken as a hash since 1995: here only because MS-CHAPv2 hashes passwords with it (RFC 2759 section 8.3). */
import type { Bytes } from '../bytes/bytes.ts';

const BLOCK = 64;
/** Rotations of the three rounds, each four in turn. */
const SHIFTS = [
  [3, 7, 11, 19],
  [3, 5, 9, 13],
  [3, 9, 11, 15],
] as const;
/** The word that each step of a round takes. */
const WORDS = [
  [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15],
  [0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15],
  [0, 8, 4, 12, 2, 10, 6, 14, 1, 9, 5, 13, 3, 11, 7, 15],
] as const;
const CONSTANTS = [0, 0x5a827999, 0x6ed9eba1] as const;
const MIXERS = [
  (x: number, y: number, z: number) => (x & y) | (~x & z),
  (x: number, y: number, z: number) => (x & y) | (x & z) | (y & z),
  (x: number, y: number, z: number) => x ^ y ^ z,
] as const;

export function md4(message: Bytes): Uint8Array<ArrayBuffer> {
  const padded = pad(message);
  const view = new DataView(padded.buffer);
  const state = Int32Array.of(0x67452301, 0xefcdab89, 0x98badcfe, 0x10325476);
  for (let at = 0; at < padded.length; at += BLOCK) mix(state, view, at);
  const digest = new Uint8Array(16);
  const out = new DataView(digest.buffer);
  for (const [i, word] of state.entries()) out.setInt32(4 * i, word, true);
  return digest;
}

/** A one bit, zeros, and the length in bits: whole blocks. */
function pad(message: Bytes): Uint8Array<ArrayBuffer> {
  const padded = new Uint8Array(Math.ceil((message.length + 9) / BLOCK) * BLOCK);
  padded.set(message);
  padded[message.length] = 0x80;
  new DataView(padded.buffer).setUint32(padded.length - 8, message.length * 8, true);
  return padded;
}

function mix(state: Int32Array, view: DataView, at: number): void {
  let [a, b, c, d] = [state[0]!, state[1]!, state[2]!, state[3]!];
  for (let round = 0; round < 3; round++) {
    const [words, shifts, mixer, constant] = [WORDS[round]!, SHIFTS[round]!, MIXERS[round]!, CONSTANTS[round]!];
    for (let step = 0; step < 16; step++) {
      const word = view.getInt32(at + 4 * words[step]!, true);
      const sum = (a + mixer(b, c, d) + word + constant) | 0;
      const shift = shifts[step & 3]!;
      // a swap of all four at once would make an array each time
      a = d;
      d = c;
      c = b;
      b = (sum << shift) | (sum >>> (32 - shift));
    }
  }
  state[0]! += a;
  state[1]! += b;
  state[2]! += c;
  state[3]! += d;
}
