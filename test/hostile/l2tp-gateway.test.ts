/** A gateway that lies to one of our own clients by L2TP and PPP: that one takes nothing it shouldn't, another doesn't notice. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type Bytes, u16 } from '../../src/core/bytes/bytes.ts';
import { utf8 } from '../../src/core/bytes/text.ts';
import { avp, encodeMessage } from '../../src/core/l2tp/messages.ts';
import { parseIp } from '../../src/core/net/address.ts';
import { MINUTE, SECOND } from '../../src/core/net/time.ts';
import { SALLYPORT } from '../../src/core/personas/sallyport.ts';
import {
  AvpType,
  encodeAvps,
  encodeL2tpControl,
  encodeL2tpData,
  L2tpFlag,
  MessageType,
  type PppCall,
  parseL2tp,
} from '../../src/core/wire/l2tp.ts';
import {
  ChapCode,
  Code,
  type ControlPacket,
  encodeControlPacket,
  encodeOptions,
  encodePppFrame,
  IpcpOption,
  LcpOption,
  type Option,
  PapCode,
  PppProtocol,
  parseControlPacket,
  parseOptions,
  parsePppFrame,
} from '../../src/core/wire/ppp.ts';
import { sccrqAvps } from '../core/l2tp/lac.ts';
import { Seeded } from '../seeded.ts';
import type { Dialer } from '../simulation/dialer.ts';
import { FAIR } from '../simulation/network.ts';
import { World } from '../simulation/world.ts';

const { LCP, IPCP, CHAP, PAP } = PppProtocol;
const EMPTY = new Uint8Array(0);

/** What a gateway makes of a PPP packet that it was about to send. */
type Lie = (protocol: number, packet: ControlPacket) => ControlPacket | undefined;

class Siege {
  readonly world = new World({ seed: 31, l2tp: { methods: ['ms-chap-v2'], nbns: [] } });
  readonly honest: Dialer;
  readonly victim: Dialer;
  readonly #honestId: number;

  constructor(lie?: Lie) {
    this.world.network.weather = { ...FAIR, latency: [5, 5] };
    this.honest = this.#dial('198.51.100.7');
    this.#honestId = this.world.gateway.sessions()[0]!.id;
    if (lie) this.world.tamperL2tp = (id, message) => (id === this.#honestId ? [message] : [told(message, lie)]);
    this.victim = this.#dial('198.51.100.8');
  }

  #dial(address: string): Dialer {
    const dialer = this.world.addDialer({ address: parseIp(address)!, l2tp: SALLYPORT });
    dialer.start(this.world.now);
    this.world.run(30 * SECOND);
    return dialer;
  }

