/** Exchanges under an established phase 1: their IV chains, their repeats, and the bound on how many there are. */
import { type Bytes, bytesEqual, constantTimeEqual } from '../bytes/bytes.ts';
import type { IkePath } from '../carrier/ike-path.ts';
import { MAX_REPEATS, nextAttempt } from '../ike/retransmission.ts';
import { SparseMap } from '../ike/sparse-map.ts';
import { type Instant, MINUTE } from '../net/time.ts';
import { decryptBody, encryptBody, phase2Iv } from '../protection/ikev1-cipher.ts';
import { hash1 } from '../protection/ikev1-hashes.ts';
import {
  ExchangeType,
  encodePayloads,
  Flag,
  firstPayload,
  type IsakmpMessage,
  PAYLOAD_HEADER_LENGTH,
  type Payload,
  PayloadType,
  parsePayloads,
} from '../wire/isakmp.ts';
import type { Established, SaContext } from './context.ts';
import { PayloadSet } from './payload-set.ts';
import type { QuickModeState } from './quick-mode.ts';
import type { TransactionState } from './transaction.ts';
import type { DropReason } from './types.ts';

/** Our own limit. A peer that rekeys all it has at once stays far below. */
const MAX_EXCHANGES = 64;
/** How long a finished exchange answers repeats. */
const FINISHED_LIFETIME = MINUTE;

export interface Exchange {
  readonly messageId: number;
  readonly exchangeType: number;
  /** Last ciphertext block of the exchange's latest authentic message. */
  iv: Bytes;
  state: QuickModeState | TransactionState | { readonly awaits: 'nothing' };
  /** Digest of the message answered last, and the answer. */
  lastReceived: Bytes | undefined;
  lastSent: Bytes | undefined;
  repeats: number;
  /** Where `lastSent` goes; undefined: where the peer is. */
  to: IkePath | undefined;
  /** Sendings of `lastSent` so far while an answer to it is awaited. */
  attempt: number;
  /** When it was begun, or finished. */
  since: Instant;
}

/** Takes the established phase 1: exchanges exist only under one. */
export function establishedOf(context: SaContext): Established {
  if (!context.established) throw new Error('no phase 1 yet');
  return context.established;
}

export class Exchanges {
  readonly #context: SaContext;
  readonly #byId = new SparseMap<number, Exchange>();

  constructor(context: SaContext) {
    this.#context = context;
  }

  find(messageId: number): Exchange | undefined {
    return this.#byId.get(messageId);
  }

