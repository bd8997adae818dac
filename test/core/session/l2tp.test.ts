/** L2TP/IPsec clients at the gateway: many behind one NAT, logins, ends, renewals; and the fault of KB942429 beside it. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { u16 } from '../../../src/core/bytes/bytes.ts';
import { avp } from '../../../src/core/l2tp/messages.ts';
import { formatEndpoint, parseIp, parsePrefix } from '../../../src/core/net/address.ts';
import { MINUTE } from '../../../src/core/net/time.ts';
import { WINDOWS_11, WINDOWS_VISTA, WINDOWS_XP } from '../../../src/core/personas/windows.ts';
import { AvpType, MessageType } from '../../../src/core/wire/l2tp.ts';
import { Code, PppProtocol } from '../../../src/core/wire/ppp.ts';
import { Caller, type CallerOptions } from './caller.ts';
import { keyedByMessageIdAlone } from './keyed-by-message-id.ts';
import { Scene, type SceneOptions } from './scene.ts';

const L2TP = { methods: ['pap', 'ms-chap-v2'] as const, nbns: [] };
const NAT = parseIp('198.51.100.200')!;

function scene(options: SceneOptions = {}): Scene {
  return new Scene({ l2tp: L2TP, group: { pool: parsePrefix('10.77.0.0/24')! }, ...options });
}

/** Each from another port of the one NAT; inside, all have the same address, port 1701 and message IDs. */
function call(stage: Scene, i: number, options: CallerOptions = {}): Caller {
  const caller = new Caller(stage, { user: `user${i}`, from: { address: NAT, port: 5000 + 2 * i }, ...options });
  stage.run();
  return caller;
}

describe('many L2TP clients behind one NAT', () => {
  it('all get in, with the same private address, port and message ID', () => {
    const stage = scene();
    const all = Array.from({ length: 50 }, (_, i) => call(stage, i));
    assert.equal(new Set(all.map(({ address }) => address)).size, 50);
    assert.deepEqual(
      new Set(all.map(({ dialer }) => dialer.events.length > 0 && firstQuickModeId(dialer.events))),
      new Set([1]),
    );
    assert.equal(stage.gateway.sessions().length, 50);
    assert.deepEqual(stage.failures, []);
    for (const row of stage.gateway.sessions()) assert.equal(row.protocol, 'l2tp');
    for (const [, { inner, call: bound }] of stage.dataplane.sessions) assert.ok(inner && bound);
  });

  it('all get in and stay, where the NAT changes no ports and tells them apart by cookies and SPIs alone', () => {
    const stage = scene();
    const same = { address: NAT, port: 500 };
    const callers = [7, 8, 9].map((host) => call(stage, host, { from: same, inside: parseIp(`192.168.1.${host}`)! }));
    assert.deepEqual(
      stage.addresses,
      callers.map(({ address }) => address),
    );
    assert.equal(new Set(stage.addresses).size, 3);
    assert.equal(new Set(stage.all('open-session').map(({ path }) => formatEndpoint(path.remote))).size, 1);
    for (const caller of callers) {
      caller.dialer = stage.dial({ ...caller.dialer.dialedWith, until: 'phase 1' });
      caller.askTransport();
    }
    const owners = callers.map(({ pair }) => stage.dataplane.inbound.get(pair!.outbound.spi)?.sessionId);
    assert.deepEqual(owners, [1, 2, 3], 'each renews its own phase 1');
    callers[1]!.say(MessageType.StopCCN, [avp(AvpType.RESULT_CODE, u16(6))]);
    stage.run();
    assert.deepEqual(stage.addresses, [callers[0]!.address, callers[2]!.address]);
    assert.deepEqual(stage.failures, []);
  });

  it('the second one fails where quick modes are known by their message ID alone (KB942429)', () => {
    const wrong = scene({ gate: keyedByMessageIdAlone() });
    assert.ok(call(wrong, 1).address);
    assert.equal(call(wrong, 2).address, undefined);
    wrong.advance(2 * MINUTE);
    assert.equal(wrong.gateway.sessions().length, 1);
    const right = scene();
    assert.ok(call(right, 1).address);
    assert.ok(call(right, 2).address);
  });

  it('a reused message ID is refused within its own SA, and is nobody else’s business', () => {
    const stage = scene();
    const first = call(stage, 1);
    const second = call(stage, 2);
    const [message] = first.dialer.sentQuickModes;
    first.dialer.send(message!, { address: NAT, port: 5003 });
    stage.run();
    first.dialer.send(message!.with(message!.length - 1, 0), { address: NAT, port: 5003 });
    stage.run();
    assert.equal(stage.gateway.sessions().length, 2);
    assert.ok(stage.all('dropped').some(({ reason }) => reason === 'ike_message_id_reused'));
    second.askTransport();
    assert.equal(firstQuickModeId(second.dialer.events, 1), 2, 'it counts on');
  });
});

