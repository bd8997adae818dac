/** L2TP and PPP that lie, flood or reach for others, from a client with an SA of its own: nobody else's call notices. */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { concat, u16 } from '../../src/core/bytes/bytes.ts';
import { utf8 } from '../../src/core/bytes/text.ts';
import type { EspPath } from '../../src/core/esp/sa.ts';
import { MAX_SENDINGS, MAX_WAITING } from '../../src/core/l2tp/control-channel.ts';
import { MAX_CALLS } from '../../src/core/l2tp/lns.ts';
import { avp, encodeMessage, readMessage } from '../../src/core/l2tp/messages.ts';
import { parseIp, parsePrefix } from '../../src/core/net/address.ts';
import { MINUTE } from '../../src/core/net/time.ts';
import type { PppMethod } from '../../src/core/ppp/methods.ts';
import { MAX_NAKS, MAX_ROUNDS } from '../../src/core/ppp/negotiation.ts';
import {
  type Avp,
  AvpType,
  encodeL2tpControl,
  encodeL2tpData,
  MAX_AVPS,
  MessageType,
} from '../../src/core/wire/l2tp.ts';
import {
  ChapCode,
  Code,
  encodeOptions,
  encodePppFrame,
  IpcpOption,
  LcpOption,
  PapCode,
  PppProtocol,
} from '../../src/core/wire/ppp.ts';
import { MAX_L2TP_MESSAGES_PER_SECOND } from '../../src/dataplane/limits.ts';
import { hide } from '../core/l2tp/hide.ts';
import { PEER_SESSION, sccrqAvps } from '../core/l2tp/lac.ts';
import { Caller, type CallerOptions } from '../core/session/caller.ts';
import { Scene } from '../core/session/scene.ts';
import { ip4 } from '../dataplane/packets.ts';
import { Seeded } from '../seeded.ts';
import { callOf, INNER, Tunnels, US } from './tunnels.ts';

const { LCP, IPCP, CHAP, PAP } = PppProtocol;
const EMPTY = new Uint8Array(0);
const SECRET = 'tunnelsecret';

/** An honest client who is on, and a hostile one with the secret but as far as `options` says. */
class Siege {
  readonly #methods: readonly PppMethod[];
  readonly scene: Scene;
  readonly honest: Caller;
  readonly hostile: Caller;

  constructor(options: CallerOptions = {}, methods: readonly PppMethod[] = ['pap', 'ms-chap-v2']) {
    this.#methods = methods;
    this.scene = this.#newScene();
    this.honest = this.#call(1, methods.includes('pap') ? {} : { method: methods[0]! });
    this.hostile = this.#call(2, options);
  }

  #newScene(): Scene {
    return new Scene({
      l2tp: { methods: this.#methods, nbns: [], secret: utf8(SECRET) },
      challenged: { user1: 'secret' },
      group: { pool: parsePrefix('10.77.0.0/24')! },
      verdict: (user, password) =>
        password === 'secret'
          ? { ok: true, address: undefined, lastAddress: undefined }
          : { ok: false, reason: `${user}: wrong password` },
    });
  }

  #call(i: number, options: CallerOptions): Caller {
    const from = { address: parseIp('198.51.100.200')!, port: 5000 + 2 * i };
    const caller = new Caller(this.scene, { user: `user${i}`, from, ...options });
    this.scene.run();
    return caller;
  }

  count(reason: string): number {
    return this.scene.all('dropped').filter((event) => event.reason === reason).length;
  }

  /** The honest client is on, has its address, and is answered. */
  checkHonest(): void {
    const { scene, honest } = this;
    scene.run();
    assert.ok(scene.addresses.includes(honest.address));
    const before = honest.heard.length;
    honest.say(MessageType.HELLO);
    scene.run();
    assert.ok(honest.heard.length > before, 'its Hello is acknowledged');
    assert.equal(scene.all('session-down').filter(({ who }) => who.user === 'user1').length, 0);
  }
}

