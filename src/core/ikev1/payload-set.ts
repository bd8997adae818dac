/** The payloads of one message by type. Which may be missing or repeated is said where they are taken. */
import type { Bytes } from '../bytes/bytes.ts';
import { MalformedError } from '../bytes/reader.ts';
import { type Payload, PayloadType } from '../wire/isakmp.ts';

/** RFC 2409 section 5 */
const MIN_NONCE = 8;
const MAX_NONCE = 256;

export class PayloadSet {
  readonly #payloads: readonly Payload[];

  constructor(payloads: readonly Payload[]) {
    this.#payloads = payloads;
  }

  all(type: number): Bytes[] {
    return this.#payloads.filter((payload) => payload.type === type).map((payload) => payload.body);
  }

  optional(type: number): Bytes | undefined {
    const [body, ...others] = this.all(type);
    if (others.length > 0) throw new MalformedError(`payload ${type} came ${others.length + 1} times`);
    return body;
  }

  one(type: number): Bytes {
    const body = this.optional(type);
    if (!body) throw new MalformedError(`payload ${type} is missing`);
    return body;
  }

  nonce(): Bytes {
    const nonce = this.one(PayloadType.NONCE);
    if (nonce.length < MIN_NONCE || nonce.length > MAX_NONCE) {
      throw new MalformedError(`a nonce of ${nonce.length} bytes`);
    }
    return nonce;
  }
}
