/**
 * The main thread's list of sessions and SAs: it hands out the worker's slots and refuses what the worker couldn't take, so
 * that a mistake or a full table is an error where it was made.
 */
import type { EspSa } from '../core/esp/sa.ts';
import { DataplaneError } from './errors.ts';
import { MAX_SAS, MAX_SAS_PER_SESSION, MAX_SESSIONS } from './limits.ts';

export interface OpenSession {
  readonly id: number;
  readonly slot: number;
  /** Which opening of the slot this is, or which call in it: counters begin anew with each. */
  generation: number;
  /** Whose SAs it shares; undefined: it has its own. */
  readonly host: OpenSession | undefined;
  /** Those whose host it is. */
  guests: readonly OpenSession[];
  /** SPIs. */
  inbound: readonly number[];
  outbound: readonly number[];
}

const NONE: readonly never[] = [];

export class Registry {
  readonly #sessions = new Map<number, OpenSession>();
  readonly #inboundSpis = new Set<number>();
  readonly #freeSlots: number[] = [];
  #slots = 0;
  #generations = 0;
  #sas = 0;

  /** @param host whose SAs it shares */
  open(id: number, host?: OpenSession): OpenSession {
    if (this.#sessions.has(id)) throw new DataplaneError('session-open', `session ${id} is open already`);
    if (this.#sessions.size === MAX_SESSIONS)
      throw new DataplaneError('too-many-sessions', `all ${MAX_SESSIONS} sessions of this gateway are taken`);
    const slot = this.#freeSlots.pop() ?? this.#slots++;
    const session = {
      id,
      slot,
      generation: ++this.#generations,
      host,
      guests: NONE,
      inbound: NONE,
      outbound: NONE,
    };
    this.#sessions.set(id, session);
    if (host) host.guests = host.guests.concat(session);
    return session;
  }

  /** Another user comes into the session: its counters begin anew. */
  renew(session: OpenSession): void {
    session.generation = ++this.#generations;
  }

  find(id: number): OpenSession | undefined {
    return this.#sessions.get(id);
  }

  require(id: number): OpenSession {
    const session = this.#sessions.get(id);
    if (!session) throw new DataplaneError('session-unknown', `session ${id} is not open`);
    return session;
  }

  /** An outbound SPI is the peer's choice: one that it chose before must have been removed, which is for the caller. */
  addSa({ sessionId, direction, spi }: EspSa): OpenSession {
    const session = this.require(sessionId);
    const own = direction === 'in' ? session.inbound : session.outbound;
    if (direction === 'in' ? this.#inboundSpis.has(spi) : own.includes(spi))
      throw new DataplaneError('spi-in-use', `SPI ${spi.toString(16)} (${direction}) is installed already`);
    if (this.#sas === MAX_SAS) throw new DataplaneError('too-many-sas', `all ${MAX_SAS} SAs of this gateway are taken`);
    if (own.length === MAX_SAS_PER_SESSION)
      throw new DataplaneError('too-many-sas', `session ${sessionId} has ${MAX_SAS_PER_SESSION} SAs already`);
    if (direction === 'out') session.outbound = own.concat(spi);
    else {
      session.inbound = own.concat(spi);
      this.#inboundSpis.add(spi);
    }
    this.#sas++;
    return session;
  }

  /** False when there is no such SA. */
  removeSa(session: OpenSession, direction: 'in' | 'out', spi: number): boolean {
    const own = direction === 'in' ? session.inbound : session.outbound;
    if (!own.includes(spi)) return false;
    const others = own.filter((one) => one !== spi);
    if (direction === 'out') session.outbound = others;
    else {
      session.inbound = others;
      this.#inboundSpis.delete(spi);
    }
    this.#sas--;
    return true;
  }

  /** Its guests go with it. */
  close(session: OpenSession): void {
    for (const guest of session.guests) this.close(guest);
    const { host } = session;
    if (host) host.guests = host.guests.filter((guest) => guest !== session);
    for (const spi of session.inbound) this.removeSa(session, 'in', spi);
    for (const spi of session.outbound) this.removeSa(session, 'out', spi);
    this.#sessions.delete(session.id);
    this.#freeSlots.push(session.slot);
  }
}