describe('an L2TP client', () => {
  for (const persona of [WINDOWS_11, WINDOWS_VISTA, WINDOWS_XP]) {
    it(`gets in with all that ${persona.name} offers`, () => {
      const stage = scene({ legacy: persona === WINDOWS_XP, challenged: { user1: 'secret', user2: 'secret' } });
      for (const i of [1, 2]) assert.ok(call(stage, i, { persona, method: 'ms-chap-v2' }).address);
      assert.deepEqual(stage.failures, []);
      const [row] = stage.gateway.sessions();
      const expected =
        persona === WINDOWS_XP ? /^3des-sha1-modp2048 .* 3des-sha1/ : /^aes128-sha1-ecp256 .* aes128-sha1/;
      assert.match(`${row?.phase1} ${row?.esp}`, expected);
    });
  }

  it('logs in by CHAP with MD5 where that is offered', () => {
    const l2tp = { methods: ['chap-md5'] as const, nbns: [] };
    const stage = scene({ l2tp, challenged: { carol: 'secret' } });
    assert.ok(call(stage, 1, { method: 'chap-md5', user: 'carol' }).address);
    const wrong = call(stage, 2, { method: 'chap-md5', user: 'carol', password: 'wrong' });
    assert.ok(wrong.ppp.refused);
    assert.deepEqual(stage.failures, ['login: wrong password']);
  });

  it('logs in by PAP or by MS-CHAPv2, and learns nothing when it may not', () => {
    const stage = scene({ challenged: { carol: 'secret' } });
    assert.ok(call(stage, 1, { method: 'pap' }).address);
    const carol = call(stage, 2, { method: 'ms-chap-v2', user: 'carol' });
    assert.ok(carol.address);
    assert.match(carol.ppp.success ?? '', /^S=[0-9A-F]{40} /);
    for (const method of ['pap', 'ms-chap-v2'] as const) {
      const wrong = call(stage, method === 'pap' ? 3 : 4, { method, password: 'wrong' });
      assert.ok(wrong.ppp.refused);
      assert.equal(wrong.address, undefined);
    }
    assert.deepEqual(stage.failures, ['login: wrong password', 'login: wrong password']);
    stage.advance(10_000);
    assert.equal(stage.dataplane.sessions.size, 2, 'who was refused is gone, with its SAs');
  });

  it('is refused with a second factor, which PPP has no question for', () => {
    const stage = scene({ verdict: () => ({ ok: 'passcode', message: 'passcode?' }) });
    assert.equal(call(stage, 1).address, undefined);
    assert.match(stage.failures[0]!, /second factor/);
  });

  it('is held to its group: its users, its number of sessions, its time', () => {
    const stage = scene({ group: { users: ['user1', 'user2'], maxSessions: 1, sessionTimeout: 60 } });
    assert.ok(call(stage, 1).address);
    assert.equal(call(stage, 2).address, undefined);
    assert.equal(call(stage, 3).address, undefined);
    assert.match(stage.failures.join('\n'), /max_sessions of 1[\s\S]*user3 may not use this group/);
    stage.advance(61_000);
    assert.deepEqual(stage.gateway.sessions(), []);
    assert.match(stage.all('session-down')[0]!.reason, /session_timeout/);
  });

  it('may use any port for its L2TP, and is answered there', () => {
    const stage = scene();
    assert.ok(call(stage, 1, { port: 50_123 }).address);
    assert.ok(stage.all('send-l2tp').every(({ port }) => port === 50_123));
    assert.equal(stage.all('bind-call')[0]?.call.port, 50_123);
  });

  it('has no way in but by 1701, and none where L2TP is off', () => {
    const off = new Scene();
    const refused = call(off, 1);
    assert.equal(refused.pair, undefined);
    assert.match(off.failures.join(), /L2TP \(UDP 1701\), which is off/);
    const stage = scene();
    const caller = call(stage, 1, { until: 'phase 1' });
    caller.dialer.askTunnel('10.77.0.2');
    assert.match(stage.failures.join(), /users who logged in/);
    const on = call(stage, 2);
    on.dialer.askTunnel(on.address!);
    assert.match(stage.failures.join(), /transport mode for UDP 1701 and no tunnel besides/);
    assert.equal(stage.dataplane.sessions.size, 1);
  });

  it('who never calls, or never logs in, is gone after a minute', () => {
    for (const until of ['phase 1', 'quick mode'] as const) {
      const stage = scene();
      call(stage, 1, { until });
      stage.advance(MINUTE + 1000);
      assert.equal(stage.dataplane.sessions.size, 0);
      assert.match(stage.failures.join(), until === 'phase 1' ? /neither XAUTH nor L2TP/ : /L2TP awaited SCCRQ/);
    }
  });
});

