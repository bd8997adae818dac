/** The gateway's ISAKMP SAs by what names them: both cookies; before these are known, the first message and its source. */
import type { Bytes } from '../bytes/bytes.ts';
import { toHex } from '../bytes/text.ts';
import type { CryptoProvider } from '../crypto/provider.ts';
import type { Ikev1Sa } from '../ikev1/sa.ts';
import type { Endpoint } from '../net/address.ts';
import { Offers } from './offers.ts';

/** Negotiations under way, not counting established ones. Above, a new one takes the place of the oldest. */
export const MAX_HALF_OPEN = 4096;
/** Bytes that all of them hold together of what their peers sent, equal offers once: above, the oldest goes. */
export const MAX_HALF_OPEN_BYTES = 1 << 24;

interface HalfOpen {
  readonly sa: Ikev1Sa;
  /** Its own. */
  bytes: number;
  offer: Bytes | undefined;
}

export class SaTable {
  readonly #byId = new Map<number, Ikev1Sa>();
  readonly #byCookies = new Map<string, Ikev1Sa>();
  /** Responders under way by their first message, the oldest first. */
  readonly #halfOpen = new Map<string, HalfOpen>();
  /** The same once they are established: a late copy of a first message is nothing new. As many as may be half-open. */
  readonly #established = new Map<string, Ikev1Sa>();
  /** Where responders' first messages came from. */
  readonly #sources = new Map<number, Endpoint>();
  /** Initiators by their own cookie until the peer's is known. */
  readonly #initiated = new Map<string, Ikev1Sa>();
  readonly #offers: Offers;
  #ownBytes = 0;

  constructor(crypto: CryptoProvider) {
    this.#offers = new Offers(crypto);
  }

  get halfOpen(): number {
    return this.#halfOpen.size;
  }

  get halfOpenBytes(): number {
    return this.#ownBytes + this.#offers.bytes;
  }

  /** A copy of that offer which all who make the same share, for an SA that is weighed next. */
  shareOffer(body: Bytes): Bytes {
    return this.#offers.share(body);
  }

  byId(id: number): Ikev1Sa | undefined {
    return this.#byId.get(id);
  }

  byCookies(initiator: Bytes, responder: Bytes): Ikev1Sa | undefined {
    const known = this.#byCookies.get(cookiesKey(initiator, responder));
    return known ?? (this.#initiated.size > 0 ? this.#initiated.get(toHex(initiator)) : undefined);
  }

  byFirstMessage(initiator: Bytes, source: Endpoint): Ikev1Sa | undefined {
    const key = firstMessageKey(initiator, source);
    return this.#halfOpen.get(key)?.sa ?? this.#established.get(key);
  }

  addResponder(sa: Ikev1Sa, source: Endpoint): void {
    const key = firstMessageKey(sa.initiatorCookie, source);
    this.#halfOpen.set(key, { sa, bytes: 0, offer: undefined });
    this.#sources.set(sa.id, source);
    this.#byCookies.set(cookiesKey(sa.initiatorCookie, sa.responderCookie), sa);
    this.#byId.set(sa.id, sa);
  }

  addInitiator(sa: Ikev1Sa): void {
    this.#initiated.set(toHex(sa.initiatorCookie), sa);
    this.#byId.set(sa.id, sa);
  }

  /** Where a responder's first message came from. */
  sourceOf(sa: Ikev1Sa): Endpoint | undefined {
    return this.#sources.get(sa.id);
  }

  /** Phase 1 is done: no longer half-open, and known by both cookies. */
  establish(sa: Ikev1Sa): void {
    const key = this.#firstMessageOf(sa);
    this.#closeHalfOpen(key);
    if (key !== undefined) this.#established.set(key, sa);
    if (this.#established.size > MAX_HALF_OPEN) this.#established.delete(this.#established.keys().next().value!);
    this.#initiated.delete(toHex(sa.initiatorCookie));
    this.#byCookies.set(cookiesKey(sa.initiatorCookie, sa.responderCookie), sa);
  }

  remove(sa: Ikev1Sa): void {
    const key = this.#firstMessageOf(sa);
    this.#closeHalfOpen(key);
    if (key !== undefined && this.#established.get(key) === sa) this.#established.delete(key);
    this.#sources.delete(sa.id);
    this.#initiated.delete(toHex(sa.initiatorCookie));
    this.#byCookies.delete(cookiesKey(sa.initiatorCookie, sa.responderCookie));
    this.#byId.delete(sa.id);
  }

  /** Counts what a half-open SA holds now. */
  weigh(sa: Ikev1Sa): void {
    const entry = this.#halfOpen.get(this.#firstMessageOf(sa) ?? '');
    if (!entry) return;
    this.#ownBytes += sa.bytesHeld - entry.bytes;
    entry.bytes = sa.bytesHeld;
    if (entry.offer || !sa.offer) return;
    entry.offer = sa.offer;
    this.#offers.hold(entry.offer);
  }

  /** The oldest half-open SA, if there are too many or they hold too much: its owner ends it. */
  surplus(): Ikev1Sa | undefined {
    const over = this.#halfOpen.size > MAX_HALF_OPEN || this.halfOpenBytes > MAX_HALF_OPEN_BYTES;
    return over ? this.#halfOpen.values().next().value?.sa : undefined;
  }

  /** Undefined: the first message was ours. */
  #firstMessageOf(sa: Ikev1Sa): string | undefined {
    const source = this.#sources.get(sa.id);
    return source && firstMessageKey(sa.initiatorCookie, source);
  }

  #closeHalfOpen(key: string | undefined): void {
    const entry = key === undefined ? undefined : this.#halfOpen.get(key);
    if (key === undefined || !entry) return;
    this.#ownBytes -= entry.bytes;
    if (entry.offer) this.#offers.release(entry.offer);
    this.#halfOpen.delete(key);
  }
}

/** A character for each byte, in one piece: every message is looked up by it, and it lives as long as the SA. */
function cookiesKey(initiator: Bytes, responder: Bytes): string {
  return String.fromCharCode(...initiator, ...responder);
}

/** In one piece, too. */
function firstMessageKey(initiator: Bytes, { address, port }: Endpoint): string {
  return String.fromCharCode(...initiator, port, ...address.bytes);
}
