/** What all exchanges of one ISAKMP SA share: its names, its keys once there are any, its outputs. */
import { type Bytes, concat, readU32 } from '../bytes/bytes.ts';
import type { IkePath } from '../carrier/ike-path.ts';
import type { CryptoProvider } from '../crypto/provider.ts';
import { Timers } from '../ike/timers.ts';
import { NO_TRAITS, type PeerTraits } from '../ike/vendor-ids.ts';
import { samePath } from '../net/path.ts';
import type { Instant } from '../net/time.ts';
import type { IsakmpKeys } from '../protection/ikev1-keys.ts';
import { encodeMessage, encodePayloads, firstPayload, IKEV1_VERSION, type Payload } from '../wire/isakmp.ts';
import { splitMessage } from './fragments.ts';
import type {
  DropReason,
  EndReason,
  Habits,
  Ikev1Environment,
  Ikev1Event,
  Phase1Established,
  Role,
  Transmit,
} from './types.ts';

/** Our own limit; the owner empties both queues after every call. */
const MAX_QUEUED = 256;

/** When a rekey is due: before those of phase 2, so that they run under the new phase 1. */
const REKEY_SHARE = 0.9;

/** What phase 1 left: never there before the peer proved itself. */
export interface Established extends Phase1Established {
  readonly keys: IsakmpKeys;
  /** Last ciphertext block of phase 1, from which each later exchange's IV comes. */
  readonly phase1Iv: Bytes;
  /** Seconds, when we end phase 1 sooner than the initiator proposed. */
  readonly lifetimeCutTo: number | undefined;
}

/** `phase1` waits for the next message of it, `exchange:N` for an answer under message ID N. */
type TimerName = 'phase1' | 'expire' | 'rekey' | 'dpd' | 'finished' | `exchange:${number}`;

export class SaContext {
  readonly id: number;
  readonly environment: Ikev1Environment;
  readonly role: Role;
  readonly initiatorCookie: Bytes;
  responderCookie: Bytes;
  /** Where the peer is: proven once phase 1 is established, and moved only by what is authentic and fresh. */
  path: IkePath;
  traits: PeerTraits = NO_TRAITS;
  /** Of an initiator that speaks as a known client; undefined: as we do. */
  readonly habits: Habits | undefined;
  established: Established | undefined;
  /** Set once, by {@link end}. */
  ended = false;
  readonly timers = new Timers<TimerName>();
  readonly transmits: Transmit[] = [];
  readonly events: Ikev1Event[] = [];
  #lastFragmentId = 0;
  #quickModes = 0;

  constructor(
    id: number,
    environment: Ikev1Environment,
    role: Role,
    cookies: { readonly initiator: Bytes; readonly responder: Bytes },
    path: IkePath,
    habits?: Habits,
  ) {
    this.id = id;
    this.environment = environment;
    this.role = role;
    this.initiatorCookie = cookies.initiator;
    this.responderCookie = cookies.responder;
    this.path = path;
    this.habits = habits;
  }

  get crypto(): CryptoProvider {
    return this.environment.crypto;
  }

  /** What notifications and deletes name this SA by: CKY-I | CKY-R (RFC 2408 section 3.14). */
  get spi(): Bytes {
    return concat(this.initiatorCookie, this.responderCookie);
  }

  /** By what a repeat is known. */
  digest(datagram: Bytes): Bytes {
    return this.crypto.hash('sha1', datagram);
  }

  /** The initiator's SA payload to keep: what its transforms were read from must not be held beside it. */
  keepOffer(body: Bytes): Bytes {
    return this.environment.shareOffer?.(body) ?? body.slice();
  }

  emit(event: Ikev1Event): void {
    if (this.events.length < MAX_QUEUED) this.events.push(event);
  }

  drop(reason: DropReason): void {
    this.emit({ type: 'dropped', reason });
  }

  fail(step: string, reason: string): void {
    this.emit({ type: 'failed', step, reason });
  }

  end(reason: EndReason, detail: string): void {
    if (this.ended) return;
    this.ended = true;
    this.timers.clearAll();
    this.emit({ type: 'ended', reason, detail });
  }

  /** Phase 1 ends in `milliseconds` at the latest, and its rekey is due before that. */
  limitLifetime(milliseconds: number, now: Instant): void {
    const end = now + milliseconds;
    if (end >= (this.timers.at('expire') ?? Number.POSITIVE_INFINITY)) return;
    this.timers.set('expire', end);
    this.timers.set('rekey', Math.min(now + milliseconds * REKEY_SHARE, this.timers.at('rekey') ?? end));
  }

  /** Call only with the source of a message that is authentic and fresh. */
  movePath(path: IkePath): void {
    if (samePath(this.path, path)) return;
    this.path = path;
    this.emit({ type: 'path-changed', path });
  }

  /** Sends a finished message, in fragments when it is long and the peer takes them. */
  transmit(path: IkePath, message: Bytes): void {
    this.#lastFragmentId = (this.#lastFragmentId % 0xffff) + 1;
    const pieces = this.traits.fragmentation ? splitMessage(message, this.#lastFragmentId) : [message];
    for (const piece of pieces) if (this.transmits.length < MAX_QUEUED) this.transmits.push({ path, message: piece });
  }

  encode(exchangeType: number, messageId: number, flags: number, nextPayload: number, body: Bytes): Bytes {
    const { initiatorCookie, responderCookie } = this;
    const header = {
      initiatorCookie,
      responderCookie,
      nextPayload,
      version: IKEV1_VERSION,
      exchangeType,
      flags,
      messageId,
    };
    return encodeMessage(header, body);
  }

  encodeClear(exchangeType: number, messageId: number, payloads: readonly Payload[]): Bytes {
    return this.encode(exchangeType, messageId, 0, firstPayload(payloads), encodePayloads(payloads));
  }

  /** A message ID for a quick mode that we begin. */
  newQuickModeId(taken: (messageId: number) => boolean): number {
    const ids = this.habits?.quickModeIds ?? 'random';
    if (ids === 'random') return this.newMessageId(taken);
    for (;;) {
      const messageId = (ids.first + this.#quickModes++) >>> 0;
      if (messageId !== 0 && !taken(messageId)) return messageId;
    }
  }

  /** A message ID for an exchange that we begin: random, never 0. */
  newMessageId(taken: (messageId: number) => boolean): number {
    for (;;) {
      const messageId = readU32(this.crypto.random(4));
      if (messageId !== 0 && !taken(messageId)) return messageId;
    }
  }
}