test('AVPs of 1017 bytes, hidden without a secret, and with lengths that lie', () => {
  const siege = new Siege({ until: 'quick mode' });
  const { hostile, scene } = siege;
  const long = { ...avp(AvpType.HOST_NAME, new Uint8Array(1017)), mandatory: false };
  hostile.sccrq([long, { ...long, hidden: true }]);
  scene.run();
  assert.ok(hostile.tunnel, 'long and hidden ones that may be passed over are');
  const body = encodeMessage(MessageType.SCCRQ, sccrqAvps(9));
  for (let at = 8; at < body.length; at++) {
    for (const value of [0, 1, 5, 0x7f, 0xff]) hostile.sayBody(body.with(at, value), 0, hostile.ns, 0);
    scene.run();
  }
  assert.ok(siege.count('l2tp_malformed') > 10);
  const secret: Avp = { ...avp(AvpType.CHALLENGE, new Uint8Array(20)), hidden: true };
  Object.assign(hostile, { tunnel: 0, ns: 0, nr: 0 });
  hostile.sccrq([secret], 10);
  siege.checkHonest();
  assert.match(scene.failures.join('\n'), /a hidden AVP that may not be passed over/);
});

test('AVPs hidden with the secret of tunnels: long ones, by the hundred, with lengths that lie inside', () => {
  const siege = new Siege({ until: 'quick mode' });
  const { hostile, scene } = siege;
  const vector = new Uint8Array(16).fill(1);
  const [random, hidden] = hide(avp(AvpType.HOST_NAME, new Uint8Array(1000)), SECRET, vector) as [Avp, Avp];
  const whole = { ...hidden, mandatory: false };
  hostile.sccrq([random, ...new Array(MAX_AVPS - 6).fill(whole)]);
  scene.run();
  assert.ok(hostile.tunnel, 'what can be read is');
  for (let at = 0; at < 32; at++) {
    Object.assign(hostile, { tunnel: 0, ns: 0, nr: 0 });
    hostile.sccrq([random, { ...hidden, value: hidden.value.with(at, hidden.value[at]! ^ 0x80) }], 100 + at);
    scene.run();
  }
  Object.assign(hostile, { tunnel: 0, ns: 0, nr: 0 });
  hostile.sccrq([random, { ...hidden, value: hidden.value.subarray(0, 40) }], 200);
  siege.checkHonest();
  assert.match(scene.failures.join('\n'), /a hidden AVP that may not be passed over/);
});

