/** One IKE negotiation, named by its cookies: who, and its messages in the order in which they were seen. */
import type { Bytes } from '../bytes/bytes.ts';
import type { Endpoint } from '../net/address.ts';
import { type IkeDatagram, isFragment, isFromInitiator, isResponse } from './ike-datagram.ts';
import { exchangeName, type IkeVersion } from './notify-words.ts';
import { factsText, type PayloadFact } from './payload-facts.ts';

/** How a message crossed the network. */
export type IkeWay = 'udp' | 'nat-t' | 'cisco-tcp' | 'tcp';

export type Role = 'initiator' | 'responder';

export interface Message {
  readonly packet: number;
  readonly at: number;
  readonly from: Role;
  readonly source: Endpoint;
  readonly destination: Endpoint;
  readonly way: IkeWay;
  readonly exchange: number;
  readonly messageId: number;
  /** IKEv2 says so itself; with IKEv1 undefined. */
  readonly isResponse: boolean | undefined;
  readonly isEncrypted: boolean;
  /** It was encrypted, and a key opened it. */
  readonly isOpened: boolean;
  /** A fragment in the sense of IKE: payload 132, or SKF. */
  readonly isFragment: boolean;
  /** Bytes of the IKE message. */
  readonly length: number;
  /** IP fragments that it came in. */
  readonly fragments: number;
  /** Some of those never came. */
  readonly isLost: boolean;
  /** The packet that this is the same as, byte for byte: a retransmission. */
  readonly repeats: number | undefined;
  readonly payloads: readonly PayloadFact[];
  /** For a person: "main mode: SA aes256-sha1-modp1024 (psk), VID 5 times". */
  readonly summary: string;
  readonly trouble: string | undefined;
}

/** What the message came in. */
export interface Arrival {
  readonly packet: number;
  readonly at: number;
  readonly source: Endpoint;
  readonly destination: Endpoint;
  readonly way: IkeWay;
  readonly fragments: number;
  readonly isLost: boolean;
}

/** Our own limits on the messages kept of one negotiation: so many from its beginning, and so many from its end. */
export const MAX_FIRST_MESSAGES = 96;
export const MAX_LAST_MESSAGES = 96;
/** Equal packets within this time are one that the capture saw in two places, not a retransmission. Milliseconds. */
const COPY_WINDOW = 60;

export class Negotiation {
  /** From 1, in the order of their first packets. */
  readonly number: number;
  readonly version: IkeVersion;
  readonly initiatorCookie: string;
  responderCookie: string | undefined;
  /** As first seen; either may move later. */
  readonly initiator: Endpoint;
  readonly responder: Endpoint;
  /** Seen from its first message on; else who began it is a guess. */
  readonly isWhole: boolean;
  /** Messages between the first and the last that are kept. */
  skipped = 0;
  /** Packets that the capture holds twice. */
  copies = 0;

  readonly #first: Message[] = [];
  readonly #last: Message[] = [];
  readonly #seen = new Map<string, { readonly packet: number; at: number }>();
  readonly #addresses: Record<Role, Set<string>>;

