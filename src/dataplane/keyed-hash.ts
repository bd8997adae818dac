/** A keyed hash of a few bytes in the arena, by a key that nobody outside of this process ever sees: SipHash-2-4. */
import {
  EVP_MAC_CTX_free,
  EVP_MAC_CTX_new,
  EVP_MAC_fetch,
  EVP_MAC_final,
  EVP_MAC_init,
  EVP_MAC_update,
  RAND_bytes,
} from '../ffi/openssl.ts';
import type { Arena } from './arena.ts';

const KEY_LENGTH = 16;
const OUTPUT = 16;

export class KeyedHash {
  readonly #arena: Arena;
  readonly #key: number;
  readonly #out: number;
  readonly #ctx: number;

  constructor(arena: Arena) {
    this.#arena = arena;
    this.#key = arena.allocate(KEY_LENGTH);
    this.#out = arena.allocate(OUTPUT + 8);
    const mac = EVP_MAC_fetch(0, 'SIPHASH', 0);
    this.#ctx = mac === 0 ? 0 : EVP_MAC_CTX_new(mac);
    if (this.#ctx === 0 || RAND_bytes(arena.base + this.#key, KEY_LENGTH) !== 1)
      throw new Error('OpenSSL has no SipHash');
  }

  /** 32 bits of the hash of the `length` bytes at `at`. */
  hash(at: number, length: number): number {
    const { base, view } = this.#arena;
    const done =
      EVP_MAC_init(this.#ctx, base + this.#key, KEY_LENGTH, 0) === 1 &&
      EVP_MAC_update(this.#ctx, base + at, length) === 1 &&
      EVP_MAC_final(this.#ctx, base + this.#out, base + this.#out + OUTPUT, OUTPUT) === 1;
    if (!done) throw new Error('OpenSSL refused to hash');
    return view.getUint32(this.#out, true);
  }

  free(): void {
    this.#arena.u8.fill(0, this.#key, this.#key + KEY_LENGTH);
    EVP_MAC_CTX_free(this.#ctx);
  }
}
