/** Thousands of clients send few different proposals and vendor IDs: equal ones are read once, and become one object. */
import { toHex } from '../bytes/text.ts';
import { Ikev2Payload } from '../wire/ikev2.ts';
import { type Payload, PayloadType } from '../wire/isakmp.ts';
import type { IkeVersion } from './notify-words.ts';
import { type PayloadFact, readPayload } from './payload-facts.ts';
import type { Reading } from './reading.ts';

/** Our own limits on what is remembered: so many payloads, none of them longer than so many bytes. */
export const MAX_COMMON = 512;
export const MAX_COMMON_LENGTH = 1024;

export class PayloadMemory {
  readonly #reading: Reading;
  readonly #facts = new Map<string, PayloadFact>();

  constructor(reading: Reading) {
    this.#reading = reading;
  }

  read(version: IkeVersion, payload: Payload): PayloadFact {
    const { type, body } = payload;
    if (!isCommon(version, type) || body.length > MAX_COMMON_LENGTH)
      return readPayload(version, payload, this.#reading);
    const name = `${version} ${type} ${toHex(body)}`;
    const known = this.#facts.get(name);
    if (known) return known;
    const fact = readPayload(version, payload, this.#reading);
    if (this.#facts.size >= MAX_COMMON) this.#facts.clear();
    this.#facts.set(name, fact);
    return fact;
  }
}

function isCommon(version: IkeVersion, type: number): boolean {
  return version === 1
    ? type === PayloadType.SA || type === PayloadType.VID
    : type === Ikev2Payload.SA || type === Ikev2Payload.V;
}
