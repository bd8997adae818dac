/** The LAC against our LNS over lines that lose and reorder; then against an LNS that doesn't do it right. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { type Bytes, u16 } from '../../../src/core/bytes/bytes.ts';
import { MAX_SENDINGS } from '../../../src/core/l2tp/control-channel.ts';
import { Lac, type LacEvent } from '../../../src/core/l2tp/lac.ts';
import { avp, encodeMessage, readMessage } from '../../../src/core/l2tp/messages.ts';
import { HELLO_INTERVAL } from '../../../src/core/l2tp/tunnel-end.ts';
import {
  type Avp,
  AvpType,
  encodeL2tpControl,
  encodeL2tpData,
  MessageType as M,
  MAX_AVPS,
  parseL2tp,
} from '../../../src/core/wire/l2tp.ts';
import { Seeded } from '../../seeded.ts';
import { seededCrypto } from '../../seeded-crypto.ts';
import { sccrqAvps } from './lac.ts';
import { closedBy, TunnelPair, told } from './pair.ts';

describe('the LAC', () => {
  it('makes a call at our LNS', () => {
    const both = new TunnelPair().dial();
    assert.deepEqual([told(both.lacEvents), told(both.lnsEvents)], [['call-up'], ['call-up']]);
    const { localTunnel, localSession, peerTunnel, peerSession, port } = both.lac.call!;
    assert.deepEqual(both.lnsCall, {
      port: 1701,
      localTunnel: peerTunnel,
      localSession: peerSession,
      peerTunnel: localTunnel,
      peerSession: localSession,
    });
    assert.equal(port, 1701);
    both.lac.sendPpp(Uint8Array.of(1));
    both.lns.sendPpp(peerSession, Uint8Array.of(2));
    both.advance(100);
    assert.deepEqual(both.lnsEvents.at(-1), { type: 'ppp', session: peerSession, frame: Uint8Array.of(1) });
    assert.deepEqual(both.lacEvents.at(-1), { type: 'ppp', session: localSession, frame: Uint8Array.of(2) });
  });

  it('makes it over lines that lose and reorder', () => {
    for (let seed = 1; seed <= 200; seed++) {
      const both = new TunnelPair({ seed, loss: 0.1, jitter: 1500 }).dial(60_000);
      assert.ok(both.lac.call && both.lnsCall, `seed ${seed}: ${closedBy(both.lacEvents)}`);
      assert.equal(told(both.lacEvents).filter((one) => one === 'call-up').length, 1);
      assert.equal(told(both.lnsEvents).includes('restarted'), false, `seed ${seed}`);
    }
  });

  it('repeats its SCCRQ to a gateway that says nothing, and gives up', () => {
    const both = new TunnelPair();
    both.line.cut = true;
    let sent = 0;
    const count = both.client.pollTransmit;
    both.client.pollTransmit = () => {
      const bytes = count();
      if (bytes) sent++;
      return bytes;
    };
    both.dial(60_000);
    assert.equal(sent, MAX_SENDINGS);
    assert.match(closedBy(both.lacEvents)!, /the gateway left L2TP messages unanswered/);
    assert.equal(both.lac.pollTimeout(), undefined);
  });

  it('stays as long as there is an answer to Hello, and no longer', () => {
    const both = new TunnelPair().dial().advance(20 * HELLO_INTERVAL);
    assert.ok(both.lac.call && both.lnsCall);
    both.line.cut = true;
    both.advance(2 * HELLO_INTERVAL);
    assert.match(closedBy(both.lacEvents)!, /unanswered/);
    assert.match(closedBy(both.lnsEvents)!, /unanswered/);
  });

  it('ends the call for both, whoever hangs up', () => {
    for (const end of ['lac', 'lns'] as const) {
      const both = new TunnelPair().dial();
      both[end].close();
      both.advance(100);
      const other = end === 'lac' ? both.lnsEvents : both.lacEvents;
      assert.match(closedBy(other)!, /closed its tunnel \(StopCCN, result 6\)/);
      assert.deepEqual([both.lac.call, both.lnsCall], [undefined, undefined]);
      assert.deepEqual([both.lac.pollTimeout(), both.lns.pollTimeout()], [undefined, undefined]);
    }
  });

  it('begins anew after all was lost, and takes its old place', () => {
    const both = new TunnelPair().dial();
    const before = both.lac.call!;
    both.dial();
    assert.deepEqual(told(both.lnsEvents), ['call-up', 'restarted', 'call-up']);
    assert.notEqual(both.lac.call!.localTunnel, before.localTunnel);
  });
});

/** An LNS by hand: says what it is told to. */
class Gateway {
  readonly lac = new Lac(seededCrypto(new Seeded(8)), () => 0);
  readonly events: LacEvent[] = [];
  readonly heard: { readonly type: number; readonly values: ReadonlyMap<number, Bytes> }[] = [];
  tunnel = 0;
  session = 0;
  ns = 0;
  nr = 0;
  now = 1_000_000;

