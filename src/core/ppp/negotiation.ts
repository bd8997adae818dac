/**
 * How LCP and its kin agree on options, RFC 1661 section 4, both directions at once: what each side sends of itself is acked,
 * naked (rather this value) or rejected (not that option) by the other.
 */
import { type Bytes, bytesEqual } from '../bytes/bytes.ts';
import { type Instant, SECOND } from '../net/time.ts';
import { Code, type ControlPacket, encodeOptions, type Option, parseOptions } from '../wire/ppp.ts';

/** What one protocol says to options. */
export interface Rules {
  /** The options of our own request, as they stand. */
  ours(): readonly Option[];
  /** The peer wants other values, or none of these. A sentence: then there is no agreement. */
  handleNak(options: readonly Option[]): string | undefined;
  handleReject(options: readonly Option[]): string | undefined;
  /** The verdict on an option of the peer's; bytes are the value that it should have. */
  judge(option: Option): 'ack' | 'reject' | Bytes;
  /** Options that the peer's request lacks, with the values that they should have. */
  missing(options: readonly Option[]): readonly Option[];
  /** The peer's request that was acked. */
  accept(options: readonly Option[]): void;
}

/** RFC 1661 section 4.6: the wait for an answer, and how many requests of ours there are in one agreement. */
const RESTART = 3 * SECOND;
export const MAX_REQUESTS = 10;
/** Max-Failure: who insists on values that we don't take is given up. */
export const MAX_NAKS = 5;
/** Requests of the peer in one agreement, whatever we answer. */
export const MAX_ROUNDS = 20;

/** `begun anew`: what was agreed on is void. */
export type Outcome = 'nothing' | 'opened' | 'begun anew' | { readonly failed: string };

export class Negotiation {
  readonly #rules: Rules;
  readonly #send: (packet: ControlPacket) => void;
  #identifier = 0;
  #requests = 0;
  #naks = 0;
  #rounds = 0;
  #oursAcked = false;
  #theirs: Bytes | undefined;
  #restartAt: Instant | undefined;

  constructor(rules: Rules, send: (packet: ControlPacket) => void) {
    this.#rules = rules;
    this.#send = send;
  }

  get opened(): boolean {
    return this.#oursAcked && this.#theirs !== undefined;
  }

  pollTimeout(): Instant | undefined {
    return this.#restartAt;
  }

  begin(now: Instant): void {
    this.#requests = 0;
    this.#naks = 0;
    this.#rounds = 0;
    this.#oursAcked = false;
    this.#theirs = undefined;
    this.#request(now);
  }

  /** A Configure message. Throws MalformedError for one that isn't. */
  handle({ code, identifier, data }: ControlPacket, now: Instant): Outcome {
    const before = this.opened;
    const options = parseOptions(data);
    let failed: string | undefined;
    if (code === Code.CONFIGURE_REQUEST) failed = this.#handleRequest(identifier, data, options, now);
    else if (identifier !== this.#identifier || this.#oursAcked) return 'nothing';
    else if (code === Code.CONFIGURE_ACK) this.#handleAck(data);
    else failed = this.#handleRefusal(code, options, now);
    if (failed !== undefined) return { failed };
    if (this.opened) this.#restartAt = undefined;
    if (this.opened !== before) return before ? 'begun anew' : 'opened';
    return 'nothing';
  }

  /** Undefined: go on waiting. */
  handleTimeout(now: Instant): { readonly failed: string } | undefined {
    if (this.#requests >= MAX_REQUESTS) return { failed: 'it left our options unanswered' };
    this.#request(now);
    return undefined;
  }

  stop(): void {
    this.#restartAt = undefined;
  }

  #request(now: Instant): void {
    this.#requests++;
    this.#identifier = (this.#identifier + 1) & 0xff;
    this.#restartAt = now + RESTART;
    const data = encodeOptions(this.#rules.ours());
    this.#send({ code: Code.CONFIGURE_REQUEST, identifier: this.#identifier, data });
  }

  #handleRequest(identifier: number, data: Bytes, options: readonly Option[], now: Instant): string | undefined {
    if (this.opened) {
      // our ack was lost, or all begins anew
      if (!bytesEqual(data, this.#theirs!)) this.begin(now);
    } else if (++this.#rounds > MAX_ROUNDS) {
      return `it sent ${MAX_ROUNDS} requests without agreeing`;
    }
    const answer = this.#answer(options);
    this.#send({ code: answer.code, identifier, data: encodeOptions(answer.options) });
    if (answer.code === Code.CONFIGURE_ACK) {
      this.#theirs = data.slice();
      this.#rules.accept(options);
    } else if (answer.code === Code.CONFIGURE_NAK && ++this.#naks > MAX_NAKS) {
      return `it insists on options that it can't have (${options.map(({ type }) => type).join(', ')})`;
    }
    return undefined;
  }

  /** Rejects come first: a nak answers only options that are known (section 5.3, 5.4). */
  #answer(options: readonly Option[]): { readonly code: number; readonly options: readonly Option[] } {
    const judged = options.map((option) => ({ option, verdict: this.#rules.judge(option) }));
    const rejected = judged.filter(({ verdict }) => verdict === 'reject').map(({ option }) => option);
    if (rejected.length > 0) return { code: Code.CONFIGURE_REJECT, options: rejected };
    const better = judged.flatMap(({ option, verdict }) =>
      typeof verdict === 'string' ? [] : [{ type: option.type, data: verdict }],
    );
    const wanted = [...better, ...this.#rules.missing(options)];
    if (wanted.length > 0) return { code: Code.CONFIGURE_NAK, options: wanted };
    return { code: Code.CONFIGURE_ACK, options };
  }

  #handleAck(data: Bytes): void {
    if (bytesEqual(data, encodeOptions(this.#rules.ours()))) this.#oursAcked = true;
  }

  #handleRefusal(code: number, options: readonly Option[], now: Instant): string | undefined {
    const failed = code === Code.CONFIGURE_NAK ? this.#rules.handleNak(options) : this.#rules.handleReject(options);
    if (failed !== undefined) return failed;
    if (this.#requests >= MAX_REQUESTS) return 'it agrees to none of our options';
    this.#request(now);
    return undefined;
  }
}
