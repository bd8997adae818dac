/** Which session an inner address belongs to, and which SA an SPI names. */
import { MAX_PREFIX_SESSIONS, MAX_SAS, MAX_SESSIONS } from './limits.ts';
import type { Net4 } from './net4.ts';
import type { InboundSa } from './sa.ts';
import type { Session } from './session.ts';
import { U32Table } from './u32-table.ts';

export class SessionTable {
  readonly #slots: (Session | undefined)[] = new Array<Session | undefined>(MAX_SESSIONS).fill(undefined);
  readonly #byAddress = new U32Table(MAX_SESSIONS);
  /** Sessions with a network inside, the longest prefix first. */
  readonly #networks: Session[] = [];
  readonly #bySpi = new U32Table(MAX_SAS);
  readonly #inbound: (InboundSa | undefined)[] = [];
  readonly #free: number[] = [];

  at(slot: number): Session | undefined {
    return this.#slots[slot];
  }

  *all(): Iterable<Session> {
    for (const session of this.#slots) if (session) yield session;
  }

  add(session: Session): void {
    this.#slots[session.slot] = session;
    this.#route(session);
  }

  /** Gives a session what it is to be reached by, or takes it back. */
  bind(session: Session, inner: Net4 | undefined): void {
    this.#unroute(session);
    session.inner = inner;
    this.#route(session);
  }

  #route(session: Session): void {
    const { inner } = session;
    if (inner === undefined) return;
    if (inner.length === 32) {
      this.#byAddress.set(inner.network >>> 0, session.slot);
      return;
    }
    if (this.#networks.length === MAX_PREFIX_SESSIONS) throw new RangeError('too many sessions with a network inside');
    this.#networks.push(session);
    this.#networks.sort((a, b) => b.inner!.length - a.inner!.length);
  }

  remove(session: Session): void {
    this.#slots[session.slot] = undefined;
    this.#unroute(session);
  }

  #unroute(session: Session): void {
    const { inner } = session;
    if (inner === undefined) return;
    const address = inner.network >>> 0;
    // A newer session may have taken the address over.
    if (inner.length === 32 && this.#byAddress.lookup(address) === session.slot) this.#byAddress.delete(address);
    const i = this.#networks.indexOf(session);
    if (i >= 0) this.#networks.splice(i, 1);
  }

  /** The session behind the inner `address`, an unsigned number. */
  towards(address: number): Session | undefined {
    const slot = this.#byAddress.lookup(address);
    if (slot >= 0) return this.#slots[slot];
    for (const session of this.#networks) if (session.inner!.contains(address)) return session;
    return undefined;
  }

  inboundBySpi(spi: number): InboundSa | undefined {
    const index = this.#bySpi.lookup(spi);
    return index < 0 ? undefined : this.#inbound[index];
  }

  addInbound(sa: InboundSa): void {
    const index = this.#free.pop() ?? this.#inbound.length;
    this.#inbound[index] = sa;
    this.#bySpi.set(sa.spi, index);
  }

  removeInbound(spi: number): void {
    const index = this.#bySpi.lookup(spi);
    if (index < 0) return;
    this.#bySpi.delete(spi);
    this.#inbound[index] = undefined;
    this.#free.push(index);
  }
}
