/**
 * Dead peer detection, RFC 3706: who has been silent is asked; who stays silent is dead. The same question over another
 * path tells whether that path works.
 */
import { readU32, u32 } from '../bytes/bytes.ts';
import type { IkePath } from '../carrier/ike-path.ts';
import { SparseMap } from '../ike/sparse-map.ts';
import { samePath } from '../net/path.ts';
import { type Instant, SECOND } from '../net/time.ts';
import { type Notification, NotifyType, Protocol } from '../wire/ikev1.ts';
import type { SaContext } from './context.ts';
import { notifyPeer } from './notices.ts';

/** How long an answer may take before the question is put again. */
const ANSWER_WAIT = 5 * SECOND;
/** Questions to a peer that is said to be gone, and how long each waits: it has just been heard, so the way is short. */
const SUSPICION_QUESTIONS = 3;
const SUSPICION_WAIT = 1.5 * SECOND;
/** Our own limit on questions over other paths that are open; the oldest is forgotten. */
const MAX_PROBES = 16;

export class DeadPeerDetection {
  readonly #context: SaContext;
  /** Our own sequence numbers, from a random start (RFC 3706 section 6.2): the first is one above it, the last is this. */
  readonly #start: number;
  #sequence: number;
  #peerSequence: number | undefined;
  /** Number of the last question on the SA's own path, and how many there were since the peer was heard. */
  #asked = 0;
  #askedAt: Instant | undefined;
  #questions = 0;
  #suspected = false;
  #lastHeard: Instant = 0;
  /** Questions over other paths, by sequence number. */
  readonly #probes = new SparseMap<number, IkePath>();

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
    this.#suspected = false;
  }

  /**
   * Something that anybody may have sent says that the peer is gone: it is asked at once, and three questions are enough.
   * False when that is under way, was just done, or the peer answers no questions.
   */
  suspect(now: Instant): boolean {
    if (!this.#context.traits.dpd || this.#suspected) return false;
    if (this.#askedAt !== undefined && now < this.#askedAt + ANSWER_WAIT) return false;
    this.#suspected = true;
    this.#questions = 0;
    this.#ask(now);
    return true;
  }

  /** Asks once over another path; an answer over that path becomes `path-answered`. */
  probe(path: IkePath): void {
    const [oldest] = this.#probes.entries();
    if (this.#probes.size >= MAX_PROBES && oldest) this.#probes.delete(oldest[0]);
    this.#probes.set(this.#nextSequence(), path);
    this.#send(NotifyType.R_U_THERE, this.#sequence, path);
  }

  handleTimeout(now: Instant): void {
    if (this.#suspected) {
      if (this.#questions >= SUSPICION_QUESTIONS) this.#giveUp();
      else this.#ask(now);
      return;
    }
    const { dpd, lastTraffic } = this.#context.environment.policy;
    if (!dpd) return;
    const heard = Math.max(this.#lastHeard, lastTraffic(this.#context.id));
    if (now < heard + dpd.idle) {
      this.#questions = 0;
      this.#context.timers.set('dpd', heard + dpd.idle);
    } else if (now >= heard + dpd.timeout && this.#questions > 0) {
      this.#giveUp();
    } else {
      this.#ask(now);
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
    if (newer) {
      this.heard(now);
      this.#context.emit({ type: 'peer-asked' });
    }
    return newer;
  }

  /** True if it answers the question that is open on the SA's own path. */
  handleAcknowledgement({ data }: Notification, path: IkePath, now: Instant): boolean {
    if (data.length !== 4) return false;
    const sequence = readU32(data);
    const probed = this.#probes.get(sequence);
    if (probed && samePath(probed, path)) {
      this.#probes.delete(sequence);
      this.heard(now);
      this.#context.emit({ type: 'path-answered', path });
      return false;
    }
    if (this.#questions === 0 || sequence !== this.#asked) return false;
    this.heard(now);
    return true;
  }

  /** A question of our own that somebody sent back: IKEv1's hashes don't tell the directions apart. */
  #isOurs(sequence: number): boolean {
    return sequence > this.#start && sequence <= this.#sequence;
  }

  #ask(now: Instant): void {
    this.#questions++;
    this.#asked = this.#nextSequence();
    this.#askedAt = now;
    this.#send(NotifyType.R_U_THERE, this.#asked, this.#context.path);
    this.#context.timers.set('dpd', now + (this.#suspected ? SUSPICION_WAIT : ANSWER_WAIT));
  }

  #giveUp(): void {
    this.#context.end(
      'peer is dead',
      `no answer to ${this.#questions} questions: it lost its network or its NAT mapping`,
    );
  }

  #nextSequence(): number {
    this.#sequence = (this.#sequence + 1) >>> 0;
    return this.#sequence;
  }

  #send(type: number, sequence: number, path: IkePath): void {
    const { spi } = this.#context;
    notifyPeer(this.#context, { protocol: Protocol.ISAKMP, spi, type, data: u32(sequence) }, path);
  }
}