  constructor() {
    this.lac.begin(this.now);
    this.listen();
  }

  say(type: number, avps: readonly Avp[], session = 0, ns = this.ns++): this {
    const body = encodeMessage(type, avps);
    return this.send(encodeL2tpControl({ tunnelId: this.tunnel, sessionId: session, ns, nr: this.nr, body }));
  }

  sccrp(more: readonly Avp[] = []): this {
    return this.say(M.SCCRP, [...sccrqAvps(70), ...more]);
  }

  icrp(more: readonly Avp[] = [], session = this.session): this {
    return this.say(M.ICRP, [avp(AvpType.ASSIGNED_SESSION_ID, u16(71)), ...more], session);
  }

  send(bytes: Bytes): this {
    this.lac.handleInput(bytes, this.now);
    return this.listen();
  }

  listen(): this {
    for (let event = this.lac.pollEvent(); event; event = this.lac.pollEvent()) this.events.push(event);
    for (let sent = this.lac.pollTransmit(); sent; sent = this.lac.pollTransmit()) {
      const message = parseL2tp(sent.message);
      if (message.kind === 'data' || message.body.length === 0) continue;
      this.nr = (message.ns + 1) & 0xffff;
      const { type, values } = readMessage(message.body);
      this.heard.push({ type, values });
      const number = (value: Bytes) => (value[0]! << 8) | value[1]!;
      if (type === M.SCCRQ) this.tunnel = number(values.get(AvpType.ASSIGNED_TUNNEL_ID)!);
      if (type === M.ICRQ) this.session = number(values.get(AvpType.ASSIGNED_SESSION_ID)!);
    }
    return this;
  }

  get types(): number[] {
    return this.heard.map(({ type }) => type);
  }
}

const UNKNOWN = avp(99, new Uint8Array(2));

