/** One IKE negotiation, named by its cookies: who, and its messages in the order in which they were seen. */
import { type Bytes, readU32 } from '../bytes/bytes.ts';
import { type Endpoint, sameEndpoint } from '../net/address.ts';
import { ExchangeType } from '../wire/isakmp.ts';
import { type IkeDatagram, isFragment, isFromInitiator, isResponse } from './ike-datagram.ts';
import { exchangeName, type IkeVersion } from './notify-words.ts';
import { factsText, type PayloadFact } from './payload-facts.ts';
import { COPY_WINDOW } from './sighting.ts';

/** How a message crossed the network. */
export type IkeWay = 'udp' | 'nat-t' | 'cisco-tcp' | 'tcp';

export type Role = 'initiator' | 'responder';

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

/** One datagram of it. */
export class Message {
  readonly packet: number;
  readonly at: number;
  readonly from: Role;
  readonly source: Endpoint;
  readonly destination: Endpoint;
  readonly way: IkeWay;
  readonly version: IkeVersion;
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
  /** Of its bytes: messages that are the same have the same. */
  readonly fingerprint: number;
  readonly payloads: readonly PayloadFact[];
  readonly trouble: string | undefined;

  constructor(datagram: IkeDatagram, arrival: Arrival, known: FoundOut) {
    this.packet = arrival.packet;
    this.at = arrival.at;
    this.from = known.from;
    this.source = known.source;
    this.destination = known.destination;
    this.way = arrival.way;
    this.version = datagram.version;
    this.exchange = datagram.exchange;
    this.messageId = datagram.messageId;
    this.isResponse = datagram.version === 2 ? isResponse(datagram) : undefined;
    this.isEncrypted = datagram.encrypted;
    this.isOpened = known.opened !== undefined;
    this.isFragment = isFragment(datagram);
    this.length = datagram.length;
    this.fragments = arrival.fragments;
    this.isLost = arrival.isLost;
    this.repeats = known.repeats;
    this.fingerprint = known.fingerprint;
    this.payloads = known.opened ?? datagram.payloads;
    this.trouble = datagram.trouble;
  }

  /** For a person: "main mode: SA aes256-sha1-modp1024 (psk), VID 5 times". */
  get summary(): string {
    const name = exchangeName(this.version, this.exchange);
    const direction = this.isResponse === undefined ? '' : this.isResponse ? ' response' : ' request';
    if (this.isEncrypted && !this.isOpened) return `${name}${direction}: encrypted, ${this.length} bytes`;
    return `${name}${direction}: ${factsText(this.payloads) || this.trouble || 'empty'}`;
  }
}

/** What a negotiation knows of a new message. */
interface FoundOut extends Pick<Message, 'from' | 'source' | 'destination' | 'fingerprint' | 'repeats'> {
  /** What is inside; undefined: it isn't encrypted, or stays closed. */
  readonly opened: readonly PayloadFact[] | undefined;
}

