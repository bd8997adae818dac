/**
 * Phase 1 of one SA as a dialogue: each message goes to the state that awaits it, a repeated one gets the answer that it got, and an
 * initiator says again what nobody answers.
 */
import { type Bytes, bytesEqual, EMPTY } from '../bytes/bytes.ts';
import type { IkePath } from '../carrier/ike-path.ts';
import { MAX_REPEATS, nextAttempt } from '../ike/retransmission.ts';
import type { Instant } from '../net/time.ts';
import { encodeNotification, type Identification, Protocol } from '../wire/ikev1.ts';
import { ExchangeType, Flag, type IsakmpMessage } from '../wire/isakmp.ts';
import { handleAggressive1, handleAggressive2, handleAggressive3 } from './aggressive-mode.ts';
import type { SaContext } from './context.ts';
import type { DeadPeerDetection } from './dpd.ts';
import { readUnprotected } from './informational.ts';
import { handleMain1, handleMain2, handleMain3, handleMain4, handleMain5, handleMain6 } from './main-mode.ts';
import {
  heldFor,
  offerOf,
  type Phase1State,
  type Phase1Step,
  sealedNoticeExplained,
  silenceExplained,
} from './phase1.ts';
import type { Credential, DropReason } from './types.ts';

export class Phase1Dialogue {
  readonly #context: SaContext;
  readonly #dpd: DeadPeerDetection;
  #state: Phase1State;
  /** Digest of the message handled last, our answer to it, and how often it was given. */
  #lastReceived: Bytes | undefined;
  #lastSent: Bytes | undefined;
  #repeats = 0;
  #attempt = 1;

  constructor(context: SaContext, dpd: DeadPeerDetection, state: Phase1State) {
    this.#context = context;
    this.#dpd = dpd;
    this.#state = state;
  }

  /** Whom an aggressive mode under way is with, if it is true; undefined in main mode. */
  get claimed(): { readonly identity: Identification; readonly credential: Credential } | undefined {
    if (this.#state.awaits !== 'aggressive 3') return undefined;
    return { identity: this.#state.peerIdentity, credential: this.#state.credential };
  }

  /** The initiator's offer while phase 1 is under way. */
  get offer(): Bytes | undefined {
    return offerOf(this.#state);
  }

  /** Bytes that the peer's messages make us hold while phase 1 is under way, beside its offer. */
  get bytesHeld(): number {
    return heldFor(this.#state) + (this.#lastSent?.length ?? 0);
  }

  /** Takes a message of main or aggressive mode. */
  handleMessage(datagram: Bytes, message: IsakmpMessage, path: IkePath, now: Instant): DropReason | undefined {
    if (message.header.messageId !== 0) return 'ike_malformed';
    const digest = this.#context.digest(datagram);
    if (this.#lastReceived && bytesEqual(digest, this.#lastReceived)) {
      // an initiator has floated when it speaks, whatever port the repeat came to
      const to = this.#context.role === 'initiator' ? this.#context.path : path;
      if (this.#lastSent && this.#repeats++ < MAX_REPEATS) this.#context.transmit(to, this.#lastSent);
      return undefined;
    }
    const step = this.#step(message, path, now);
    if (!step) return 'ike_unexpected_exchange';
    if ('drop' in step) return step.drop;
    if ('refused' in step) return this.#refuse(step, path);
    this.#state = step.next;
    this.#lastReceived = digest;
    this.#repeats = 0;
    const onward = step.path ?? path;
    if (this.#context.role === 'initiator') this.#context.path = onward;
    if (step.reply) this.send(onward, step.reply, now);
    else this.#lastSent = undefined;
    return undefined;
  }

  /** Takes a notification that came before phase 1 is done. */
  hear(message: IsakmpMessage): DropReason {
    const isSealed = (message.header.flags & Flag.ENCRYPTION) !== 0;
    const says = isSealed ? sealedNoticeExplained(this.#state) : readUnprotected(message);
    const { awaits } = this.#state;
    // to our first message this is the answer, and there is no silence to explain
    const isAnswer = awaits === 'main 2' || awaits === 'aggressive 2';
    if (says) this.#context.fail('phase 1', isAnswer ? says : `${says}; ${silenceExplained(this.#state)}`);
    return 'ike_unauthenticated_notify';
  }

  /** An initiator's message is sent again until it is answered. */
  send(path: IkePath, message: Bytes, now: Instant): void {
    this.#lastSent = message;
    this.#context.transmit(path, message);
    if (this.#context.role === 'responder') return;
    this.#attempt = 1;
    this.#context.timers.set('phase1', nextAttempt(1, now)!);
  }

  /** Under the keys of phase 1 the peer can speak, so it has our last message, which is kept for no repeat any more. */
  confirm(): void {
    this.#context.timers.clear('phase1');
    this.#lastReceived = undefined;
    this.#lastSent = undefined;
  }

  handleTimeout(now: Instant): void {
    const next = this.#context.role === 'initiator' ? nextAttempt(++this.#attempt, now) : undefined;
    if (next === undefined || !this.#lastSent) {
      if (this.#context.established) this.#lastMessageUnanswered(now);
      else this.#context.end('timeout', silenceExplained(this.#state));
      return;
    }
    this.#context.transmit(this.#context.path, this.#lastSent);
    this.#context.timers.set('phase1', next);
  }

  #step(message: IsakmpMessage, path: IkePath, now: Instant): Phase1Step | undefined {
    const state = this.#state;
    const aggressive = message.header.exchangeType === ExchangeType.AGGRESSIVE;
    if (aggressive !== state.awaits.startsWith('aggressive')) return undefined;
    switch (state.awaits) {
      case 'main 1':
        return handleMain1(this.#context, message);
      case 'main 2':
        return handleMain2(this.#context, state, message, path);
      case 'main 3':
        return handleMain3(this.#context, state, message, path);
      case 'main 4':
        return handleMain4(this.#context, state, message, path);
      case 'main 5':
        return handleMain5(this.#context, state, message, path, now);
      case 'main 6':
        return handleMain6(this.#context, state, message, now);
      case 'aggressive 1':
        return handleAggressive1(this.#context, message, path);
      case 'aggressive 2':
        return handleAggressive2(this.#context, state, message, path, now);
      case 'aggressive 3':
        return handleAggressive3(this.#context, state, message, path, now);
      case 'nothing':
        return undefined;
    }
  }

  /** A refused first message ends the SA; a refused later one may be an attacker's, so the true peer gets its chance. */
  #refuse(step: Extract<Phase1Step, { refused: string }>, path: IkePath): undefined {
    const { awaits } = this.#state;
    if (step.notify !== undefined) {
      const notification = { protocol: Protocol.ISAKMP, spi: EMPTY, type: step.notify, data: EMPTY };
      const messageId = this.#context.newMessageId(() => false);
      const payloads = [encodeNotification(notification)];
      this.#context.transmit(path, this.#context.encodeClear(ExchangeType.INFORMATIONAL, messageId, payloads));
    }
    if (awaits.endsWith('1')) this.#context.end('refused', step.refused);
    else this.#context.fail(awaits.replace(' ', ' mode, message '), step.refused);
    return undefined;
  }

  /** Aggressive mode's third message has no answer of its own: who has nothing to say may have it all the same. */
  #lastMessageUnanswered(now: Instant): void {
    if (this.#dpd.suspect(now)) return;
    this.#context.fail('aggressive mode, message 3', 'nothing has come since: it was refused, or is lost on the way');
  }
}
