/**
 * Thousands of clients send few different proposals and vendor IDs: equal ones are read once, and become one object. Of proposals
 * that aren't equal only so many are read: eight bytes of one make some two hundred.
 */
import { toHex } from '../bytes/text.ts';
import { Ikev2Payload } from '../wire/ikev2.ts';
import { type Payload, PayloadType } from '../wire/isakmp.ts';
import type { IkeVersion } from './notify-words.ts';
import { KINDS, type Suite } from './offer.ts';
import { type PayloadFact, readPayload } from './payload-facts.ts';
import type { Reading } from './reading.ts';

/** Our own limits on what is remembered: so many payloads, none of them longer than so many bytes. */
export const MAX_COMMON = 512;
export const MAX_COMMON_LENGTH = 1024;
/** Names of algorithms in all proposals that were read; one that has none counts as one. */
export const MAX_NAMES = 1_000_000;

export class PayloadMemory {
  readonly #reading: Reading;
  readonly #facts = new Map<string, PayloadFact>();
  #names = 0;

  constructor(reading: Reading) {
    this.#reading = reading;
  }

  read(version: IkeVersion, payload: Payload): PayloadFact {
    const { type, body } = payload;
    if (!isCommon(version, type) || body.length > MAX_COMMON_LENGTH) return this.#read(version, payload);
    const name = `${version} ${type} ${toHex(body)}`;
    const known = this.#facts.get(name);
    if (known) return known;
    const fact = this.#read(version, payload);
    if (this.#facts.size >= MAX_COMMON) this.#facts.clear();
    this.#facts.set(name, fact);
    return fact;
  }

  #read(version: IkeVersion, payload: Payload): PayloadFact {
    const { type, body } = payload;
    if (isProposal(version, type) && this.#names >= MAX_NAMES)
      return { kind: 'other', type, name: 'SA, unread behind so many others', length: body.length };
    const fact = readPayload(version, payload, this.#reading);
    if (fact.kind === 'SA') this.#names += fact.offer.reduce((sum, suite) => sum + namesIn(suite), 0);
    return fact;
  }
}

function namesIn(suite: Suite): number {
  return Math.max(
    1,
    KINDS.reduce((sum, kind) => sum + suite[kind].length, 0),
  );
}

function isCommon(version: IkeVersion, type: number): boolean {
  return isProposal(version, type) || type === (version === 1 ? PayloadType.VID : Ikev2Payload.V);
}

function isProposal(version: IkeVersion, type: number): boolean {
  return type === (version === 1 ? PayloadType.SA : Ikev2Payload.SA);
}
