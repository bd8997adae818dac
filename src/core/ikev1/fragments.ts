/**
 * IKEv1 fragmentation ([MS-IKEE] 2.2.7 and Cisco): a message cut into payloads 132, each behind a copy of its header.
 *
 *     ISAKMP header (next payload 132) | 0 | 0 | length(2) | fragment ID(2) | number(1) | flags(1: 1 = last) | data
 */
import { type Bytes, bytesEqual, concat } from '../bytes/bytes.ts';
import { encodeFragment, parseFragment } from '../wire/ikev1.ts';
import {
  encodeMessage,
  encodePayloads,
  type IsakmpMessage,
  MAX_MESSAGE_LENGTH,
  PayloadType,
  parseMessage,
  parseWholeChain,
} from '../wire/isakmp.ts';

/** Longest message that goes out whole, and the data of one fragment: both fit IPv6's 1280 with all headers. */
const MAX_WHOLE = 1200;
const FRAGMENT_DATA = 1100;
/** Our own limit on what is put together. */
const MAX_FRAGMENTS = 64;

/** The message itself, or its fragments. */
export function splitMessage(message: Bytes, id: number): Bytes[] {
  if (message.length <= MAX_WHOLE) return [message];
  const { header } = parseMessage(message);
  const count = Math.ceil(message.length / FRAGMENT_DATA);
  return Array.from({ length: count }, (_, i) => {
    const data = message.subarray(i * FRAGMENT_DATA, (i + 1) * FRAGMENT_DATA);
    const body = encodePayloads([encodeFragment({ id, number: i + 1, last: i + 1 === count, data })]);
    return encodeMessage({ ...header, nextPayload: PayloadType.FRAGMENT, flags: 0 }, body);
  });
}

/** Puts one message at a time together; a fragment that is of another, by its ID or its contents, drops what there was. */
export class FragmentBuffer {
  #id = 0;
  #parts = new Map<number, Bytes>();
  #total: number | undefined;
  #length = 0;

  /**
   * Takes a message whose next payload is 132, of a whole of at most `limit` bytes: the whole message once its last missing
   * fragment is here. `dropped`: it, or what was here before it, counts for nothing. Throws MalformedError on what is no
   * fragment.
   */
  add(message: IsakmpMessage, limit = MAX_MESSAGE_LENGTH): Bytes | 'incomplete' | 'dropped' {
    const [payload, ...others] = parseWholeChain(PayloadType.FRAGMENT, message.body);
    const fragment = payload && others.length === 0 ? parseFragment(payload.body) : undefined;
    if (!fragment || fragment.number > MAX_FRAGMENTS) return 'dropped';
    const seen = this.#parts.get(fragment.number);
    if (fragment.id === this.#id && seen && bytesEqual(seen, fragment.data)) return 'dropped';
    // some give all their messages the same ID
    const other = fragment.id !== this.#id || seen !== undefined || this.#contradicts(fragment);
    const anew = other && this.#parts.size > 0;
    if (other) this.#start(fragment.id);
    if (this.#length + fragment.data.length > limit) {
      this.#start(0);
      return 'dropped';
    }
    // a view would keep the whole receive buffer alive
    this.#parts.set(fragment.number, fragment.data.slice());
    this.#length += fragment.data.length;
    if (fragment.last) this.#total = fragment.number;
    if (this.#parts.size === this.#total) return this.#finish(this.#total);
    return anew ? 'dropped' : 'incomplete';
  }

  /** Bytes held. */
  get length(): number {
    return this.#length;
  }

  /** A second end, or a number behind the end. */
  #contradicts(fragment: { readonly number: number; readonly last: boolean }): boolean {
    if (this.#total !== undefined) return fragment.last || fragment.number > this.#total;
    return fragment.last && [...this.#parts.keys()].some((number) => number > fragment.number);
  }

  #finish(total: number): Bytes {
    const whole = concat(...Array.from({ length: total }, (_, i) => this.#parts.get(i + 1)!));
    this.#start(0);
    return whole;
  }

  #start(id: number): void {
    this.#id = id;
    this.#parts = new Map();
    this.#total = undefined;
    this.#length = 0;
  }
}
