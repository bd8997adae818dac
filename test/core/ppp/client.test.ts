/** The dialling end of PPP against our gateway's over lines that lose and reorder; then against gateways that aren't honest. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { type Bytes, concat } from '../../../src/core/bytes/bytes.ts';
import { utf8 } from '../../../src/core/bytes/text.ts';
import { parseIp } from '../../../src/core/net/address.ts';
import { chapMd5 } from '../../../src/core/ppp/chap-md5.ts';
import { PppClient, type PppClientEvent, type PppClientOptions } from '../../../src/core/ppp/client.ts';
import { ECHO_INTERVAL } from '../../../src/core/ppp/link-end.ts';
import { MAX_REQUESTS, MAX_ROUNDS } from '../../../src/core/ppp/negotiation.ts';
import { MAX_WAITS } from '../../../src/core/ppp/proof.ts';
import {
  ChapCode,
  Code,
  type ControlPacket,
  encodeChapValue,
  encodeControlPacket,
  encodeOptions,
  encodePapMessage,
  encodePppFrame,
  IpcpOption,
  LcpOption,
  MAX_OPTIONS,
  type Option,
  PapCode,
  PppProtocol,
  parseChapValue,
  parseControlPacket,
  parseOptions,
  parsePapRequest,
  parsePppFrame,
} from '../../../src/core/wire/ppp.ts';
import { nodeCrypto } from '../../../src/host/crypto/node-crypto.ts';
import { Seeded } from '../../seeded.ts';
import { seededCrypto } from '../../seeded-crypto.ts';
import { ANN, PppPair } from './pair.ts';
import { GIVEN } from './peer.ts';

const { LCP, IPCP, PAP, CHAP } = PppProtocol;
const EMPTY = new Uint8Array(0);

describe('a PPP client', () => {
  for (const method of ['pap', 'chap-md5', 'ms-chap-v2'] as const) {
    it(`logs in by ${method} and takes what it is given`, () => {
      const pair = new PppPair({ offered: [method], client: { user: 'OFFICE\\ann' } }).run();
      assert.deepEqual(pair.up, {
        type: 'up',
        peer: { mru: 1400, acfc: true, pfc: true },
        address: GIVEN.address,
        dns: GIVEN.dns,
        nbns: GIVEN.nbns,
        gateway: GIVEN.ownAddress,
      });
      assert.ok(pair.linkEvents.some(({ type }) => type === 'up'));
    });

    it(`is told by ${method} that name or password are wrong`, () => {
      const pair = new PppPair({ offered: [method], password: 'other' }).run();
      assert.equal(pair.down?.cause, 'login');
      assert.match(pair.down!.reason, /refused the name or the password/);
      assert.equal(pair.up, undefined);
      assert.equal(pair.client.pollTimeout(), undefined);
    });

    it(`logs in by ${method} over lines that lose and reorder`, () => {
      let up = 0;
      for (let seed = 1; seed <= 100; seed++) {
        const pair = new PppPair({ offered: [method], seed, loss: 0.15, jitter: 500 }).run(120_000);
        assert.notEqual(pair.down?.cause, 'login', 'loss is no wrong password');
        if (pair.up) up++;
      }
      assert.ok(up >= 95, `${up} of 100`);
    });
  }

  it('takes the gateway to another method when it asks for one that may not be used', () => {
    const pair = new PppPair({ offered: ['pap', 'ms-chap-v2'], client: { methods: ['ms-chap-v2'] } }).run();
    assert.ok(pair.up);
    const none = new PppPair({ offered: ['pap'], client: { methods: ['ms-chap-v2'] } }).run();
    assert.equal(none.down?.cause, 'refused');
    assert.match(none.down!.reason, /wants a login by pap; what may be used is ms-chap-v2/);
    assert.ok(!none.linkEvents.some(({ type }) => type === 'authenticate'), 'no password left');
  });

  it('has enough of a gateway that says nothing, and asks one that has become silent', () => {
    const silent = new PppPair();
    silent.line.cut = true;
    assert.match(silent.run(200_000).down!.reason, /LCP: it left our options unanswered/);
    assert.equal(silent.down!.cause, 'lost');
    const pair = new PppPair().run();
    pair.run(10 * ECHO_INTERVAL);
    assert.equal(pair.down, undefined);
    pair.line.cut = true;
    pair.run(2 * ECHO_INTERVAL);
    assert.match(pair.down!.reason, /answers no more/);
  });

  it('hangs up and is hung up on', () => {
    const pair = new PppPair().run();
    pair.link.close();
    pair.run();
    assert.deepEqual(pair.down, { type: 'down', cause: 'lost', reason: 'the gateway hung up' });
    const other = new PppPair().run();
    other.client.close();
    other.run();
    assert.match(other.linkEvents.map((event) => (event.type === 'down' ? event.reason : '')).join(''), /hung up/);
  });
});

/** A gateway by hand: says what it is told to, and agrees to what LCP asks. */
class Gateway {
  readonly client: PppClient;
  readonly events: PppClientEvent[] = [];
  readonly heard: { readonly protocol: number; readonly packet: ControlPacket }[] = [];
  #identifier = 0;
  now = 1_000_000;