/** Our own limits on the messages kept of one negotiation: so many from its beginning, and so many from its end. */
export const MAX_FIRST_MESSAGES = 96;
export const MAX_LAST_MESSAGES = 96;
/** Our own limit on the addresses remembered of either side. */
export const MAX_ADDRESSES = 8;

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
  /** Both together, and answers to questions: once somebody has asked, and until more is seen. */
  #all: readonly Message[] | undefined;
  #asked: unknown[] = [];
  #answers: unknown[] = [];
  readonly #addresses: Readonly<Record<Role, string[]>>;

  constructor(number: number, datagram: IkeDatagram, arrival: Arrival) {
    this.number = number;
    this.version = datagram.version;
    this.initiatorCookie = datagram.initiatorCookie;
    this.responderCookie = datagram.responderCookie;
    this.isWhole = datagram.responderCookie === undefined && datagram.messageId === 0 && !isResponse(datagram);
    const sourceBegan =
      this.isWhole || (datagram.version === 2 ? isFromInitiator(datagram) : beganIkev1(datagram, arrival));
    this.initiator = sourceBegan ? arrival.source : arrival.destination;
    this.responder = sourceBegan ? arrival.destination : arrival.source;
    this.#addresses = { initiator: [this.initiator.address.text], responder: [this.responder.address.text] };
  }

  get messages(): readonly Message[] {
    if (this.#last.length === 0) return this.#first;
    this.#all ??= [...this.#first, ...this.#last];
    return this.#all;
  }

  get firstAt(): number {
    return this.#first[0]?.at ?? 0;
  }

  get lastAt(): number {
    return (this.#last.at(-1) ?? this.#first.at(-1))?.at ?? 0;
  }

  /** What rules ask again and again is found out once, and anew when more has been seen. */
  answerTo<T>(question: (negotiation: Negotiation) => T): T {
    // there are few: a map of each would take longer
    const at = this.#asked.indexOf(question);
    if (at >= 0) return this.#answers[at] as T;
    const answer = question(this);
    this.#asked.push(question);
    this.#answers.push(answer);
    return answer;
  }

  /** Undefined: a copy of a packet that was seen a moment before. `bytes`: the IKE message, as far as it was captured; `open`
   * gives what is inside if it is encrypted and a key opens it. */
  add(
    datagram: IkeDatagram,
    bytes: Bytes,
    arrival: Arrival,
    open: () => readonly PayloadFact[] | undefined,
  ): Message | undefined {
    const fingerprint = fingerprintOf(bytes);
    const alike = this.messages.filter((message) => message.fingerprint === fingerprint);
    const [first, last] = [alike[0], alike.at(-1)];
    if (last && arrival.at - last.at <= COPY_WINDOW) {
      this.copies++;
      return undefined;
    }
    // a key's chain of IVs goes on with what is new alone
    const opened = first ? undefined : open();
    const repeats = first?.repeats ?? first?.packet;
    const from = this.#roleOf(datagram, arrival);
    const [source, destination] = [this.#kept(arrival.source), this.#kept(arrival.destination)];
    const message = new Message(datagram, arrival, { from, source, destination, fingerprint, repeats, opened });
    this.#keep(message);
    return message;
  }

  #keep(message: Message): void {
    this.#forget();
    if (this.#first.length < MAX_FIRST_MESSAGES) {
      this.#first.push(message);
      return;
    }
    this.#last.push(message);
    if (this.#last.length <= MAX_LAST_MESSAGES) return;
    this.#last.shift();
    this.skipped++;
  }

  /** An equal one of the message before, if there is one: then there is one object of many equal ones. */
  #kept(endpoint: Endpoint): Endpoint {
    const { source, destination } = this.#last.at(-1) ?? this.#first.at(-1) ?? {};
    if (source && sameEndpoint(source, endpoint)) return source;
    return destination && sameEndpoint(destination, endpoint) ? destination : endpoint;
  }

  #forget(): void {
    this.#all = undefined;
    if (this.#asked.length === 0) return;
    this.#asked = [];
    this.#answers = [];
  }

  #roleOf(datagram: IkeDatagram, { source, destination }: Arrival): Role {
    const role = this.#guessRole(datagram, source, destination);
    const known = this.#addresses[role];
    if (!known.includes(source.address.text)) known.push(source.address.text);
    if (known.length > MAX_ADDRESSES) known.shift();
    return role;
  }

  #guessRole(datagram: IkeDatagram, source: Endpoint, destination: Endpoint): Role {
    if (datagram.version === 2) return isFromInitiator(datagram) ? 'initiator' : 'responder';
    const isKnown = (role: Role, { address }: Endpoint) => this.#addresses[role].includes(address.text);
    if (isKnown('initiator', source) && isKnown('responder', source))
      return source.port === this.initiator.port ? 'initiator' : 'responder';
    if (isKnown('responder', source)) return 'responder';
    if (isKnown('initiator', source)) return 'initiator';
    return isKnown('initiator', destination) ? 'responder' : 'initiator';
  }
}

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
export function exchangesOf(negotiation: Negotiation): readonly Exchange[] {
  return negotiation.answerTo(findExchanges);
}

function findExchanges({ messages, version }: Negotiation): readonly Exchange[] {
  const found = new Map<
    string,
    { type: number; messageId: number; begunBy: Role; messages: Message[]; repeats: Message[] }
  >();
  for (const message of messages) {
    const begunBy = message.isResponse ? otherRole(message.from) : message.from;
    const key = `${message.exchange} ${message.messageId} ${version === 2 ? begunBy : ''}`;
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

/** Message 2 brings the choice, and aggressive mode has no other of the responder's. */
function beganIkev1({ exchange, encrypted, payloads }: IkeDatagram, arrival: Arrival): boolean {
  if (!encrypted && payloads.some(({ kind }) => kind === 'SA')) return false;
  return exchange === ExchangeType.AGGRESSIVE || looksLikeClient(arrival);
}

/** Servers answer from their well-known ports; what comes from another is a client's. */
function looksLikeClient({ source, destination }: Arrival): boolean {
  const known = (port: number) => port === 500 || port === 4500;
  return !known(source.port) || known(destination.port);
}

/** FNV-1a by words, with high bits folded down: it tells retransmissions from new messages, and resists nobody. */
function fingerprintOf(bytes: Bytes): number {
  const words = bytes.length - (bytes.length % 4);
  let hash = 0x811c9dc5 ^ bytes.length;
  for (let at = 0; at < words; at += 4) {
    hash = Math.imul(hash ^ readU32(bytes, at), 0x01000193);
    hash ^= hash >>> 15;
  }
  for (let at = words; at < bytes.length; at++) hash = Math.imul(hash ^ bytes[at]!, 0x01000193);
  return hash;
}