test('a challenge for the secret of tunnels whose own answer is wrong, reflected or missing', () => {
  for (const answer of ['none', 'zeros', 'reflected'] as const) {
    const siege = new Siege({ until: 'quick mode' });
    const { hostile, scene } = siege;
    hostile.scccn = () => {
      const { values } = readMessage(contentOf(hostile, MessageType.SCCRP));
      const given = answer === 'zeros' ? new Uint8Array(16) : values.get(AvpType.CHALLENGE_RESPONSE)!;
      return hostile.say(MessageType.SCCCN, answer === 'none' ? [] : [avp(AvpType.CHALLENGE_RESPONSE, given)]);
    };
    hostile.sccrq([avp(AvpType.CHALLENGE, new Uint8Array(16).fill(9))]);
    scene.run();
    assert.equal(hostile.session, 0);
    siege.checkHonest();
    assert.match(scene.failures.join('\n'), /doesn't know the tunnel secret/);
  }
});

test('calls without end in one tunnel', () => {
  for (const acknowledges of [false, true]) {
    const siege = new Siege();
    const { hostile, scene } = siege;
    const before = scene.all('send-l2tp').length;
    for (let i = 0; i < 500; i++) {
      const { nr } = hostile;
      // each comes up, as far as L2TP goes: nobody logs in
      hostile.callMore({ mute: true });
      if (!acknowledges) hostile.nr = nr;
      scene.run();
      assert.ok(scene.dataplane.sessions.size <= 1 + MAX_CALLS, 'sessions of both clients');
    }
    // acknowledged is each, and LCP asks in each that is up
    assert.ok(scene.all('send-l2tp').length - before <= 2 * 500 + MAX_WAITING + 2 * MAX_CALLS);
    assert.equal(scene.all('bind-call').length, 2);
    siege.checkHonest();
    scene.advance(2 * MINUTE);
    siege.checkHonest();
    assert.ok(scene.dataplane.sessions.size <= 2, 'who never logs in is gone');
    assert.deepEqual(
      scene.addresses.filter((address) => address !== siege.honest.address && address !== hostile.address),
      [],
    );
  }
});

test("another user's answer to a challenge, said again", () => {
  for (const method of ['chap-md5', 'ms-chap-v2'] as const) {
    const siege = new Siege({ until: 'quick mode' }, [method]);
    const { honest, hostile, scene } = siege;
    const proof = honest.ppp.sent.find(({ protocol, code }) => protocol === CHAP && code === ChapCode.RESPONSE)!;
    hostile.ppp.mute = true;
    hostile.sccrq();
    scene.run();
    hostile.ppp.requestLcp();
    const request = hostile.ppp.heard.find(({ protocol, packet }) => protocol === LCP && packet.code === 1)!;
    hostile.ppp.send(LCP, Code.CONFIGURE_ACK, request.packet.data, request.packet.identifier);
    scene.run();
    const challenge = hostile.ppp.heard.find(({ protocol }) => protocol === CHAP)!;
    hostile.ppp.send(CHAP, ChapCode.RESPONSE, proof.data, challenge.packet.identifier);
    scene.run();
    assert.equal(scene.all('authenticate-chap').length, 2);
    assert.equal(scene.all('bind-call').length, 1);
    siege.checkHonest();
    assert.match(scene.failures.join('\n'), /wrong password/);
  }
});

test('control messages with numbers that wrap, jump and repeat', () => {
  const siege = new Siege();
  const random = new Seeded(6);
  const { hostile } = siege;
  for (let i = 0; i < 3000; i++) {
    hostile.say(MessageType.HELLO, [], 0, random.u32() & 0xffff);
    hostile.nr = random.u32() & 0xffff;
  }
  siege.checkHonest();
  assert.ok(siege.count('l2tp_out_of_order') > 2900);
});

test('a flood of SCCRQ inside one SA holds one tunnel', () => {
  const siege = new Siege({ until: 'quick mode' });
  const { hostile, scene } = siege;
  for (let i = 1; i <= 5000; i++) {
    const body = encodeMessage(MessageType.SCCRQ, sccrqAvps(i));
    hostile.send(encodeL2tpControl({ tunnelId: 0, sessionId: 0, ns: 0, nr: 0, body }));
  }
  siege.checkHonest();
  const answers = scene.all('send-l2tp').length;
  hostile.silent = true;
  scene.advance(30_000);
  assert.ok(scene.all('send-l2tp').length - answers <= 2 * MAX_SENDINGS, 'only the last one is repeated');
  scene.advance(2 * MINUTE);
  assert.equal(scene.dataplane.sessions.size, 1, 'and it is gone after a minute without a login');
  siege.checkHonest();
});

test('who begins anew for ever, or has calls take turns, is gone after a minute without a login', () => {
  const anew = new Siege({ until: 'quick mode', mute: true });
  const turns = new Siege({ until: 'quick mode', mute: true });
  turns.hostile.sccrq();
  for (const { scene } of [anew, turns]) assert.equal(scene.dataplane.sessions.size, 2, 'each has its SA');
  for (let i = 1; i <= 5; i++) {
    Object.assign(anew.hostile, { ns: 0, nr: 0, tunnel: 0 });
    anew.hostile.sccrq([], i);
    const before = turns.hostile.session;
    turns.hostile.icrq([], PEER_SESSION + i);
    turns.scene.run();
    turns.hostile.say(MessageType.CDN, [], before);
    for (const { scene } of [anew, turns]) scene.advance(20_000);
  }
  for (const siege of [anew, turns]) {
    assert.equal(siege.scene.dataplane.sessions.size, 1);
    siege.checkHonest();
  }
});

test("who shows up at another's endpoint doesn't part that one's calls from its next phase 1", () => {
  const { scene, honest } = new Siege();
  // an SA's owner can send packets from there, where sources may be forged; all behind NATs have the same identity
  const [theirs, own] = scene.all('open-session').map(({ path }) => path) as [EspPath, EspPath];
  for (const where of [[theirs, own], [theirs]]) {
    for (const path of where) scene.gateway.handlePathChange(2, path);
    honest.dialer = scene.dial({ ...honest.dialer.dialedWith, until: 'phase 1' });
    honest.askTransport();
    assert.equal(scene.dataplane.inbound.get(honest.pair!.outbound.spi)?.sessionId, 1);
  }
});

test('option loops and naks without end', () => {
  for (const [protocol, code, data, most] of [
    [LCP, Code.CONFIGURE_REQUEST, encodeOptions([{ type: 13, data: Uint8Array.of(6) }]), MAX_ROUNDS],
    [IPCP, Code.CONFIGURE_REQUEST, encodeOptions([{ type: 3, data: Uint8Array.of(10, 77, 0, 1) }]), MAX_NAKS + 1],
    [LCP, Code.CONFIGURE_NAK, encodeOptions([{ type: LcpOption.MAGIC, data: new Uint8Array(4) }]), 10],
  ] as const) {
    const siege = new Siege(protocol === LCP ? { until: 'quick mode' } : {});
    const { hostile, scene } = siege;
    hostile.ppp.mute = true;
    if (protocol === LCP) {
      hostile.sccrq();
      scene.run();
    }
    const before = scene.all('send-l2tp').length;
    for (let i = 0; i < 200; i++) {
      hostile.ppp.send(protocol, code, data, code === Code.CONFIGURE_NAK ? i + 1 : undefined);
      scene.run();
    }
    assert.ok(scene.all('send-l2tp').length - before < 3 * most + 20, `${protocol} ${code}`);
    siege.checkHonest();
  }
});

test('success that the client grants itself, EAP, and the network before the login', () => {
  const siege = new Siege({ until: 'quick mode' });
  const { hostile, scene } = siege;
  hostile.ppp.mute = true;
  hostile.sccrq();
  scene.run();
  hostile.ppp.requestLcp();
  const frames = [
    [CHAP, ChapCode.SUCCESS, utf8('S=0123456789012345678901234567890123456789 M=ok')],
    [PAP, PapCode.ACK, Uint8Array.of(0)],
    [PppProtocol.EAP, 1, new Uint8Array(1400)],
    [PppProtocol.EAP, 1, new Uint8Array(60_000)],
    [PppProtocol.EAP, 3, EMPTY],
    [IPCP, Code.CONFIGURE_REQUEST, encodeOptions([{ type: IpcpOption.ADDRESS, data: new Uint8Array(4) }])],
    [IPCP, Code.CONFIGURE_ACK, EMPTY],
    [LCP, Code.CONFIGURE_ACK, EMPTY],
  ] as const;
  for (const [protocol, code, data] of frames) hostile.ppp.send(protocol, code, data);
  hostile.sayPpp(
    encodePppFrame({ protocol: PppProtocol.IPV4, information: ip4({ source: INNER[1], destination: US }, EMPTY) }),
  );
  scene.run();
  assert.equal(scene.all('authenticate').length, 1, 'of the honest one alone');
  assert.equal(scene.all('bind-call').length, 1);
  siege.checkHonest();
});

test("another's address, by IPCP", () => {
  const siege = new Siege();
  const { honest, hostile, scene } = siege;
  const wanted = parseIp(honest.address!)!.bytes;
  hostile.ppp.mute = true;
  for (let i = 0; i < 20; i++)
    hostile.ppp.send(IPCP, Code.CONFIGURE_REQUEST, encodeOptions([{ type: IpcpOption.ADDRESS, data: wanted }]));
  scene.run();
  for (const { inner, id } of scene.all('bind-call'))
    assert.equal(inner.address.text === honest.address, id === 1, 'it is bound to its own session alone');
  siege.checkHonest();
});

test("the numbers of another user's tunnel and session", () => {
  const siege = new Siege();
  const { honest, hostile, scene } = siege;
  const { tunnel, session } = honest;
  const own = { tunnel: hostile.tunnel, session: hostile.session };
  Object.assign(hostile, { tunnel, session });
  const before = scene.all('dropped').length;
  hostile.say(MessageType.StopCCN, [avp(AvpType.RESULT_CODE, u16(1))]);
  hostile.say(MessageType.CDN, [avp(AvpType.RESULT_CODE, u16(1))], session);
  hostile.ppp.send(LCP, Code.TERMINATE_REQUEST, EMPTY);
  Object.assign(hostile, own, { session });
  hostile.ppp.send(LCP, Code.TERMINATE_REQUEST, EMPTY);
  assert.equal(scene.run().all('dropped').length, before + 4);
  assert.equal(scene.gateway.sessions().length, 2);
  siege.checkHonest();
});

test('thousands of changed messages of a whole call', () => {
  const siege = new Siege();
  const { hostile, scene } = siege;
  const random = new Seeded(13);
  const messages = [
    encodeL2tpControl({
      tunnelId: hostile.tunnel,
      sessionId: 0,
      ns: 4,
      nr: 3,
      body: encodeMessage(MessageType.HELLO, []),
    }),
    encodeL2tpData({ tunnelId: hostile.tunnel, sessionId: hostile.session, ns: undefined, payload: lcpEcho() }),
    encodeL2tpControl({
      tunnelId: 0,
      sessionId: 0,
      ns: 0,
      nr: 0,
      body: encodeMessage(MessageType.SCCRQ, sccrqAvps(7)),
    }),
  ];
  for (let i = 0; i < 5000; i++) {
    const bytes = random.pick(messages).slice();
    for (let hits = 1 + random.below(4); hits > 0; hits--) bytes[random.below(bytes.length)] = random.u32();
    hostile.send(random.chance(0.2) ? bytes.slice(0, random.below(bytes.length)) : bytes);
    scene.run();
  }
  siege.checkHonest();
});

/** The last message of that type that it heard. */
function contentOf({ heard }: Caller, type: number): Uint8Array {
  const bodies = heard.flatMap((message) =>
    message.kind === 'control' && message.body.length > 0 ? [message.body] : [],
  );
  return bodies.findLast((body) => readMessage(body).type === type)!;
}

function lcpEcho(): Uint8Array {
  return encodePppFrame({
    protocol: LCP,
    information: concat(Uint8Array.of(Code.ECHO_REQUEST, 1, 0, 8), new Uint8Array(4)),
  });
}

describe('in the dataplane', () => {
  let tunnels: Tunnels;
  before(() => {
    tunnels = new Tunnels({ cipher: 'aes-cbc', keyBits: 128, integrity: 'sha1' }, true);
  });
  after(() => tunnels.close());
  const own = ip4({ source: INNER[1], destination: US }, new Uint8Array(60));

  test("data under another's tunnel and session, and from another's address", () => {
    tunnels.receive(tunnels.sealCall(1, own), 1);
    assert.deepEqual(tunnels.delivered().at(-1), own);
    tunnels.expectDrop('drop_l2tp_session', 'their numbers', tunnels.sealCall(1, own, callOf(2)), 1);
    const theirs = ip4({ source: INNER[2], destination: US }, new Uint8Array(60));
    tunnels.expectDrop('drop_inner_source', 'their address', tunnels.sealCall(1, theirs), 1);
    tunnels.checkOther();
  });

  test('transport mode carries UDP to 1701 and nothing else', () => {
    tunnels.expectDrop('drop_next_header', 'tunnel mode', tunnels.seal(1, own, 4), 1);
    tunnels.expectDrop('drop_next_header', 'TCP', tunnels.seal(1, own, 6), 1);
    tunnels.expectDrop('drop_l2tp_port', 'another port', tunnels.sealMessage(1, new Uint8Array(20), 53), 1);
    tunnels.expectDrop('drop_l2tp_malformed', 'noise', tunnels.sealMessage(1, new Uint8Array(20)), 1);
    tunnels.checkOther();
  });

  test('more control messages than a client could mean are dropped, and are not those of others', () => {
    const hello = encodeL2tpControl({
      tunnelId: 1,
      sessionId: 0,
      ns: 0,
      nr: 0,
      body: encodeMessage(MessageType.HELLO, []),
    });
    tunnels.reports();
    for (let i = 0; i < 3 * MAX_L2TP_MESSAGES_PER_SECOND; i++) tunnels.receive(tunnels.sealMessage(1, hello), 1);
    assert.equal(tunnels.counted().drop_l2tp_rate, 2 * MAX_L2TP_MESSAGES_PER_SECOND);
    tunnels.receive(tunnels.sealMessage(2, hello), 2);
    const told = tunnels.reports().filter((report) => report.type === 'l2tp');
    assert.equal(told.filter(({ id }) => id === 1).length, MAX_L2TP_MESSAGES_PER_SECOND);
    assert.equal(told.filter(({ id }) => id === 2).length, 1);
    tunnels.checkOther();
  });
});
