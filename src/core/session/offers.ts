/**
 * The offers (SA payload bodies) of negotiations under way. Phase 1 has to keep the initiator's word for word, since its
 * proofs cover it; but thousands of clients of one kind make the same, and so does a flood: equal ones are kept once.
 */
import type { Bytes } from '../bytes/bytes.ts';
import { toHex } from '../bytes/text.ts';
import type { CryptoProvider } from '../crypto/provider.ts';

interface Held {
  readonly offer: Bytes;
  users: number;
}

/** Its size is bounded by its owner, who counts `bytes` in and releases what is too much. */
export class Offers {
  readonly #crypto: CryptoProvider;
  readonly #held = new Map<string, Held>();
  /** Digests of the copies handed out. */
  readonly #digests = new WeakMap<Bytes, string>();
  #bytes = 0;

  constructor(crypto: CryptoProvider) {
    this.#crypto = crypto;
  }

  /** Bytes of all that are held, each counted once. */
  get bytes(): number {
    return this.#bytes;
  }

  get count(): number {
    return this.#held.size;
  }

  /** The copy that is held of such an offer, else a new one, which is not held before somebody calls `hold`. */
  share(body: Bytes): Bytes {
    const digest = toHex(this.#crypto.hash('sha256', body));
    const known = this.#held.get(digest);
    if (known) return known.offer;
    const offer = body.slice();
    this.#digests.set(offer, digest);
    return offer;
  }

  /** One more needs it. Only for what `share` gave. */
  hold(offer: Bytes): void {
    const digest = this.#digestOf(offer);
    const held = this.#held.get(digest) ?? { offer, users: 0 };
    if (held.users++ > 0) return;
    this.#held.set(digest, held);
    this.#bytes += offer.length;
  }

  /** One less does; with the last it goes. */
  release(offer: Bytes): void {
    const digest = this.#digestOf(offer);
    const held = this.#held.get(digest);
    if (!held || --held.users > 0) return;
    this.#held.delete(digest);
    this.#bytes -= offer.length;
  }

  #digestOf(offer: Bytes): string {
    const digest = this.#digests.get(offer);
    if (digest === undefined) throw new RangeError('not an offer that share gave');
    return digest;
  }
}
