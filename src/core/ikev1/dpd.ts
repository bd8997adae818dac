/** Dead peer detection, RFC 3706: who has been silent is asked; who stays silent is dead. */
import { concat, readU32, u32 } from '../bytes/bytes.ts';
import type { IkePath } from '../carrier/ike-path.ts';
import { type Instant, SECOND } from '../net/time.ts';
import { type Notification, NotifyType, Protocol } from '../wire/ikev1.ts';
import type { SaContext } from './context.ts';
import { notifyPeer } from './notices.ts';

/** How long an answer may take before the question is put again. */
const ANSWER_WAIT = 5 * SECOND;

export class DeadPeerDetection {
  readonly #context: SaContext;
  /** Our own sequence numbers, from a random start (RFC 3706 section 6.2): the first is one above it, the last is this. */
  readonly #start: number;
  #sequence: number;
  #peerSequence: number | undefined;
  #questions = 0;
  #lastHeard: Instant = 0;

  constructor(context: SaContext) {
    this.#context = context;
    this.#start = readU32(context.crypto.random(4)) >>> 1;
    this.#sequence = this.#start;
  }

  /** Begins to watch, once phase 1 is up. Without the peer's DPD vendor ID there is nobody to ask. */
  start(now: Instant): void {
    this.#lastHeard = now;
    const { dpd } = this.#context.environment.policy;
    if (dpd && this.#context.traits.dpd) this.#context.timers.set('dpd', now + dpd.idle);
  }

  /** Any authentic message is a sign of life. */
  heard(now: Instant): void {
    this.#lastHeard = Math.max(this.#lastHeard, now);
    this.#questions = 0;
  }

  handleTimeout(now: Instant): void {
    const { dpd, lastTraffic } = this.#context.environment.policy;
    if (!dpd) return;
    const heard = Math.max(this.#lastHeard, lastTraffic(this.#context.id));
    if (now < heard + dpd.idle) {
      this.#questions = 0;
      this.#context.timers.set('dpd', heard + dpd.idle);
    } else if (now >= heard + dpd.timeout && this.#questions > 0) {
      this.#context.end(
        'peer is dead',
        `no answer to ${this.#questions} questions: it lost its network or its NAT mapping`,
      );
    } else {
      this.#questions++;
      this.#sequence = (this.#sequence + 1) >>> 0;
      this.#send(NotifyType.R_U_THERE, this.#sequence, this.#context.path);
      this.#context.timers.set('dpd', now + ANSWER_WAIT);
    }
  }

  /** Answers; true if the sequence number is new. */
  handleRequest({ data }: Notification, path: IkePath, now: Instant): boolean {
    if (data.length !== 4) return false;
    const sequence = readU32(data);
    if (this.#isOurs(sequence)) return false;
    const newer = this.#peerSequence === undefined || (sequence - this.#peerSequence) >> 0 > 0;
    if (!newer && sequence !== this.#peerSequence) return false;
    this.#peerSequence = sequence;
    this.#send(NotifyType.R_U_THERE_ACK, sequence, path);
    if (newer) this.heard(now);
    return newer;
  }

  /** True if it answers the question that is open. */
  handleAcknowledgement({ data }: Notification, now: Instant): boolean {
    if (data.length !== 4 || this.#questions === 0 || readU32(data) !== this.#sequence) return false;
    this.heard(now);
    return true;
  }

  /** A question of our own that somebody sent back: IKEv1's hashes don't tell the directions apart. */
  #isOurs(sequence: number): boolean {
    return sequence > this.#start && sequence <= this.#sequence;
  }

  #send(type: number, sequence: number, path: IkePath): void {
    const spi = concat(this.#context.initiatorCookie, this.#context.responderCookie);
    notifyPeer(this.#context, { protocol: Protocol.ISAKMP, spi, type, data: u32(sequence) }, path);
  }
}
