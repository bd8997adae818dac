/** Whom an inner address belongs to, and which SA an SPI names. */
import { MAX_PREFIX_SESSIONS, MAX_SAS, MAX_SESSIONS } from './limits.ts';
import type { Net4 } from './net4.ts';
import type { Party } from './party.ts';
import type { InboundSa } from './sa.ts';
import type { Session } from './session.ts';
import { U32Table } from './u32-table.ts';

export class SessionTable {
  readonly #slots: (Party | undefined)[] = new Array<Party | undefined>(MAX_SESSIONS).fill(undefined);
  readonly #byAddress = new U32Table(MAX_SESSIONS);
  /** Those with a network inside, the longest prefix first. */
  readonly #networks: Party[] = [];
  readonly #bySpi = new U32Table(MAX_SAS);
  readonly #inbound: (InboundSa | undefined)[] = [];
  readonly #free: number[] = [];

  at(slot: number): Session | undefined {
    return this.#slots[slot]?.session;
  }

  partyAt(slot: number): Party | undefined {
    return this.#slots[slot];
  }

  *all(): Iterable<Session> {
    for (const party of this.#slots) if (party && party.session.party === party) yield party.session;
  }

  add(party: Party): void {
    this.#slots[party.slot] = party;
    this.#route(party);
  }

  /** Gives a party what it is to be reached by, or takes it back. */
  bind(party: Party, inner: Net4 | undefined): void {
    this.#unroute(party);
    party.inner = inner;
    this.#route(party);
  }

  #route(party: Party): void {
    const { inner } = party;
    if (inner === undefined) return;
    if (inner.length === 32) {
      this.#byAddress.set(inner.network >>> 0, party.slot);
      return;
    }
    if (this.#networks.length === MAX_PREFIX_SESSIONS) throw new RangeError('too many sessions with a network inside');
    this.#networks.push(party);
    this.#networks.sort((a, b) => b.inner!.length - a.inner!.length);
  }

  remove(party: Party): void {
    this.#slots[party.slot] = undefined;
    this.#unroute(party);
  }

  #unroute(party: Party): void {
    const { inner } = party;
    if (inner === undefined) return;
    const address = inner.network >>> 0;
    // A newer session may have taken the address over.
    if (inner.length === 32 && this.#byAddress.lookup(address) === party.slot) this.#byAddress.delete(address);
    const i = this.#networks.indexOf(party);
    if (i >= 0) this.#networks.splice(i, 1);
  }

  /** Who is behind the inner `address`, an unsigned number. */
  towards(address: number): Party | undefined {
    const slot = this.#byAddress.lookup(address);
    if (slot >= 0) return this.#slots[slot];
    for (const party of this.#networks) if (party.inner!.contains(address)) return party;
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