  get id(): number {
    return this.world.gateway.sessions().find(({ id }) => id !== this.#honestId)!.id;
  }

  get call(): PppCall {
    return this.world.dataplane.sessions.get(this.id)!.call!;
  }

  get honestCall(): PppCall {
    return this.world.dataplane.sessions.get(this.#honestId)!.call!;
  }

  say(message: Bytes): void {
    this.world.sendL2tp(this.id, message);
    this.world.run(20);
  }

  /** In the call of the victim, or under other numbers. */
  sayPpp(protocol: number, packet: ControlPacket, under: PppCall = this.call): void {
    const frame = encodePppFrame({ protocol, information: encodeControlPacket(packet) });
    const { peerTunnel: tunnelId, peerSession: sessionId } = under;
    this.say(encodeL2tpData({ tunnelId, sessionId, ns: undefined, payload: frame }));
  }

  /** What the victim has sent by L2TP. */
  get said(): number {
    return this.victim.all('send-l2tp').length;
  }

  checkHonest(): void {
    this.world.run(10 * SECOND);
    assert.ok(this.honest.isConnected(this.world.now));
    assert.equal(this.honest.all('reconnecting').length + this.honest.all('down').length, 0);
    assert.equal(this.honest.all('bind-call').length, 1);
  }

  checkVictimIsOn(): void {
    this.world.run(10 * SECOND);
    assert.ok(this.victim.isConnected(this.world.now));
    assert.equal(this.victim.all('bind-call').length, 1);
  }
}

/** `message` with the PPP packet in it changed, if there is one. */
function told(bytes: Bytes, lie: Lie): Bytes {
  const message = parseL2tp(bytes);
  if (message.kind === 'control') return bytes;
  const { protocol, information } = parsePppFrame(message.payload);
  const packet = lie(protocol, parseControlPacket(information));
  if (!packet) return bytes;
  return encodeL2tpData({
    ...message,
    payload: encodePppFrame({ protocol, information: encodeControlPacket(packet) }),
  });
}

test('control messages of a gateway with long and lying AVPs, hidden ones, and numbers that jump', () => {
  const siege = new Siege();
  const random = new Seeded(5);
  const { peerTunnel: tunnelId } = siege.call;
  const before = siege.said;
  const long = { ...avp(AvpType.HOST_NAME, new Uint8Array(1017)), mandatory: false };
  const bodies = [
    encodeMessage(MessageType.HELLO, [long, { ...long, hidden: true }]),
    encodeMessage(MessageType.SCCRP, [
      ...sccrqAvps(9),
      { ...avp(AvpType.CHALLENGE, new Uint8Array(20)), hidden: true },
    ]),
    encodeMessage(MessageType.ICRP, [avp(AvpType.ASSIGNED_SESSION_ID, u16(9))]),
    encodeAvps([avp(AvpType.HOST_NAME, EMPTY)]),
  ];
  for (let i = 0; i < 1000; i++) {
    const body = random.pick(bodies).slice();
    if (random.chance(0.5)) body[random.below(body.length)] = random.u32();
    // not the number that is awaited: each of these would be a message of the gateway's own
    const ns = (10 + random.below(60_000)) & 0xffff;
    siege.say(encodeL2tpControl({ tunnelId, sessionId: 0, ns, nr: random.u32() & 0xffff, body }));
  }
  assert.ok(siege.victim.all('dropped').length > 900);
  assert.ok(siege.said - before < 1010, 'no more is said than was asked');
  siege.checkVictimIsOn();
  siege.checkHonest();
});

test('a gateway that begins tunnels and calls itself, and a flood of them', () => {
  const siege = new Siege();
  const before = siege.said;
  for (let i = 1; i <= 1000; i++) {
    const body = encodeMessage(MessageType.SCCRQ, sccrqAvps(i));
    siege.say(encodeL2tpControl({ tunnelId: 0, sessionId: 0, ns: 5000 + i, nr: 0, body }));
  }
  assert.ok(siege.said - before < 10);
  siege.checkVictimIsOn();
  siege.checkHonest();
});

test('a success from who does not know the password, and one that nobody waits for', () => {
  for (const said of ['S=0123456789012345678901234567890123456789 M=ok', 'M=ok', '']) {
    const siege = new Siege((protocol, packet) =>
      protocol === CHAP && packet.code === ChapCode.SUCCESS ? { ...packet, data: utf8(said) } : undefined,
    );
    const { failure } = siege.victim.last('down');
    assert.equal(failure?.kind, 'refused');
    assert.match(failure?.reason ?? '', /did not prove that it knows the password/);
    assert.equal(siege.victim.all('bind-call').length, 0);
    siege.checkHonest();
  }
  const early = new Siege((protocol, packet) =>
    protocol === CHAP && packet.code === ChapCode.CHALLENGE
      ? { ...packet, code: ChapCode.SUCCESS, data: utf8('S=0') }
      : undefined,
  );
  assert.equal(early.victim.all('bind-call').length, 0);
  assert.ok(early.victim.all('dropped').length > 0);
  early.checkHonest();
});

test('a gateway that asks for no login, for EAP, or for options without end', () => {
  const asks = (change: (options: readonly Option[]) => readonly Option[]) =>
    new Siege((protocol, packet) =>
      protocol === LCP && packet.code === Code.CONFIGURE_REQUEST
        ? { ...packet, data: encodeOptions(change(parseOptions(packet.data))) }
        : undefined,
    );
  const method = (...data: readonly number[]) => ({ type: LcpOption.AUTHENTICATION, data: Uint8Array.from(data) });
  for (const added of [[], [method(0xc2, 0x27)], [{ type: 13, data: Uint8Array.of(6) }]]) {
    const siege = asks((options) => [...options.filter(({ type }) => type !== LcpOption.AUTHENTICATION), ...added]);
    siege.world.run(MINUTE);
    assert.equal(siege.victim.all('bind-call').length, 0);
    assert.equal(siege.victim.last('down').failure?.kind, 'refused');
    assert.ok(siege.said < 100, `${siege.said} messages`);
    siege.checkHonest();
  }
});

test('EAP that is oversized, and options, naks and challenges without end in a call that is up', () => {
  const siege = new Siege();
  const before = siege.said;
  for (const length of [4, 1400, 60_000])
    siege.sayPpp(PppProtocol.EAP, { code: 1, identifier: 1, data: new Uint8Array(length) });
  siege.sayPpp(CHAP, { code: ChapCode.SUCCESS, identifier: 99, data: utf8('S=0') });
  siege.sayPpp(PAP, { code: PapCode.NAK, identifier: 1, data: Uint8Array.of(0) });
  const nak = encodeOptions([{ type: IpcpOption.ADDRESS, data: Uint8Array.of(10, 77, 0, 30) }]);
  for (let i = 0; i < 300; i++) siege.sayPpp(IPCP, { code: Code.CONFIGURE_NAK, identifier: i & 255, data: nak });
  assert.ok(siege.said - before < 10);
  siege.checkVictimIsOn();
  for (let i = 0; i < 300 && siege.victim.tunnel; i++)
    siege.sayPpp(IPCP, {
      code: Code.CONFIGURE_REQUEST,
      identifier: i & 255,
      data: encodeOptions([{ type: i & 63, data: EMPTY }]),
    });
  assert.ok(siege.said - before < 700);
  siege.checkHonest();
});

test('an address that no client may have', () => {
  for (const address of ['127.0.0.1', '224.0.0.1', '255.255.255.255']) {
    const siege = new Siege((protocol, packet) => {
      if (protocol !== IPCP || packet.code === Code.CONFIGURE_REQUEST) return undefined;
      // whatever is wished for is that address, and then agreed on
      const data = encodeOptions([{ type: IpcpOption.ADDRESS, data: parseIp(address)!.bytes }]);
      return packet.code === Code.CONFIGURE_NAK ? { ...packet, data } : undefined;
    });
    siege.world.run(MINUTE);
    assert.equal(siege.victim.all('bind-call').length, 0, address);
    siege.checkHonest();
  }
});

test("the numbers of another client's tunnel, from the gateway that knows them", () => {
  const siege = new Siege();
  const { call, honestCall } = siege;
  const drops = siege.victim.all('dropped').length;
  const mixed = [
    honestCall,
    { ...call, peerSession: honestCall.peerSession },
    { ...call, peerTunnel: honestCall.peerTunnel },
  ];
  for (const under of mixed) siege.sayPpp(LCP, { code: Code.TERMINATE_REQUEST, identifier: 1, data: EMPTY }, under);
  const stop = encodeMessage(MessageType.StopCCN, [avp(AvpType.RESULT_CODE, u16(1))]);
  siege.say(encodeL2tpControl({ tunnelId: honestCall.peerTunnel, sessionId: 0, ns: 2, nr: 0, body: stop }));
  assert.equal(siege.victim.all('dropped').length - drops, 4);
  siege.checkVictimIsOn();
  siege.checkHonest();
});

test('thousands of changed messages to a client', () => {
  const siege = new Siege();
  const random = new Seeded(15);
  const { peerTunnel: tunnelId, peerSession: sessionId } = siege.call;
  const echo = encodePppFrame({
    protocol: LCP,
    information: encodeControlPacket({ code: Code.ECHO_REQUEST, identifier: 1, data: new Uint8Array(4) }),
  });
  const messages = [
    encodeL2tpData({ tunnelId, sessionId, ns: 1, payload: echo }),
    encodeL2tpControl({ tunnelId, sessionId: 0, ns: 900, nr: 3, body: encodeMessage(MessageType.HELLO, []) }),
    encodeL2tpControl({ tunnelId, sessionId, ns: 900, nr: 3, body: encodeMessage(MessageType.ICRP, sccrqAvps(3)) }),
  ];
  for (let i = 0; i < 3000; i++) {
    const bytes = random.pick(messages).slice();
    // what names the call stays, and PPP's code: what else was changed is read
    const fixed = (bytes[0]! & (L2tpFlag.CONTROL >> 8)) !== 0 ? 12 : 15;
    for (let hits = 1 + random.below(4); hits > 0; hits--)
      bytes[fixed + random.below(bytes.length - fixed)] = random.u32();
    siege.say(random.chance(0.2) ? bytes.slice(0, random.below(bytes.length)) : bytes);
  }
  siege.checkVictimIsOn();
  siege.checkHonest();
});
