/**
 * Hashes and HMAC by node:crypto's one-shot hash, in one piece of memory. `createHmac` takes four times as long: each call
 * makes objects outside the heap for the key, the HMAC and its result, which the collector has to bury.
 *
 *     HMAC = H(K xor opad | H(K xor ipad | text))                          RFC 2104
 */
import { hash } from 'node:crypto';
import type { Bytes } from '../../core/bytes/bytes.ts';
import type { HashName } from '../../core/crypto/algorithms.ts';

/** B of RFC 2104, in bytes. */
const BLOCK: Readonly<Record<HashName, number>> = { md5: 64, sha1: 64, sha256: 64, sha384: 128, sha512: 128 };
const IPAD = 0x36;
const OPAD = 0x5c;

/** Room for nearly all that IKE hashes. What is longer gets its own. */
const COMMON = Buffer.alloc(4096);

export function digest(name: HashName, ...parts: readonly Bytes[]): Bytes {
  const [only] = parts;
  if (only && parts.length === 1) return bytesOf(hash(name, only, 'binary'));
  return withRoom(0, parts, (room, end) => bytesOf(hash(name, room.subarray(0, end), 'binary')));
}

export function hmac(name: HashName, key: Bytes, ...parts: readonly Bytes[]): Bytes {
  const block = BLOCK[name];
  const short = key.length > block ? digest(name, key) : key;
  return withRoom(block, parts, (room, end) => {
    writePad(room, short, block, IPAD);
    const inner = hash(name, room.subarray(0, end), 'binary');
    writePad(room, short, block, OPAD);
    return bytesOf(hash(name, room.subarray(0, block + room.write(inner, block, 'binary')), 'binary'));
  });
}

/** Gives `use` the `parts` behind `front` bytes of room, and wipes them afterwards: most are secret. */
function withRoom(front: number, parts: readonly Bytes[], use: (room: Buffer, end: number) => Bytes): Bytes {
  const length = parts.reduce((sum, part) => sum + part.length, front);
  // the inner hash needs room behind the pad, however short the text is
  const room = length + front <= COMMON.length ? COMMON : Buffer.alloc(length + front);
  let end = front;
  for (const part of parts) {
    room.set(part, end);
    end += part.length;
  }
  const result = use(room, end);
  room.fill(0, 0, length + front);
  return result;
}

function writePad(room: Buffer, key: Bytes, block: number, pad: number): void {
  for (let i = 0; i < block; i++) room[i] = (key[i] ?? 0) ^ pad;
}

/** Of a string with a byte in each character. Up to 64 bytes lie in the heap itself. */
function bytesOf(binary: string): Bytes {
  const bytes = new Uint8Array(binary.length);
  for (let i = 0; i < bytes.length; i++) bytes[i] = binary.charCodeAt(i);
  return bytes;
}
