/** All negotiations by their cookies: finds which one a message belongs to, puts fragments together, and opens what it can. */
import type { Bytes } from '../bytes/bytes.ts';
import { MalformedError } from '../bytes/reader.ts';
import { FragmentBuffer } from '../ikev1/fragments.ts';
import { type Payload, parseMessage } from '../wire/isakmp.ts';
import type { Conversation } from './conversation.ts';
import { type IkeDatagram, type IkeHead, isFragment, readDatagram, readHead, ZERO_COOKIE } from './ike-datagram.ts';
import { Ikev1Opener } from './ikev1-opener.ts';
import { Ikev2Opener } from './ikev2-opener.ts';
import { type Arrival, Negotiation } from './negotiation.ts';
import type { PayloadFact } from './payload-facts.ts';
import { PayloadMemory } from './payload-memory.ts';
import type { Reading } from './reading.ts';

/** Our own limits. */
export const MAX_NEGOTIATIONS = 60_000;
/** Of one message in fragments, and of those that are put together at a time. */
export const MAX_WHOLE = 32_768;
export const MAX_BUFFERS = 256;

/** What the table keeps of a negotiation beside what others may look at. */
interface Entry {
  readonly negotiation: Negotiation;
  opener: Ikev1Opener | Ikev2Opener | undefined;
}

export class IkeTable {
  readonly #reading: Reading;
  readonly #memory: PayloadMemory;
  readonly #drop: (what: string) => void;
  /** One that awaits the responder's cookie stands under the initiator's and none, and goes on standing there. */
  readonly #entries = new Map<string, Entry>();
  readonly #buffers = new Map<string, FragmentBuffer>();
  #count = 0;

  constructor(reading: Reading, drop: (what: string) => void) {
    this.#reading = reading;
    this.#memory = new PayloadMemory(reading);
    this.#drop = drop;
  }

  /** Messages that were passed over within long negotiations. */
  get skipped(): number {
    const all = new Set([...this.#entries.values()].map(({ negotiation }) => negotiation));
    return [...all].reduce((sum, { skipped }) => sum + skipped, 0);
  }

  take(head: IkeHead, message: Bytes, arrival: Arrival, conversation: Conversation): void {
    const whole = head.version === 1 && isFragment(head) ? this.#putTogether(head, message, arrival) : undefined;
    const datagram = readDatagram(whole?.head ?? head, whole?.bytes ?? message, this.#memory);
    const entry = this.#entryOf(head, datagram, arrival, conversation);
    if (!entry) return;
    const opener = this.#openerOf(entry, head);
    const isInClear = !datagram.encrypted;
    const open = () => {
      if (opener instanceof Ikev1Opener && isInClear) opener.note(datagram, whole?.bytes ?? message);
      return isInClear ? undefined : this.#facts(head, opener?.open(datagram, whole?.bytes ?? message));
    };
    const came = whole ? { ...datagram, firstPayload: head.firstPayload, length: head.length } : datagram;
    entry.negotiation.add(came, message, arrival, open);
  }

  #facts(head: IkeHead, payloads: readonly Payload[] | undefined): PayloadFact[] | undefined {
    return payloads?.map((payload) => this.#memory.read(head.version, payload));
  }

  #openerOf(entry: Entry, head: IkeHead): Entry['opener'] {
    const { crypto, keys } = this.#reading;
    if (entry.opener || !crypto) return entry.opener;
    if (head.version === 1) {
      const key = keys.ikev1.get(head.initiatorCookie);
      entry.opener = key && new Ikev1Opener(crypto, key);
    } else {
      const key = keys.ikev2.get(`${head.initiatorCookie} ${head.responderCookie}`);
      entry.opener = key && new Ikev2Opener(crypto, key);
    }
    return entry.opener;
  }

  #entryOf(head: IkeHead, datagram: IkeDatagram, arrival: Arrival, conversation: Conversation): Entry | undefined {
    const { cookies, responderCookie } = head;
    const known = this.#entries.get(cookies) ?? this.#awaiting(head);
    if (known) {
      if (known.negotiation.responderCookie === undefined && responderCookie !== undefined) {
        known.negotiation.responderCookie = responderCookie;
        this.#entries.set(cookies, known);
      }
      return known;
    }
    if (this.#count >= MAX_NEGOTIATIONS) {
      this.#drop('IKE messages of further negotiations');
      return undefined;
    }
    const negotiation = new Negotiation(this.#count + 1, datagram, arrival);
    if (!conversation.addNegotiation(negotiation)) return undefined;
    this.#count++;
    const entry = { negotiation, opener: undefined };
    this.#entries.set(cookies, entry);
    return entry;
  }

  /** The negotiation whose first message this is the first answer to. */
  #awaiting({ initiatorCookie, responderCookie }: IkeHead): Entry | undefined {
    const entry = responderCookie === undefined ? undefined : this.#entries.get(initiatorCookie + ZERO_COOKIE);
    return entry?.negotiation.responderCookie === undefined ? entry : undefined;
  }

  /** With the fragment that was missing: the message that they make. */
  #putTogether(head: IkeHead, message: Bytes, { source }: Arrival): { head: IkeHead; bytes: Bytes } | undefined {
    const name = `${head.initiatorCookie} ${head.responderCookie} ${source.address.text} ${source.port}`;
    let buffer = this.#buffers.get(name);
    if (!buffer) {
      if (this.#buffers.size >= MAX_BUFFERS) this.#buffers.delete(this.#buffers.keys().next().value!);
      buffer = new FragmentBuffer();
      this.#buffers.set(name, buffer);
    }
    try {
      const bytes = buffer.add(parseMessage(message), MAX_WHOLE);
      if (typeof bytes === 'string') return undefined;
      this.#buffers.delete(name);
      const inner = readHead(bytes, bytes.length);
      return inner && { head: inner, bytes };
    } catch (error) {
      if (error instanceof MalformedError) return undefined;
      throw error;
    }
  }
}
