/** L2TP's call from the client's side, before a gateway that gives what can't be taken, or says nothing. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Bytes } from '../../../../src/core/bytes/bytes.ts';
import { Lns } from '../../../../src/core/l2tp/lns.ts';
import { type IpAddress, parseIp } from '../../../../src/core/net/address.ts';
import { type Instant, MINUTE, SECOND } from '../../../../src/core/net/time.ts';
import { PppLink } from '../../../../src/core/ppp/link.ts';
import type { PppMethod } from '../../../../src/core/ppp/methods.ts';
import { ClientCall } from '../../../../src/core/session/client/call.ts';
import type { ClientEvent } from '../../../../src/core/session/client/events.ts';
import { type CallIds, L2TP_PORT } from '../../../../src/core/wire/l2tp.ts';
import { Seeded } from '../../../seeded.ts';
import { seededCrypto } from '../../../seeded-crypto.ts';

const GATEWAY = parseIp('192.0.2.1')!;

/** A call, and a gateway at its other end that gives `address`, and `dns`. */
class Bench {
  readonly crypto = seededCrypto(new Seeded(5));
  readonly events: ClientEvent[] = [];
  readonly call: ClientCall;
  readonly lns: Lns;
  link: PppLink | undefined;
  #number = 0;
  now: Instant = SECOND;
  silent = false;
  readonly #given: { readonly address: IpAddress; readonly dns: readonly IpAddress[] };

  constructor(address: string, dns: readonly string[] = [], methods?: readonly PppMethod[]) {
    this.#given = { address: parseIp(address)!, dns: dns.map((text) => parseIp(text)!) };
    const emit = (event: ClientEvent) => this.events.push(event);
    const { crypto } = this;
    const common = { crypto, user: 'sally', password: 'secret', secret: undefined, lastTraffic: () => 0, emit };
    this.call = new ClientCall({ ...common, methods, gateway: [GATEWAY] }, this.now);
    this.lns = new Lns(crypto, () => 0);
  }

  get lnsCall(): CallIds | undefined {
    return this.lns.idsOf(this.#number);
  }

  run(): this {
    for (let busy = true; busy; ) {
      busy = false;
      for (let sent = this.call.pollTransmit(); sent; sent = this.call.pollTransmit()) {
        busy = true;
        if (!this.silent) this.lns.handleInput(sent.message, L2TP_PORT, this.now);
      }
      this.#serve();
      for (let sent = this.lns.pollTransmit(); sent; sent = this.lns.pollTransmit()) {
        busy = true;
        this.call.handleInput(sent.message as Bytes, this.now);
      }
    }
    return this;
  }

  advance(milliseconds: number): this {
    const until = this.now + milliseconds;
    for (let at = this.call.pollTimeout(); at !== undefined && at <= until; at = this.call.pollTimeout()) {
      this.now = Math.max(this.now, at);
      this.call.handleTimeout(this.now);
      this.run();
    }
    this.now = until;
    return this;
  }

  #serve(): void {
    for (let event = this.lns.pollEvent(); event; event = this.lns.pollEvent()) {
      if (event.type === 'call-up') {
        this.#number = event.session;
        this.link = new PppLink(this.crypto, ['pap'], () => 0, this.now);
      } else if (event.type === 'ppp') this.link?.handleInput(event.frame, this.now);
    }
    for (let event = this.link?.pollEvent(); event; event = this.link?.pollEvent()) {
      // before PPP's own word leaves
      if (event.type === 'down') this.lns.close();
      if (event.type !== 'authenticate') continue;
      const given = { ...this.#given, ownAddress: parseIp('10.0.0.1')!, nbns: [] };
      this.link!.answer({ ok: true, given, response: undefined }, this.now);
    }
    for (let frame = this.link?.pollTransmit(); frame; frame = this.link?.pollTransmit())
      this.lns.sendPpp(this.#number, frame);
  }
}

describe("a client's call", () => {
  it('brings an address, name servers, and the numbers of the call', () => {
    const bench = new Bench('10.0.0.2', ['10.0.0.53']).run();
    const { call } = bench;
    assert.equal(call.up?.given.address.text, '10.0.0.2');
    assert.deepEqual(
      call.up?.given.dns.map(({ text }) => text),
      ['10.0.0.53'],
    );
    assert.equal(call.up?.given.routes, 'all');
    assert.equal(call.up?.neighbour?.text, '10.0.0.1');
    assert.equal(call.up?.call.peerTunnel, bench.lnsCall?.localTunnel);
    assert.equal(call.up?.call.localSession, bench.lnsCall?.peerSession);
  });

  for (const address of [GATEWAY.text, '127.0.0.1', '169.254.1.1', '224.0.0.1', '255.255.255.255']) {
    it(`takes no address such as ${address}`, () => {
      const { call } = new Bench(address).run();
      assert.equal(call.up, undefined);
      assert.equal(call.ending?.cause, 'refused');
      assert.match(call.ending?.reason ?? '', /no address that can be used/);
    });
  }

  it('takes no name server on our own host, and says so', () => {
    const { call, events } = new Bench('10.0.0.2', ['127.0.0.53', '10.0.0.53']).run();
    assert.deepEqual(
      call.up?.given.dns.map(({ text }) => text),
      ['10.0.0.53'],
    );
    assert.match(JSON.stringify(events), /127\.0\.0\.53 is not taken/);
  });

  it('tells what login the gateway wanted, though it closes its tunnel without a word of that', () => {
    const { ending } = new Bench('10.0.0.2', [], ['ms-chap-v2']).run().call;
    const reason = 'the gateway wants a login by pap; what may be used is ms-chap-v2';
    assert.deepEqual(ending, { cause: 'refused', reason });
  });

  it('is given up when nobody answers, and lost when nobody answers any more', () => {
    const bench = new Bench('10.0.0.2');
    bench.silent = true;
    bench.run().advance(MINUTE);
    assert.equal(bench.call.ending?.cause, 'refused');
    assert.equal(bench.call.isHeard, false);
    const other = new Bench('10.0.0.2').run();
    other.silent = true;
    other.advance(5 * MINUTE);
    assert.equal(other.call.ending?.cause, 'lost');
  });

  it('says good-bye once, and nothing after it', () => {
    const bench = new Bench('10.0.0.2').run();
    bench.call.close();
    assert.ok(bench.call.pollTransmit());
    bench.run();
    bench.call.close();
    bench.call.handleTimeout(bench.now + MINUTE);
    assert.equal(bench.call.pollTransmit(), undefined);
    assert.equal(bench.call.pollTimeout(), undefined);
  });
});