describe('what belongs to an L2TP call ends together', () => {
  const ends: readonly [string, (stage: Scene, caller: Caller) => void, RegExp][] = [
    ['LCP Terminate', (_, { ppp }) => ppp.send(PppProtocol.LCP, Code.TERMINATE_REQUEST, new Uint8Array(0)), /hung up/],
    [
      'CDN',
      (_, caller) => caller.say(MessageType.CDN, [avp(AvpType.RESULT_CODE, u16(3))], caller.session),
      /CDN, result 3/,
    ],
    [
      'StopCCN',
      (_, caller) => caller.say(MessageType.StopCCN, [avp(AvpType.RESULT_CODE, u16(6))]),
      /StopCCN, result 6/,
    ],
    ['a delete of phase 1', (_, { dialer }) => dialer.sa.close('bye'), /deleted by the peer/],
    ['kick', (stage) => stage.gateway.kick(1, 'kicked', stage.now), /kicked/],
    ['removal of the user', (stage) => stage.gateway.endUser('user1', 'removed', stage.now), /removed/],
  ];
  for (const [what, end, reason] of ends) {
    it(`by ${what}`, () => {
      const stage = scene();
      const caller = call(stage, 1);
      const other = call(stage, 2);
      end(stage, caller);
      stage.run();
      assert.match(stage.all('session-down')[0]?.reason ?? '', reason);
      assert.deepEqual(stage.addresses, [other.address]);
      assert.equal(stage.dataplane.sessions.size, 1);
      assert.equal(stage.dataplane.inbound.size, 1);
      stage.advance(MINUTE);
      assert.equal(call(stage, 3).address !== undefined, true);
    });
  }

  it('by silence: what is asked is not answered', () => {
    const stage = scene();
    const caller = call(stage, 1);
    caller.silent = true;
    caller.dialer.silent = true;
    stage.advance(5 * MINUTE);
    assert.match(stage.all('session-down')[0]!.reason, /unanswered|no more/);
    assert.equal(stage.dataplane.sessions.size, 0);
  });
});

describe('an L2TP client that goes on or begins anew', () => {
  it('keeps call and address over a new phase 1 from the same socket', () => {
    const stage = scene();
    const caller = call(stage, 1);
    const { address, pair: old } = caller;
    caller.dialer = stage.dial({ ...dialOptions(caller), until: 'phase 1' });
    caller.askTransport();
    stage.run();
    assert.notEqual(caller.pair?.inbound.spi, old?.inbound.spi);
    const used = () => [...stage.dataplane.sessions.values()][0]?.outbound.at(-1)?.spi;
    assert.equal(used(), old?.inbound.spi, 'whose the new pair is has to be shown by a packet of the call');
    stage.advance(10_000);
    assert.equal(used(), old?.inbound.spi);
    stage.gateway.handleFirstPacket(1, caller.pair!.outbound.spi, stage.now);
    stage.run();
    assert.equal(used(), caller.pair?.inbound.spi);
    assert.deepEqual(stage.addresses, [address]);
    assert.equal(stage.all('session-up').length, 1);
    assert.deepEqual(stage.failures, []);
  });

  it('that crashed and dials again from there gets a new call, and its old user is off', () => {
    const stage = scene();
    const caller = call(stage, 1);
    stage.advance(3_000);
    const again = call(stage, 1);
    assert.ok(again.address);
    assert.equal(stage.all('session-up').length, 2);
    assert.deepEqual(
      stage.all('session-down').map(({ reason }) => reason),
      ['its client began anew'],
    );
    assert.equal(stage.dataplane.sessions.size, 1);
    assert.equal(caller.address !== undefined, true);
  });

  it('rekeys quick mode from either side', () => {
    const stage = scene();
    const caller = call(stage, 1);
    caller.askTransport();
    stage.run();
    const used = () => [...stage.dataplane.sessions.values()][0]?.outbound.at(-1)?.spi;
    const first = caller.pair!.inbound.spi;
    assert.equal(used(), first);
    stage.gateway.handleRekeyNeeded(1, first, stage.now);
    stage.advance(1000);
    assert.notEqual(caller.pair!.inbound.spi, first);
    assert.equal(used(), caller.pair!.inbound.spi);
    assert.deepEqual(stage.addresses, [caller.address]);
  });

  it('means nothing to another: its tunnel and session numbers are its own', () => {
    const stage = scene();
    const [victim, attacker] = [call(stage, 1), call(stage, 2)];
    const before = stage.all('dropped').length;
    const { tunnel, session } = victim;
    Object.assign(attacker, { tunnel, session });
    attacker.say(MessageType.StopCCN).say(MessageType.CDN, [], session);
    attacker.sayPpp(Uint8Array.of(0xc0, 0x21, Code.TERMINATE_REQUEST, 1, 0, 4));
    stage.run();
    assert.equal(stage.gateway.sessions().length, 2);
    assert.equal(stage.all('dropped').length, before + 3);
  });
});

function dialOptions({ dialer }: Caller) {
  return dialer.dialedWith;
}

function firstQuickModeId(events: Caller['dialer']['events'], at = 0): number | undefined {
  return events.flatMap((event) => (event.type === 'esp-established' ? [event.pair.messageId] : []))[at];
}
