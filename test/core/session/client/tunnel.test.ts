/** A client's tunnel before a gateway that wants it otherwise. */
import assert from 'node:assert/strict';
import { beforeEach, describe, it } from 'node:test';
import type { QuickModeIntent } from '../../../../src/core/ikev1/quick-mode.ts';
import type { Ikev1Sa } from '../../../../src/core/ikev1/sa.ts';
import { formatSelector } from '../../../../src/core/ikev1/selector.ts';
import type { EspPair } from '../../../../src/core/ikev1/types.ts';
import { parseIp, parsePrefix } from '../../../../src/core/net/address.ts';
import { HOUR, type Instant, MINUTE } from '../../../../src/core/net/time.ts';
import type { GivenConfiguration } from '../../../../src/core/session/client/configuration.ts';
import type { ClientEvent, ClientOptions } from '../../../../src/core/session/client/events.ts';
import { Login } from '../../../../src/core/session/client/login.ts';
import { MAX_SELECTORS } from '../../../../src/core/session/client/reach.ts';
import { Tunnel } from '../../../../src/core/session/client/tunnel.ts';

const LOCAL = parseIp('192.0.2.2')!;
const GATEWAY = parseIp('192.0.2.1')!;
const GIVEN = {
  address: parseIp('10.0.0.2')!,
  dns: [],
  routes: 'all',
  pfs: undefined,
  ciscoUdpPort: undefined,
  gatewayVersion: 'Sallyport',
} as unknown as GivenConfiguration;
const SUITE = { esp: 'aes128gcm16', mode: 61443, group: undefined } as unknown as EspPair['suite'];

/** All that the tunnel asks of its phase 1. */
class ModelSa {
  readonly path = {
    carrier: 'nat-t',
    local: { address: LOCAL, port: 4500 },
    remote: { address: GATEWAY, port: 4500 },
  } as const;
  readonly established = { traits: { natTraversal: 'rfc3947', dpd: false }, suite: { group: 14 } };
  readonly begun: QuickModeIntent[] = [];
  closed = false;

  beginQuickMode(intent: QuickModeIntent): boolean {
    this.begun.push(intent);
    return true;
  }

  deleteEsp(): void {}

  close(): void {
    this.closed = true;
  }
}

class Bench {
  readonly sa = new ModelSa();
  readonly events: ClientEvent[] = [];
  readonly tunnel: Tunnel;
  now: Instant = MINUTE;
  #spi = 1000;

  constructor(given: Partial<GivenConfiguration> = {}) {
    const host = {
      emit: (event: ClientEvent) => this.events.push(event),
      touch: () => {},
      newSpi: () => this.#spi++,
      openFlow: () => 1,
      closeFlow: () => {},
      failures: () => [],
    };
    const options = {
      carriers: ['nat-t'],
      ports: { local: { ike: 500, natT: 4500, ciscoUdp: 10_000 }, remote: { ike: 500, natT: 4500, ciscoTcp: 10_000 } },
      phase2: (_: number, group: number | undefined) => ({
        suites: [{ ...SUITE, group }],
        lifetime: { seconds: 3600, kilobytes: undefined },
      }),
      routes: undefined,
      idle: HOUR,
      lastTraffic: () => 0,
    } as unknown as ClientOptions;
    const winner = { way: 'nat-t', sa: this.sa as unknown as Ikev1Sa, flowId: undefined } as const;
    const location = { gateway: GATEWAY, local: LOCAL, remembered: undefined };
    const entered = { winner, given: { ...GIVEN, ...given }, lost: [] };
    const login = new Login({ user: undefined, password: undefined, domain: undefined });
    this.tunnel = new Tunnel({ host, options, gateway: 'gateway', location, entered, login }, this.now);
  }

  /** The gateway agrees to a quick mode. */
  agree(intent: QuickModeIntent): void {
    const half = (spi: number) => ({ spi, keys: {} });
    const { local, remote, lifetime, spi, suites } = intent;
    const [inbound, outbound] = [half(spi), half(spi + 100_000)];
    const pair = { inbound, outbound, suite: suites[0], local, remote, lifetime, initiatedBy: 'us', messageId: 1 };
    for (const type of ['esp-prepared', 'esp-established'] as const) {
      this.tunnel.handleEvent(this.sa as unknown as Ikev1Sa, { type, pair: pair as unknown as EspPair }, this.now);
    }
  }