  constructor(options: Partial<PppClientOptions> = {}) {
    this.client = new PppClient(seededCrypto(new Seeded(4)), { ...ANN, ...options }, () => 0, this.now);
    this.listen();
  }

  /** Past LCP with this authentication option. */
  asks(...authentication: readonly number[]): this {
    const option = { type: LcpOption.AUTHENTICATION, data: Uint8Array.from(authentication) };
    const [request] = this.all(LCP, Code.CONFIGURE_REQUEST);
    this.say(LCP, Code.CONFIGURE_ACK, request!.data, request!.identifier);
    return this.say(LCP, Code.CONFIGURE_REQUEST, encodeOptions(authentication.length > 0 ? [option] : []));
  }

  challenge(length = 16, identifier = 7): this {
    return this.say(
      CHAP,
      ChapCode.CHALLENGE,
      encodeChapValue({ value: new Uint8Array(length), name: EMPTY }),
      identifier,
    );
  }

  /** Past the login, by PAP. */
  logsIn(): this {
    return this.asks(0xc0, 0x23).say(PAP, PapCode.ACK, encodePapMessage(EMPTY));
  }

  say(protocol: number, code: number, data: Bytes, identifier = ++this.#identifier & 255): this {
    return this.send(encodePppFrame({ protocol, information: encodeControlPacket({ code, identifier, data }) }));
  }

  send(frame: Bytes): this {
    this.client.handleInput(frame, this.now);
    return this.listen();
  }

  advance(milliseconds: number): this {
    const until = this.now + milliseconds;
    for (let at = this.client.pollTimeout(); at !== undefined && at <= until; at = this.client.pollTimeout()) {
      this.now = Math.max(this.now, at);
      this.client.handleTimeout(this.now);
      this.listen();
    }
    this.now = until;
    return this;
  }

  listen(): this {
    for (let event = this.client.pollEvent(); event; event = this.client.pollEvent()) this.events.push(event);
    for (let frame = this.client.pollTransmit(); frame; frame = this.client.pollTransmit()) {
      const { protocol, information } = parsePppFrame(frame);
      this.heard.push({ protocol, packet: parseControlPacket(information) });
    }
    return this;
  }

  all(protocol: number, code: number): ControlPacket[] {
    const those = this.heard.filter((one) => one.protocol === protocol && one.packet.code === code);
    return those.map(({ packet }) => packet);
  }

  get down(): Extract<PppClientEvent, { type: 'down' }> | undefined {
    return this.events.find((event) => event.type === 'down');
  }

  get drops(): number {
    return this.events.filter(({ type }) => type === 'dropped').length;
  }
}

const MS_CHAP = [0xc2, 0x23, 0x81] as const;