  constructor(number: number, datagram: IkeDatagram, arrival: Arrival) {
    this.number = number;
    this.version = datagram.version;
    this.initiatorCookie = datagram.initiatorCookie;
    this.responderCookie = datagram.responderCookie;
    this.isWhole = datagram.responderCookie === undefined && datagram.messageId === 0 && !isResponse(datagram);
    const sourceBegan = this.isWhole || (datagram.version === 2 ? isFromInitiator(datagram) : looksLikeClient(arrival));
    this.initiator = sourceBegan ? arrival.source : arrival.destination;
    this.responder = sourceBegan ? arrival.destination : arrival.source;
    this.#addresses = {
      initiator: new Set([this.initiator.address.text]),
      responder: new Set([this.responder.address.text]),
    };
  }

  get messages(): readonly Message[] {
    return this.#last.length === 0 ? this.#first : [...this.#first, ...this.#last];
  }

  get firstAt(): number {
    return this.#first[0]?.at ?? 0;
  }

  get lastAt(): number {
    return (this.#last.at(-1) ?? this.#first.at(-1))?.at ?? 0;
  }

  /** Undefined: a copy of a packet that was seen a moment before. `bytes`: the IKE message, as far as it was captured; `open`
   * gives what is inside if it is encrypted and a key opens it. */
  add(
    datagram: IkeDatagram,
    bytes: Bytes,
    arrival: Arrival,
    open: () => readonly PayloadFact[] | undefined,
  ): Message | undefined {
    const fingerprint = `${hashOf(bytes)} ${bytes.length}`;
    const earlier = this.#seen.get(fingerprint);
    if (earlier && arrival.at - earlier.at <= COPY_WINDOW) {
      this.copies++;
      return undefined;
    }
    this.#remember(fingerprint, arrival, earlier);
    // a key's chain of IVs goes on with what is new alone
    const opened = earlier ? undefined : open();
    const payloads = opened ?? datagram.payloads;
    const message: Message = {
      ...arrival,
      from: this.#roleOf(datagram, arrival),
      exchange: datagram.exchange,
      messageId: datagram.messageId,
      isResponse: datagram.version === 2 ? isResponse(datagram) : undefined,
      isEncrypted: datagram.encrypted,
      isOpened: opened !== undefined,
      isFragment: isFragment(datagram),
      length: datagram.length,
      repeats: earlier?.packet,
      payloads,
      summary: summaryOf(datagram, payloads, opened !== undefined),
      trouble: datagram.trouble,
    };
    this.#keep(message);
    return message;
  }

  #remember(
    fingerprint: string,
    { packet, at }: Arrival,
    earlier: { readonly packet: number; at: number } | undefined,
  ): void {
    if (earlier) earlier.at = at;
    else this.#seen.set(fingerprint, { packet, at });
    if (this.#seen.size > MAX_FIRST_MESSAGES + MAX_LAST_MESSAGES) this.#seen.delete(this.#seen.keys().next().value!);
  }

  #keep(message: Message): void {
    if (this.#first.length < MAX_FIRST_MESSAGES) {
      this.#first.push(message);
      return;
    }
    this.#last.push(message);
    if (this.#last.length <= MAX_LAST_MESSAGES) return;
    this.#last.shift();
    this.skipped++;
  }

  #roleOf(datagram: IkeDatagram, { source, destination }: Arrival): Role {
    const role = this.#guessRole(datagram, source, destination);
    this.#addresses[role].add(source.address.text);
    if (this.#addresses[role].size > MAX_ADDRESSES)
      this.#addresses[role].delete(this.#addresses[role].values().next().value!);
    return role;
  }

  #guessRole(datagram: IkeDatagram, source: Endpoint, destination: Endpoint): Role {
    if (datagram.version === 2) return isFromInitiator(datagram) ? 'initiator' : 'responder';
    const { initiator, responder } = this.#addresses;
    if (initiator.has(source.address.text) && responder.has(source.address.text))
      return source.port === this.initiator.port ? 'initiator' : 'responder';
    if (responder.has(source.address.text)) return 'responder';
    if (initiator.has(source.address.text)) return 'initiator';
    return initiator.has(destination.address.text) ? 'responder' : 'initiator';
  }
}

/** Our own limit on the addresses remembered of either side. */
const MAX_ADDRESSES = 8;

/** Messages that belong together: with IKEv1 one message ID and type, with IKEv2 a request and its response. */
export interface Exchange {
  readonly type: number;
  readonly messageId: number;
  readonly begunBy: Role;
  /** Each once: without retransmissions. */
  readonly messages: readonly Message[];
  readonly repeats: readonly Message[];
}

/** In the order of their first messages. Phase 1 is one, with message ID 0. */
export function exchangesOf(negotiation: Negotiation): Exchange[] {
  const found = new Map<
    string,
    { type: number; messageId: number; begunBy: Role; messages: Message[]; repeats: Message[] }
  >();
  for (const message of negotiation.messages) {
    const begunBy = message.isResponse ? otherRole(message.from) : message.from;
    const key = `${message.exchange} ${message.messageId} ${negotiation.version === 2 ? begunBy : ''}`;
    let exchange = found.get(key);
    if (!exchange) {
      exchange = { type: message.exchange, messageId: message.messageId, begunBy, messages: [], repeats: [] };
      found.set(key, exchange);
    }
    (message.repeats === undefined ? exchange.messages : exchange.repeats).push(message);
  }
  return [...found.values()];
}

export function otherRole(role: Role): Role {
  return role === 'initiator' ? 'responder' : 'initiator';
}

/** Servers answer from their well-known ports; what comes from another is a client's. */
function looksLikeClient({ source, destination }: Arrival): boolean {
  const known = (port: number) => port === 500 || port === 4500;
  return !known(source.port) || known(destination.port);
}

function summaryOf(datagram: IkeDatagram, payloads: readonly PayloadFact[], isOpened: boolean): string {
  const name = exchangeName(datagram.version, datagram.exchange);
  const direction = datagram.version === 2 ? (isResponse(datagram) ? ' response' : ' request') : '';
  if (datagram.encrypted && !isOpened) return `${name}${direction}: encrypted, ${datagram.length} bytes`;
  return `${name}${direction}: ${factsText(payloads) || datagram.trouble || 'empty'}`;
}

/** FNV-1a of 32 bits: it tells retransmissions from new messages, and resists nobody. */
function hashOf(bytes: Bytes): number {
  let hash = 0x811c9dc5;
  for (let i = 0; i < bytes.length; i++) hash = Math.imul(hash ^ bytes[i]!, 0x01000193);
  return hash >>> 0;
}