  refuse({ spi }: QuickModeIntent): void {
    const event = { type: 'esp-abandoned', inboundSpi: spi, replaces: undefined, reason: 'no such proposal' } as const;
    this.tunnel.handleEvent(this.sa as unknown as Ikev1Sa, event, this.now);
  }

  delete({ spi }: QuickModeIntent): void {
    const event = { type: 'esp-deleted', spis: [spi + 100_000] } as const;
    this.tunnel.handleEvent(this.sa as unknown as Ikev1Sa, event, this.now);
  }

  /** On to the next timer. */
  step(): void {
    const at = this.tunnel.pollTimeout();
    assert.ok(at !== undefined, 'nothing is awaited');
    this.now = Math.max(this.now, at);
    this.tunnel.handleTimeout(this.now);
  }
}

describe("a client's tunnel", () => {
  let bench: Bench;
  beforeEach(() => {
    bench = new Bench();
  });

  it('makes a deleted pair anew at once, then less and less often, and then no more', () => {
    const { sa, tunnel } = bench;
    const begunAt: Instant[] = [];
    for (let agreed = 0; !tunnel.ending; ) {
      for (; agreed < sa.begun.length; agreed++) {
        begunAt.push(bench.now - MINUTE);
        bench.agree(sa.begun[agreed]!);
        bench.delete(sa.begun[agreed]!);
      }
      if (!tunnel.ending) bench.step();
    }
    assert.deepEqual(begunAt, [0, 0, 2000, 6000, 14_000]);
    assert.equal(tunnel.ending.kind, 'lost');
  });

  it('forgives a gateway that deletes a pair now and then', () => {
    const { sa, tunnel } = bench;
    for (let i = 0; i < 50; i++) {
      bench.agree(sa.begun[i]!);
      bench.now += 2 * MINUTE;
      bench.delete(sa.begun[i]!);
      assert.equal(sa.begun.length, i + 2);
    }
    assert.equal(tunnel.ending, undefined);
  });

  it('asks for each network where a gateway takes no tunnel to everything', () => {
    const routes = [parsePrefix('10.1.0.0/16')!, parsePrefix('10.2.0.0/16')!];
    bench = new Bench({ routes });
    const { sa, tunnel } = bench;
    bench.refuse(sa.begun[0]!);
    assert.deepEqual(
      sa.begun.slice(1).map(({ remote }) => formatSelector(remote)),
      ['10.1.0.0/16', '10.2.0.0/16'],
    );
    for (const intent of sa.begun.slice(1)) bench.agree(intent);
    assert.ok(tunnel.isUp);
  });

  it('asks for as many networks as it may have pairs, and takes no more into the tunnel', () => {
    const routes = Array.from({ length: MAX_SELECTORS + 2 }, (_, i) => parsePrefix(`10.${i}.0.0/16`)!);
    bench = new Bench({ routes });
    const { sa, tunnel, events } = bench;
    bench.refuse(sa.begun[0]!);
    assert.equal(sa.begun.length, 1 + MAX_SELECTORS);
    for (const intent of sa.begun.slice(1)) bench.agree(intent);
    assert.deepEqual(tunnel.describe().routes, routes.slice(0, MAX_SELECTORS));
    assert.match(JSON.stringify(events.find(({ type }) => type === 'notice')), /2 are not reached/);
  });

  it('asks for each network also where the gateway says nothing to one for everything, and ends if that helps nothing', () => {
    bench = new Bench({ routes: [parsePrefix('10.1.0.0/16')!] });
    bench.step();
    assert.equal(bench.sa.begun.length, 2);
    bench.step();
    assert.deepEqual(bench.tunnel.ending, { kind: 'silent', reason: 'the gateway left quick mode unanswered' });
  });

  it('asks for no Diffie-Hellman unless the gateway says so, then in the group of phase 1', () => {
    assert.equal(bench.sa.begun[0]!.suites[0]!.group, undefined);
    bench = new Bench({ pfs: true });
    assert.equal(bench.sa.begun[0]!.suites[0]!.group, 14);
  });
});