describe('the LAC, against an LNS that is wrong', () => {
  it('says what RFC 2661 wants in each message', () => {
    const gateway = new Gateway().sccrp().icrp();
    assert.deepEqual(gateway.types, [M.SCCRQ, M.SCCCN, M.ICRQ, M.ICCN]);
    const [sccrq, , icrq, iccn] = gateway.heard.map(({ values }) => values);
    for (const type of [AvpType.PROTOCOL_VERSION, AvpType.FRAMING_CAPABILITIES, AvpType.HOST_NAME])
      assert.ok(sccrq!.has(type));
    assert.ok(icrq!.has(AvpType.CALL_SERIAL_NUMBER));
    assert.deepEqual([...iccn!.keys()], [AvpType.TX_CONNECT_SPEED, AvpType.FRAMING_TYPE]);
    assert.deepEqual(told(gateway.events), ['call-up']);
  });

  it('ends for what it may not pass over, for no numbers, another version and a secret', () => {
    const version = sccrqAvps(70).with(0, avp(AvpType.PROTOCOL_VERSION, u16(0x0200)));
    for (const [gateway, reason, last] of [
      [new Gateway().sccrp([UNKNOWN]), /AVP that may not be passed over/, M.StopCCN],
      [new Gateway().sccrp([{ ...avp(AvpType.HOST_NAME, new Uint8Array(20)), hidden: true }]), /hidden AVP/, M.StopCCN],
      [new Gateway().say(M.SCCRP, sccrqAvps(0)), /gives its tunnel no number/, M.StopCCN],
      [new Gateway().say(M.SCCRP, version), /another version/, M.StopCCN],
      [new Gateway().sccrp([avp(AvpType.CHALLENGE, new Uint8Array(16))]), /tunnel secret/, M.StopCCN],
      [new Gateway().sccrp().icrp([UNKNOWN]), /AVP that may not be passed over/, M.CDN],
      [new Gateway().sccrp().say(M.OCRQ, []), /isn't served \(L2TP type 7\)/, M.StopCCN],
    ] as const) {
      assert.match(closedBy(gateway.events)!, reason);
      assert.equal(gateway.types.at(-1), last);
      assert.equal(gateway.lac.call, undefined);
    }
    const none = new Gateway().sccrp();
    none.say(M.ICRP, [avp(AvpType.ASSIGNED_SESSION_ID, u16(0))], none.session);
    assert.match(closedBy(none.events)!, /gives its call no number/);
  });

  it('is refused by StopCCN and by CDN', () => {
    const stop = new Gateway().say(M.StopCCN, [avp(AvpType.RESULT_CODE, u16(4))]);
    assert.match(closedBy(stop.events)!, /StopCCN, result 4/);
    const cdn = new Gateway().sccrp();
    cdn.say(M.CDN, [avp(AvpType.RESULT_CODE, u16(4))], cdn.session);
    assert.match(closedBy(cdn.events)!, /the gateway hung up \(CDN, result 4\)/);
  });

  it('has no call by an answer to another, before its turn, or twice', () => {
    const early = new Gateway().icrp();
    assert.deepEqual(told(early.events), ['l2tp_unexpected']);
    const other = new Gateway().sccrp();
    other.icrp([], other.session ^ 1);
    assert.deepEqual(told(other.events), ['l2tp_unexpected']);
    assert.equal(other.lac.call, undefined);
    const twice = new Gateway().sccrp().icrp().sccrp().icrp();
    assert.deepEqual(told(twice.events), ['call-up', 'l2tp_unexpected', 'l2tp_unexpected']);
    assert.equal(twice.lac.call?.peerSession, 71);
  });

  it("hears nothing under another's tunnel or session", () => {
    const gateway = new Gateway().sccrp().icrp();
    const { tunnel, session } = gateway;
    const data = (tunnelId: number, sessionId: number) =>
      gateway.send(encodeL2tpData({ tunnelId, sessionId, ns: undefined, payload: Uint8Array.of(1) }));
    data(tunnel ^ 1, session);
    data(tunnel, session ^ 1);
    gateway.say(M.CDN, [], session ^ 1);
    gateway.tunnel ^= 1;
    gateway.say(M.StopCCN, []);
    const expected = ['l2tp_unknown_tunnel', 'l2tp_unknown_session', 'l2tp_unknown_session', 'l2tp_unknown_tunnel'];
    assert.deepEqual(told(gateway.events), ['call-up', ...expected]);
    assert.ok(gateway.lac.call);
  });

  it('takes as many AVPs as there may be, and none more', () => {
    const long = { ...UNKNOWN, mandatory: false, value: new Uint8Array(1017) };
    assert.deepEqual(new Gateway().sccrp(new Array(MAX_AVPS - 5).fill(long)).types.at(-1), M.ICRQ);
    assert.deepEqual(told(new Gateway().sccrp(new Array(MAX_AVPS - 4).fill(long)).events), ['l2tp_malformed']);
  });

  it('survives lengths that lie, cuts, noise and numbers that jump, and never throws', () => {
    const random = new Seeded(12);
    for (let round = 0; round < 4000; round++) {
      const gateway = new Gateway();
      const body = encodeMessage(M.SCCRP, sccrqAvps(70));
      const whole = encodeL2tpControl({ tunnelId: gateway.tunnel, sessionId: 0, ns: 0, nr: 1, body });
      const bytes = round % 3 ? whole.slice(0, random.below(whole.length + 1)) : random.bytes(random.below(80));
      for (let hits = random.below(6); hits > 0 && bytes.length > 0; hits--)
        bytes[random.below(bytes.length)] = random.u32();
      gateway.send(bytes);
      for (let i = 0; i < 5; i++) gateway.say(M.HELLO, [], 0, random.u32() & 0xffff);
      gateway.lac.handleTimeout(gateway.now + 1000);
    }
  });
});