  awaiting(state: Exchange['state']['awaits']): Exchange[] {
    return [...this.#byId.values()].filter((exchange) => exchange.state.awaits === state);
  }

  /** Undefined when there are too many. */
  open(messageId: number, exchangeType: number, now: Instant): Exchange | undefined {
    this.forgetFinished(now);
    if (this.#byId.size >= MAX_EXCHANGES && !this.#forgetOldestFinished()) return undefined;
    const { keys, phase1Iv } = establishedOf(this.#context);
    const exchange: Exchange = {
      messageId,
      exchangeType,
      iv: phase2Iv(this.#context.crypto, keys, phase1Iv, messageId),
      state: { awaits: 'nothing' },
      lastReceived: undefined,
      lastSent: undefined,
      repeats: 0,
      to: undefined,
      attempt: 0,
      since: now,
    };
    this.#byId.set(messageId, exchange);
    return exchange;
  }

  /** Begins an exchange of our own, under a new message ID. */
  begin(exchangeType: number, now: Instant): Exchange | undefined {
    const taken = (id: number) => this.#byId.has(id);
    const counted = exchangeType === ExchangeType.QUICK_MODE;
    const messageId = counted ? this.#context.newQuickModeId(taken) : this.#context.newMessageId(taken);
    return this.open(messageId, exchangeType, now);
  }

  close(exchange: Exchange): void {
    this.#context.timers.clear(`exchange:${exchange.messageId}`);
    this.#byId.delete(exchange.messageId);
  }

  /** The exchange is over, but still answers a repeat of the last message. */
  finish(exchange: Exchange, now: Instant): void {
    this.#context.timers.clear(`exchange:${exchange.messageId}`);
    exchange.state = { awaits: 'nothing' };
    exchange.since = now;
    // a peer that is content may begin no other exchange for hours
    this.#context.timers.set('finished', now + FINISHED_LIFETIME);
  }

  /** The exchange is over by the peer's last word: a repeat of that wants no answer. */
  conclude(exchange: Exchange, now: Instant): void {
    this.finish(exchange, now);
    exchange.lastSent = undefined;
  }

  /** True if the message of this digest repeats the one answered last; the answer then goes out again, from cache. */
  answersRepeat(exchange: Exchange, digest: Bytes, path: IkePath): boolean {
    if (!exchange.lastReceived || !bytesEqual(digest, exchange.lastReceived)) return false;
    if (exchange.lastSent && exchange.repeats++ < MAX_REPEATS) this.#context.transmit(path, exchange.lastSent);
    return true;
  }

  /** Sends a message that is repeated until it is answered; `to`: an answer goes back the way that its question came. */
  sendAwaiting(exchange: Exchange, message: Bytes, now: Instant, to?: IkePath): void {
    exchange.lastSent = message;
    exchange.to = to;
    exchange.attempt = 1;
    this.#context.transmit(to ?? this.#context.path, message);
    this.#context.timers.set(`exchange:${exchange.messageId}`, nextAttempt(1, now)!);
  }

  /** Sends it once more, or returns false when it was sent often enough. */
  sendAgain(exchange: Exchange, now: Instant): boolean {
    const next = nextAttempt(++exchange.attempt, now);
    if (next === undefined || !exchange.lastSent) return false;
    this.#context.transmit(exchange.to ?? this.#context.path, exchange.lastSent);
    this.#context.timers.set(`exchange:${exchange.messageId}`, next);
    return true;
  }

  forgetFinished(now: Instant): void {
    for (const exchange of this.#byId.values()) {
      const over = exchange.state.awaits === 'nothing' && exchange.since + FINISHED_LIFETIME <= now;
      if (over) this.#byId.delete(exchange.messageId);
    }
  }

  #forgetOldestFinished(): boolean {
    for (const exchange of this.#byId.values()) {
      if (exchange.state.awaits === 'nothing') return this.#byId.delete(exchange.messageId);
    }
    return false;
  }
}

/** HASH(1) of a message under `messageId`, from what follows the HASH payload. */
export function hash1Of(context: SaContext, messageId: number): (rest: Bytes) => Bytes {
  return (rest) => hash1(context.crypto, establishedOf(context).keys, messageId, rest);
}

/** HDR*, HASH, payloads: `hashOf` gets what follows the HASH payload. Moves the IV on. */
export function sealExchange(
  context: SaContext,
  exchange: Pick<Exchange, 'messageId' | 'exchangeType' | 'iv'>,
  payloads: readonly Payload[],
  hashOf: (rest: Bytes) => Bytes,
): Bytes {
  const hash = { type: PayloadType.HASH, body: hashOf(encodePayloads(payloads)) };
  const all = [hash, ...payloads];
  const { body, nextIv } = encryptBody(context.crypto, establishedOf(context).keys, exchange.iv, encodePayloads(all));
  exchange.iv = nextIv;
  return context.encode(exchange.exchangeType, exchange.messageId, Flag.ENCRYPTION, firstPayload(all), body);
}

/** The payloads behind an authentic HASH. Only then the IV moves on. Throws MalformedError on what is no payload chain. */
export function openExchange(
  context: SaContext,
  exchange: Pick<Exchange, 'messageId' | 'iv'>,
  message: IsakmpMessage,
  hashOf: (rest: Bytes) => Bytes,
): PayloadSet | { readonly drop: DropReason } {
  if ((message.header.flags & Flag.ENCRYPTION) === 0) return { drop: 'ike_not_encrypted' };
  const opened = decryptBody(context.crypto, establishedOf(context).keys, exchange.iv, message.body);
  if (!opened) return { drop: 'ike_malformed' };
  const { payloads, length } = parsePayloads(message.header.nextPayload, opened.payloads);
  const [hash, ...others] = payloads;
  if (hash?.type !== PayloadType.HASH) return { drop: 'ike_not_authentic' };
  const rest = opened.payloads.subarray(PAYLOAD_HEADER_LENGTH + hash.body.length, length);
  if (!constantTimeEqual(hashOf(rest), hash.body)) return { drop: 'ike_not_authentic' };
  exchange.iv = opened.nextIv;
  return new PayloadSet(others);
}