describe('a PPP client, against a gateway that is wrong', () => {
  it('is on with none that cannot prove by MS-CHAPv2 that it knows the password', () => {
    for (const said of ['', 'S=', `S=${'0'.repeat(40)} M=Welcome`, 'M=Welcome']) {
      const gateway = new Gateway().asks(...MS_CHAP).challenge();
      gateway.say(CHAP, ChapCode.SUCCESS, utf8(said), 7);
      assert.equal(gateway.down?.cause, 'refused');
      assert.match(gateway.down!.reason, /did not prove that it knows the password/);
      assert.equal(gateway.all(IPCP, Code.CONFIGURE_REQUEST).length, 0);
    }
  });

  it('takes no success that is out of state', () => {
    const early = new Gateway().asks(...MS_CHAP);
    early.say(CHAP, ChapCode.SUCCESS, utf8('S=0'), 7).say(PAP, PapCode.ACK, EMPTY);
    early.challenge().say(CHAP, ChapCode.SUCCESS, utf8('S=0'), 8).say(PAP, PapCode.ACK, EMPTY);
    assert.equal(early.drops, 4);
    assert.equal(early.client.awaits, 'verdict');
    const before = new Gateway().say(CHAP, ChapCode.SUCCESS, utf8('S=0')).say(PAP, PapCode.ACK, EMPTY);
    assert.equal(before.client.awaits, 'LCP');
    assert.equal(before.all(IPCP, Code.CONFIGURE_REQUEST).length, 0);
  });

  it('gives its password to none that asks for nothing, for EAP, or for what may not be used', () => {
    const nothing = new Gateway().asks();
    assert.equal(nothing.down?.cause, 'refused');
    assert.match(nothing.down!.reason, /asks for no login/);
    for (const asked of [[0xc2, 0x27], [0xc2, 0x23, 0x80], [0xc2, 0x23], [], [0xc0, 0x23, 1]]) {
      const gateway = new Gateway();
      for (let i = 0; i < 10; i++)
        gateway.say(LCP, Code.CONFIGURE_REQUEST, encodeOptions([{ type: 3, data: Uint8Array.from(asked) }]));
      assert.match(gateway.down!.reason, /insists on options/);
      assert.deepEqual(parseOptions(gateway.all(LCP, Code.CONFIGURE_NAK)[0]!.data), [
        { type: LcpOption.AUTHENTICATION, data: Uint8Array.from(MS_CHAP) },
      ]);
      assert.equal(gateway.all(PAP, PapCode.REQUEST).length + gateway.all(CHAP, ChapCode.RESPONSE).length, 0);
    }
    const only = new Gateway({ methods: ['ms-chap-v2'] }).asks(0xc0, 0x23).challenge();
    only.say(LCP, Code.TERMINATE_REQUEST, EMPTY);
    assert.match(only.down!.reason, /wants a login by pap/);
    const oversized = new Gateway().asks(...MS_CHAP);
    oversized.send(encodePppFrame({ protocol: PppProtocol.EAP, information: new Uint8Array(60_000) }));
    assert.equal(oversized.drops, 1);
  });

  it('answers CHAP with MD5, and again when it is asked again later', () => {
    const gateway = new Gateway().asks(0xc2, 0x23, 5).challenge(24, 9);
    const [response] = gateway.all(CHAP, ChapCode.RESPONSE);
    const { value, name } = parseChapValue(response!.data);
    assert.deepEqual(value, chapMd5(nodeCrypto, 9, utf8('secret'), new Uint8Array(24)));
    assert.deepEqual(name, utf8('ann'));
    gateway.say(CHAP, ChapCode.SUCCESS, EMPTY, 9).challenge(10, 10);
    assert.equal(gateway.client.awaits, 'IPCP');
    assert.equal(gateway.all(CHAP, ChapCode.RESPONSE).length, 2);
    gateway.say(CHAP, ChapCode.FAILURE, EMPTY, 10);
    assert.equal(gateway.down?.cause, 'login');
  });

  it('says the same to the same challenge, and waits no longer however often it is asked', () => {
    const gateway = new Gateway().asks(...MS_CHAP);
    for (let i = 0; i < 20; i++) gateway.challenge().advance(2000);
    const responses = gateway.all(CHAP, ChapCode.RESPONSE);
    assert.equal(new Set(responses.map(({ data }) => String(data))).size, 1);
    assert.match(gateway.down!.reason, /left the login unanswered/);
    assert.equal(gateway.down!.cause, 'lost');
    const silent = new Gateway().asks(0xc0, 0x23).advance(200_000);
    const requests = silent.all(PAP, PapCode.REQUEST);
    assert.equal(requests.length, MAX_WAITS);
    assert.equal(new Set(requests.map(({ identifier }) => identifier)).size, MAX_WAITS);
    assert.deepEqual(parsePapRequest(requests[0]!.data), { name: utf8('ann'), password: utf8('secret') });
  });

  it('says no password while LCP begins anew, and is down but once', () => {
    const gateway = new Gateway().asks(0xc0, 0x23);
    gateway.say(LCP, Code.CONFIGURE_REQUEST, encodeOptions([{ type: LcpOption.MRU, data: Uint8Array.of(5, 0) }]));
    assert.equal(gateway.client.awaits, 'LCP');
    gateway.advance(200_000);
    gateway.client.handleTimeout(gateway.now);
    gateway.listen();
    assert.equal(gateway.all(PAP, PapCode.REQUEST).length, 1);
    assert.equal(gateway.events.filter(({ type }) => type === 'down').length, 1);
    assert.match(gateway.down!.reason, /LCP: it left our options unanswered/);
  });

  it('takes over numbers of a refusal and no words', () => {
    for (const [said, reason] of [
      ['E=691 R=1 C=00 V=3 M=\u001b[2Jpwned', /password \(error 691: wrong name or password\)$/],
      ['E=648 R=0', /error 648: the password has expired/],
      ['E=12345', /error 12345\)$/],
      ['\u001b]0;x', /refused the name or the password$/],
    ] as const) {
      const gateway = new Gateway().asks(...MS_CHAP).challenge();
      gateway.say(CHAP, ChapCode.FAILURE, utf8(said), 7);
      assert.match(gateway.down!.reason, reason);
      assert.equal(gateway.down!.cause, 'login');
    }
    const mute = new Gateway()
      .asks(...MS_CHAP)
      .challenge()
      .say(LCP, Code.TERMINATE_REQUEST, EMPTY);
    assert.equal(mute.down?.cause, 'login');
  });

  it('wants an address, and keeps the one that it has', () => {
    const rejecting = new Gateway().logsIn();
    const [request] = rejecting.all(IPCP, Code.CONFIGURE_REQUEST);
    assert.equal(parseOptions(request!.data).length, 5);
    rejecting.say(IPCP, Code.CONFIGURE_REJECT, request!.data, request!.identifier);
    assert.match(rejecting.down!.reason, /IPCP: it gives no address/);
    const zero = new Gateway().logsIn();
    const [zeros] = zero.all(IPCP, Code.CONFIGURE_REQUEST);
    zero.say(IPCP, Code.CONFIGURE_REQUEST, EMPTY).say(IPCP, Code.CONFIGURE_ACK, zeros!.data, zeros!.identifier);
    assert.match(zero.down!.reason, /IPCP: it gives no address/);
    const moving = new Gateway().logsIn().say(IPCP, Code.CONFIGURE_REQUEST, EMPTY);
    agree(moving, [{ type: IpcpOption.ADDRESS, data: Uint8Array.of(10, 7, 7, 7) }]);
    assert.deepEqual(
      moving.events.flatMap((event) => (event.type === 'up' ? [event.address.text, event.gateway] : [])),
      ['10.7.7.7', undefined],
    );
    const own = encodeOptions([{ type: IpcpOption.ADDRESS, data: parseIp('10.7.7.1')!.bytes }]);
    moving.say(IPCP, Code.CONFIGURE_REQUEST, own);
    agree(moving, [{ type: IpcpOption.ADDRESS, data: Uint8Array.of(10, 7, 7, 8) }]);
    assert.match(moving.down!.reason, /another address than before/);
  });

  it('bounds what is asked and naked in turns', () => {
    const asking = new Gateway();
    for (let i = 0; i <= MAX_ROUNDS; i++)
      asking.say(LCP, Code.CONFIGURE_REQUEST, encodeOptions([{ type: 13, data: Uint8Array.of(6) }]));
    assert.match(asking.down!.reason, /requests without agreeing/);
    const naking = new Gateway().logsIn();
    for (let i = 0; i < 50; i++) {
      const last = naking.all(IPCP, Code.CONFIGURE_REQUEST).at(-1)!;
      const other = encodeOptions([{ type: IpcpOption.ADDRESS, data: Uint8Array.of(10, 0, 0, i) }]);
      naking.say(IPCP, Code.CONFIGURE_NAK, other, last.identifier);
    }
    assert.match(naking.down!.reason, /agrees to none/);
    assert.equal(naking.all(IPCP, Code.CONFIGURE_REQUEST).length, MAX_REQUESTS);
    const most = new Gateway().logsIn();
    for (const count of [MAX_OPTIONS, MAX_OPTIONS + 1])
      most.say(IPCP, Code.CONFIGURE_REQUEST, encodeOptions(new Array(count).fill({ type: 200, data: EMPTY })));
    assert.equal(most.all(IPCP, Code.CONFIGURE_REJECT).length, 1);
  });

  it('refuses CCP and IPv6CP, and the network before the login', () => {
    const early = new Gateway().asks(...MS_CHAP);
    early.say(IPCP, Code.CONFIGURE_REQUEST, EMPTY).say(PppProtocol.CCP, Code.CONFIGURE_REQUEST, EMPTY);
    assert.equal(early.drops, 2);
    const on = new Gateway().logsIn();
    for (const protocol of [PppProtocol.CCP, PppProtocol.IPV6CP]) on.say(protocol, Code.CONFIGURE_REQUEST, EMPTY);
    assert.equal(on.all(LCP, Code.PROTOCOL_REJECT).length, 2);
    assert.equal(on.down, undefined);
  });

  it('survives lengths that lie, cuts and noise, and never throws', () => {
    const random = new Seeded(19);
    const packets: readonly (readonly [number, number, Bytes])[] = [
      [LCP, 1, encodeOptions([{ type: 3, data: Uint8Array.from(MS_CHAP) }])],
      [CHAP, 1, concat(Uint8Array.of(16), new Uint8Array(16))],
      [CHAP, 3, utf8('S=0123456789012345678901234567890123456789')],
      [PAP, 2, Uint8Array.of(0)],
      [IPCP, 3, encodeOptions([{ type: 3, data: Uint8Array.of(10, 0, 0, 1) }])],
    ];
    for (let round = 0; round < 3000; round++) {
      const gateway = random.pick([
        () => new Gateway(),
        () => new Gateway().asks(...MS_CHAP).challenge(),
        () => new Gateway().logsIn(),
      ])();
      for (let i = 0; i < 5; i++) {
        const [protocol, code, data] = random.pick(packets);
        const information = encodeControlPacket({ code, identifier: random.below(10), data });
        const frame = encodePppFrame({ protocol, information });
        for (let hits = random.below(4); hits > 0; hits--) frame[random.below(frame.length)] = random.u32();
        gateway.send(random.chance(0.3) ? frame.slice(0, random.below(frame.length + 1)) : frame);
      }
    }
  });
});

/** Agrees on IPCP: naks the last request with `options`, acks what follows. */
function agree(gateway: Gateway, options: readonly Option[]): void {
  const last = gateway.all(IPCP, Code.CONFIGURE_REQUEST).at(-1)!;
  gateway.say(IPCP, Code.CONFIGURE_NAK, encodeOptions(options), last.identifier);
  const next = gateway.all(IPCP, Code.CONFIGURE_REQUEST).at(-1)!;
  gateway.say(IPCP, Code.CONFIGURE_ACK, next.data, next.identifier);
}
