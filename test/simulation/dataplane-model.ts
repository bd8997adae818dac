/**
 * What the dataplane would do with the gateway's orders, checking each of them: SPIs are unique, SAs belong to sessions that
 * are open, inner networks are given once, and what ends leaves nothing behind.
 */
import assert from 'node:assert/strict';
import { type Bytes, bytesEqual } from '../../src/core/bytes/bytes.ts';
import type { EspPath, EspSa } from '../../src/core/esp/sa.ts';
import { formatPrefix, type Prefix } from '../../src/core/net/address.ts';
import type { Instant } from '../../src/core/net/time.ts';
import type { ClientEvent } from '../../src/core/session/client/events.ts';
import type { GatewayEvent } from '../../src/core/session/events.ts';
import type { PppCall } from '../../src/core/wire/l2tp.ts';
import type { Content } from './network.ts';

interface ModelSession {
  /** Whose path and SAs it shares. */
  readonly host?: number;
  inner: Prefix | undefined;
  call: PppCall | undefined;
  path: EspPath;
  lastTraffic: Instant;
  readonly outbound: EspSa[];
}

type Esp = Extract<Content, { kind: 'esp' }>;

export class DataplaneModel {
  readonly sessions = new Map<number, ModelSession>();
  readonly inbound = new Map<number, EspSa>();
  readonly #announced = new Set<number>();
  /** By inbound SPI, the highest sequence number of what proved authentic: only newer packets move the path. */
  readonly #highest = new Map<number, number>();
  readonly #used = new Set<number>();
  #sequence = 0;
  installed = 0;

  lastTraffic(sessionId: number): Instant {
    return this.sessions.get(sessionId)?.lastTraffic ?? 0;
  }

  apply(event: GatewayEvent | ClientEvent): void {
    switch (event.type) {
      case 'open-session': {
        assert.ok(!this.sessions.has(event.id), `session ${event.id} was opened twice`);
        if (event.inner) this.#mustBeFree(event.inner, event.id);
        const { path, inner } = event;
        this.sessions.set(event.id, { inner, call: undefined, path, lastTraffic: 0, outbound: [] });
        break;
      }
      case 'join-session': {
        assert.ok(!this.sessions.has(event.id), `session ${event.id} was opened twice`);
        const { path, outbound, host } = this.#session(event.host);
        assert.equal(host, undefined, 'a host has no host');
        const empty = { inner: undefined, call: undefined, lastTraffic: 0 };
        this.sessions.set(event.id, { ...empty, host: event.host, path, outbound });
        break;
      }
      case 'bind-call': {
        this.#mustBeFree(event.inner, event.id);
        const { inner, call } = event;
        // counters begin anew with each call
        Object.assign(this.#session(event.id), { inner, call, lastTraffic: 0 });
        break;
      }
      case 'unbind-call':
        Object.assign(this.#session(event.id), { inner: undefined, call: undefined });
        break;
      case 'send-l2tp':
        this.#session(event.id);
        break;
      case 'install-sa':
        this.#install(event.sa);
        break;
      case 'remove-sa':
        this.#remove(event.sessionId, event.direction, event.spi);
        break;
      case 'move-path':
        this.#session(event.id).path = event.path;
        break;
      case 'close-session':
        this.#session(event.id);
        this.sessions.delete(event.id);
        for (const [id, { host }] of this.sessions)
          assert.notEqual(host, event.id, `session ${id} outlived the one whose SAs it shares`);
        for (const [spi, sa] of this.inbound) if (sa.sessionId === event.id) this.inbound.delete(spi);
        break;
      case 'session-up':
        this.#session(event.id);
        assert.ok(!this.#announced.has(event.id), `session ${event.id} came up twice`);
        this.#announced.add(event.id);
        break;
      case 'session-down':
        assert.ok(this.#announced.delete(event.id), `session ${event.id} went down without having been up`);
        break;
    }
  }

  #mustBeFree(inner: Prefix, id: number): void {
    const text = formatPrefix(inner);
    for (const [other, session] of this.sessions) {
      if (other === id || !session.inner) continue;
      assert.notEqual(formatPrefix(session.inner), text, `${text} was given to ${other} and to ${id}`);
    }
  }

  /** Opens a packet from `path`; the session it belongs to, and whether its peer has moved. */
  open(
    packet: Esp,
    path: EspPath,
    now: Instant,
  ): { readonly id: number; readonly moved: boolean; readonly first: boolean } | undefined {
    const sa = this.inbound.get(packet.spi);
    if (!sa || !bytesEqual(sa.keys.encryption, packet.key)) return undefined;
    const session = this.#session(sa.sessionId);
    const highest = this.#highest.get(sa.spi);
    // of a call its packets alone: anybody can have a phase 1 that seems to be its client's
    const first = !this.#used.has(sa.spi) && !packet.l2tp;
    if (first) this.#used.add(sa.spi);
    session.lastTraffic = now;
    if (packet.sequence <= (highest ?? 0)) return { id: sa.sessionId, moved: false, first };
    this.#highest.set(sa.spi, packet.sequence);
    const moved =
      session.path.carrier !== path.carrier ||
      session.path.remote.port !== path.remote.port ||
      session.path.remote.address.text !== path.remote.address.text;
    if (moved) session.path = path;
    return { id: sa.sessionId, moved, first };
  }

  /** A packet to the session's peer, by the SA that is in use. */
  seal(id: number, l2tp?: Bytes): { readonly packet: Esp; readonly path: EspPath } | undefined {
    const { outbound, path } = this.#session(id);
    const sa = outbound.at(-1);
    const sequence = ++this.#sequence;
    const content = l2tp ? { l2tp } : {};
    return sa && { packet: { kind: 'esp', spi: sa.spi, key: sa.keys.encryption, sequence, ...content }, path };
  }

  #install(sa: EspSa): void {
    const session = this.#session(sa.sessionId);
    this.installed++;
    if (sa.direction === 'out') {
      session.outbound.push(sa);
      return;
    }
    assert.ok(!this.inbound.has(sa.spi), `SPI ${sa.spi} was given twice`);
    this.inbound.set(sa.spi, sa);
  }

  #remove(sessionId: number, direction: 'in' | 'out', spi: number): void {
    const session = this.#session(sessionId);
    if (direction === 'in') {
      assert.equal(this.inbound.get(spi)?.sessionId, sessionId, `removes SPI ${spi}, which is not there`);
      this.inbound.delete(spi);
      return;
    }
    const at = session.outbound.findIndex((sa) => sa.spi === spi);
    assert.ok(at >= 0, `removes outbound SPI ${spi}, which is not there`);
    session.outbound.splice(at, 1);
  }

  #session(id: number): ModelSession {
    const session = this.sessions.get(id);
    assert.ok(session, `session ${id} is not open`);
    return session;
  }
}
