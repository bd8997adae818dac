/**
 * Who is at the inner end of a session: the one who may send from its inner network, or by L2TP the user of one call. The calls
 * of an L2TP tunnel are parties of one session, since they share its SAs; counters are each party's own.
 */
import type { Call } from './l2tp.ts';
import type { Net4 } from './net4.ts';
import type { OutboundSa } from './sa.ts';
import type { Session } from './session.ts';

export class Party {
  readonly session: Session;
  /** Of its counters. */
  readonly slot: number;
  /** What it may send from; undefined: nothing yet. */
  inner: Net4 | undefined;
  /** Its L2TP call, while one is up. */
  call: Call | undefined;

  constructor(session: Session, slot: number, inner: Net4 | undefined) {
    this.session = session;
    this.slot = slot;
    this.inner = inner;
  }

  /** The largest packet for it that `sa` can carry. */
  maxInner(sa: OutboundSa): number {
    const { call } = this;
    return call === undefined ? sa.maxContent : Math.min(sa.maxContent - call.overhead, call.mru);
  }
}
