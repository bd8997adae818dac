/** The LNS against a LAC that does it right, in simulated time; then against one that doesn't. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { u16 } from '../../../src/core/bytes/bytes.ts';
import { MAX_SENDINGS, MAX_WAITING } from '../../../src/core/l2tp/control-channel.ts';
import { MAX_CALLS } from '../../../src/core/l2tp/lns.ts';
import { avp, encodeMessage, readMessage } from '../../../src/core/l2tp/messages.ts';
import { CALL_SETUP, HELLO_INTERVAL } from '../../../src/core/l2tp/tunnel-end.ts';
import { type Avp, AvpType, encodeL2tpControl, MessageType as M, MAX_AVPS } from '../../../src/core/wire/l2tp.ts';
import { Seeded } from '../../seeded.ts';
import { Lac, PEER_SESSION, PEER_TUNNEL, sccrqAvps } from './lac.ts';

const UNKNOWN: Avp = { ...avp(99, new Uint8Array(2)) };

describe('the LNS', () => {
  it('answers SCCRQ and ICRQ, and a call is up', () => {
    const lac = new Lac();
    lac.port = 50_001;
    lac.dial();
    assert.deepEqual(lac.takeTypes(), [M.SCCRP, 0, M.ICRP, 0]);
    assert.deepEqual(lac.told, ['call-up']);
    assert.deepEqual(lac.call, {
      port: 50_001,
      localTunnel: lac.tunnel,
      localSession: lac.session,
      peerTunnel: PEER_TUNNEL,
      peerSession: PEER_SESSION,
    });
    lac.sayPpp(Uint8Array.of(1, 2, 3));
    assert.deepEqual(lac.events.at(-1), { type: 'ppp', session: lac.session, frame: Uint8Array.of(1, 2, 3) });
    lac.lns.sendPpp(lac.session, Uint8Array.of(4));
    lac.listen();
    const expected = { kind: 'data', tunnelId: PEER_TUNNEL, sessionId: PEER_SESSION, ns: undefined };
    assert.deepEqual(lac.heard.at(-1), { ...expected, payload: Uint8Array.of(4) });
  });

  it('answers a repeated SCCRQ once, and repeats what is not acknowledged until it gives up', () => {
    const lac = new Lac();
    lac.sccrq();
    Object.assign(lac, { tunnel: 0, nr: 0 });
    lac.say(M.SCCRQ, sccrqAvps(PEER_TUNNEL), 0, 0);
    assert.deepEqual(lac.takeTypes(), [M.SCCRP, 0], 'the repeat is acknowledged, not answered anew');
    lac.advance(60_000);
    assert.deepEqual(lac.takeTypes(), new Array(MAX_SENDINGS - 1).fill(M.SCCRP));
    assert.match(lac.closed!, /unanswered/);
    assert.equal(lac.lns.pollTimeout(), undefined);
  });

  it('takes messages in their order alone, and acknowledges what it has', () => {
    const lac = new Lac();
    lac.sccrq();
    const body = encodeMessage(M.ICRQ, [avp(AvpType.ASSIGNED_SESSION_ID, u16(PEER_SESSION))]);
    lac.sayBody(body, 0, 2);
    assert.deepEqual(lac.told, ['l2tp_out_of_order'], 'SCCCN is missing');
    lac.ns = 1;
    lac.scccn().sayBody(body);
    assert.deepEqual(lac.takeTypes(), [M.SCCRP, 0, M.ICRP]);
    lac.sayBody(body, 0, 2);
    assert.deepEqual(lac.takeTypes(), [0]);
  });

  it('counts past 65535', () => {
    const lac = new Lac().dial();
    lac.heard.length = 0;
    for (let i = 0; i < 70_000; i++) lac.say(M.HELLO);
    assert.equal(lac.told.filter((one) => one !== 'call-up').length, 0);
    assert.equal(lac.heard.length, 70_000);
    const last = lac.heard.at(-1)!;
    assert.equal(last.kind === 'control' && last.nr, (70_000 + 4) & 0xffff);
  });

  it('asks after a minute of silence, and closes when nothing comes back', () => {
    const lac = new Lac().dial();
    lac.takeTypes();
    lac.acknowledge().advance(HELLO_INTERVAL - 1);
    assert.deepEqual(lac.takeTypes(), []);
    lac.traffic = lac.now;
    lac.advance(HELLO_INTERVAL - 1);
    assert.deepEqual(lac.takeTypes(), [], 'packets through the tunnel are life enough');
    lac.advance(2);
    assert.deepEqual(lac.takeTypes(), [M.HELLO]);
    lac.acknowledge().advance(HELLO_INTERVAL - 1);
    assert.deepEqual(lac.takeTypes(), []);
    lac.advance(HELLO_INTERVAL);
    assert.match(lac.closed!, /unanswered/);
  });

  it('ends with StopCCN, and acknowledges it', () => {
    const lac = new Lac().dial();
    lac.takeTypes();
    lac.say(M.StopCCN, [avp(AvpType.RESULT_CODE, u16(1))]);
    assert.match(lac.closed!, /result 1/);
    assert.deepEqual(lac.takeTypes(), [0]);
    assert.equal(lac.call, undefined);
    assert.equal(lac.lns.pollTimeout(), undefined);
  });

  it('knows the tunnel of a StopCCN that comes without our number by the number that the client gave it', () => {
    const stop = (tunnel: readonly Avp[]) => encodeMessage(M.StopCCN, [avp(AvpType.RESULT_CODE, u16(1)), ...tunnel]);
    const named = avp(AvpType.ASSIGNED_TUNNEL_ID, u16(PEER_TUNNEL));
    for (const other of [[], [avp(AvpType.ASSIGNED_TUNNEL_ID, u16(PEER_TUNNEL + 1))]]) {
      const lac = new Lac().dial();
      lac.sayBody(stop(other), 0, lac.ns, 0);
      assert.equal(lac.told.at(-1), 'l2tp_unknown_tunnel');
      assert.ok(lac.call);
      lac.sayBody(stop([named]), 0, lac.ns, 0);
      assert.match(lac.closed!, /StopCCN/);
    }
    const early = new Lac().sccrq().sayBody(stop([named]), 0, 1, 0);
    assert.match(early.closed!, /StopCCN/);
  });

  it('hears nothing else that names no tunnel', () => {
    const lac = new Lac().dial();
    for (const type of [M.HELLO, M.CDN, M.ICRQ, M.SCCCN]) lac.sayBody(encodeMessage(type, []), 0, lac.ns, 0);
    lac.sayBody(new Uint8Array(0), 0, lac.ns, 0);
    assert.deepEqual(lac.told, ['call-up', ...new Array(5).fill('l2tp_unknown_tunnel')]);
  });

  it('says StopCCN when it is closed', () => {
    const lac = new Lac().dial();
    lac.takeTypes();
    lac.lns.close();
    assert.deepEqual(lac.listen().takeTypes(), [M.StopCCN]);
    assert.equal(lac.lns.pollTimeout(), undefined);
  });

  it('lets a client that begins anew take the place of its own old tunnel', () => {
    const lac = new Lac().dial();
    const before = lac.tunnel;
    Object.assign(lac, { tunnel: 0, session: 0, ns: 0, nr: 0, port: 40_000 });
    lac.sccrq([], 78).scccn().icrq().iccn();
    assert.deepEqual(lac.told, ['call-up', 'restarted', 'call-up']);
    assert.equal(lac.call?.peerTunnel, 78);
    assert.equal(lac.call?.port, 40_000);
    lac.sayPpp(Uint8Array.of(1), before);
    assert.equal(lac.told.at(-1), 'l2tp_unknown_tunnel');
  });

  it('tells a repeated SCCRQ that comes late from a client that begins anew under the same number', () => {
    const lac = new Lac().sccrq();
    const again = () => lac.sayBody(encodeMessage(M.SCCRQ, sccrqAvps(PEER_TUNNEL)), 0, 0, 0);
    // its SCCCN may take longer than a repeat is late
    lac.advance(5_000).scccn().icrq().iccn();
    lac.advance(2_900).takeTypes();
    again();
    assert.deepEqual(lac.told, ['call-up', 'l2tp_out_of_order']);
    assert.deepEqual(lac.takeTypes(), [], 'not even acknowledged');
    assert.ok(lac.call);
    lac.advance(100);
    again();
    assert.equal(lac.told.at(-1), 'restarted');
  });

  it('passes over what it need not know', () => {
    const harmless = { ...UNKNOWN, mandatory: false };
    const lac = new Lac();
    lac.sccrq([harmless, { ...harmless, hidden: true }, { ...harmless, vendor: 9 }]);
    lac.scccn([harmless]).icrq([harmless]).iccn([harmless]);
    lac.sayBody(encodeMessage(200, []).with(0, 0));
    assert.deepEqual(lac.told, ['call-up', 'l2tp_unexpected']);
  });
});

describe('calls of one tunnel', () => {
  const call = (lac: Lac, number: number) => lac.icrq([], number).iccn().session;

  it('come up each with numbers and frames of its own', () => {
    const lac = new Lac().dial();
    const [first, second] = [lac.session, call(lac, 89)];
    assert.notEqual(first, second);
    assert.deepEqual(lac.told, ['call-up', 'call-up']);
    assert.deepEqual([lac.lns.idsOf(first)?.peerSession, lac.lns.idsOf(second)?.peerSession], [PEER_SESSION, 89]);
    lac.sayPpp(Uint8Array.of(1), lac.tunnel, first).sayPpp(Uint8Array.of(2), lac.tunnel, second);
    assert.deepEqual(lac.events.slice(2), [
      { type: 'ppp', session: first, frame: Uint8Array.of(1) },
      { type: 'ppp', session: second, frame: Uint8Array.of(2) },
    ]);
    lac.lns.sendPpp(second, Uint8Array.of(3));
    lac.listen();
    const said = lac.heard.at(-1)!;
    assert.ok(said.kind === 'data' && said.sessionId === 89);
  });

  it('end one by one with CDN, from either side, and the tunnel stays', () => {
    const lac = new Lac().dial();
    const [first, second] = [lac.session, call(lac, 89)];
    const third = call(lac, 90);
    lac.acknowledge().takeTypes();
    lac.say(M.CDN, [avp(AvpType.RESULT_CODE, u16(3))], first);
    assert.deepEqual(lac.events.at(-1), {
      type: 'call-down',
      session: first,
      reason: 'the client hung up (CDN, result 3)',
    });
    assert.deepEqual(lac.takeTypes(), [0]);
    lac.lns.hangUp(second);
    assert.equal(lac.lns.pollTimeout(), 0, 'there is something to say');
    lac.advance(0);
    const [cdn] = lac.heard;
    assert.ok(cdn?.kind === 'control' && cdn.sessionId === 89);
    assert.equal(readMessage(cdn.body).type, M.CDN);
    for (const gone of [first, second]) lac.sayPpp(Uint8Array.of(1), lac.tunnel, gone);
    assert.deepEqual(lac.told.slice(-2), ['l2tp_unknown_session', 'l2tp_unknown_session']);
    lac.lns.hangUp(second);
    assert.ok(lac.lns.idsOf(third));
    assert.equal(lac.lns.isIdle, false);
    lac.say(M.CDN, [], third);
    assert.equal(lac.lns.isIdle, true);
    assert.equal(lac.closed, undefined);
    assert.ok(call(lac, PEER_SESSION));
  });

  it('are known by their own number where the CDN comes without ours', () => {
    const lac = new Lac().dial();
    const first = lac.session;
    lac.icrq([], 89);
    lac.say(M.CDN, [avp(AvpType.RESULT_CODE, u16(2))]);
    assert.equal(lac.told.at(-1), 'l2tp_unknown_session');
    lac.say(M.CDN, [avp(AvpType.ASSIGNED_SESSION_ID, u16(89))]);
    assert.equal(lac.told.at(-1), 'call-down');
    assert.ok(lac.lns.idsOf(first));
  });

  it('are as many as there may be; more are refused for want of facilities, and the others go on', () => {
    const lac = new Lac().dial();
    const numbers = [lac.session];
    for (let i = 1; i < MAX_CALLS; i++) numbers.push(call(lac, PEER_SESSION + i));
    assert.equal(new Set(numbers).size, MAX_CALLS);
    lac.heard.length = 0;
    const other = PEER_SESSION + MAX_CALLS;
    lac.icrq([], other);
    const [refusal] = lac.heard;
    assert.ok(refusal?.kind === 'control' && refusal.sessionId === other, 'it is for the last');
    const { type, values } = readMessage(refusal.body);
    assert.equal(type, M.CDN);
    assert.deepEqual(values.get(AvpType.RESULT_CODE), u16(4));
    assert.equal(lac.told.at(-1), 'refused');
    for (const number of numbers) assert.ok(lac.lns.idsOf(number));
    lac.say(M.CDN, [], numbers[3]!);
    assert.ok(call(lac, other), 'there is room again');
  });

  it('that are on their way count as well', () => {
    const lac = new Lac().sccrq().scccn();
    for (let i = 0; i < MAX_CALLS; i++) lac.icrq([], 1 + i);
    assert.deepEqual(lac.told, []);
    lac.icrq([], 1 + MAX_CALLS);
    assert.deepEqual(lac.told, ['refused']);
  });

  it('that are left half made are hung up on in time, and make room', () => {
    const lac = new Lac().dial();
    for (let i = 1; i < MAX_CALLS; i++) lac.icrq([], PEER_SESSION + i);
    lac.acknowledge().advance(CALL_SETUP - 1);
    assert.deepEqual(lac.told, ['call-up']);
    lac.takeTypes();
    lac.advance(1);
    assert.deepEqual(lac.told, ['call-up', ...new Array(MAX_CALLS - 1).fill('call-down')]);
    const halfMade = lac.session;
    // its window has room for so many
    for (let i = 0; i < MAX_CALLS / 4; i++) lac.acknowledge();
    assert.equal(lac.takeTypes().filter((type) => type === M.CDN).length, MAX_CALLS - 1);
    lac.say(M.ICCN, [], halfMade);
    assert.equal(lac.told.at(-1), 'l2tp_unexpected', 'too late');
    assert.ok(lac.lns.idsOf(call(lac, PEER_SESSION + 1)));
    lac.advance(CALL_SETUP - 1);
    assert.ok(lac.call, 'what is up stays');
    assert.equal(lac.closed, undefined);
  });

  it('are not begun under a number that is in use', () => {
    const lac = new Lac().dial();
    lac.takeTypes();
    lac.icrq();
    assert.deepEqual(lac.takeTypes(), [0], 'to refuse it by that number would end the other');
    assert.ok(lac.call);
  });
});

describe('the LNS, against a LAC that is wrong', () => {
  const refusals: readonly [string, Avp][] = [
    ['unknown', UNKNOWN],
    ['of another vendor', { ...avp(AvpType.HOST_NAME, new Uint8Array(1)), vendor: 9 }],
    ['hidden, and there is no secret', { ...avp(AvpType.HOST_NAME, new Uint8Array(20)), hidden: true }],
    ['with reserved bits', { ...avp(AvpType.HOST_NAME, new Uint8Array(1)), reserved: 1 }],
  ];
  for (const [what, bad] of refusals) {
    it(`ends the tunnel for a mandatory AVP that is ${what}`, () => {
      for (const when of ['SCCRQ', 'SCCCN'] as const) {
        const lac = new Lac();
        if (when === 'SCCRQ') lac.sccrq([bad]);
        else lac.sccrq().scccn([bad]);
        assert.equal(lac.takeTypes().at(-1), M.StopCCN);
        assert.match(lac.closed!, /AVP that may not be passed over/);
      }
    });
  }

  it('refuses a call for one, and only the call', () => {
    const lac = new Lac();
    lac.sccrq().scccn().icrq([UNKNOWN]);
    assert.equal(lac.takeTypes().at(-1), M.CDN);
    lac.icrq().iccn();
    assert.ok(lac.call);
  });

  it('says no more often than it is asked, and no more than a peer acknowledges', () => {
    const lac = new Lac().dial();
    lac.heard.length = 0;
    for (let i = 0; i < 1000; i++) lac.icrq([], 1000 + i);
    assert.ok(lac.heard.length <= 1000 + MAX_WAITING);
    const silent = new Lac().dial();
    const { nr } = silent;
    silent.heard.length = 0;
    for (let i = 0; i < 1000; i++) {
      silent.nr = nr;
      silent.icrq([], 1000 + i);
    }
    const said = silent.takeTypes().filter((type) => type !== 0).length;
    assert.ok(said <= MAX_WAITING, `${said} answers that nobody acknowledged`);
    assert.match(silent.advance(60_000).closed!, /unanswered/);
  });

  it('refuses a tunnel secret, another version, and numbers it would have to send', () => {
    const secret = new Lac().sccrq([avp(AvpType.CHALLENGE, new Uint8Array(16))]);
    assert.match(secret.closed!, /tunnel secret/);
    const numbers = new Lac()
      .sccrq()
      .scccn()
      .icrq()
      .iccn([avp(AvpType.SEQUENCING_REQUIRED, new Uint8Array(0))]);
    const [down] = numbers.events;
    assert.match(down?.type === 'call-down' ? down.reason : '', /sequence numbers/);
    assert.equal(numbers.takeTypes().at(-1), M.CDN);
    const version = new Lac();
    version.say(M.SCCRQ, sccrqAvps(1).with(0, avp(AvpType.PROTOCOL_VERSION, u16(0x0200))));
    assert.match(version.closed!, /version/);
  });

  it('begins nothing out of turn', () => {
    const lac = new Lac();
    lac.tunnel = 5;
    lac.scccn().icrq().iccn().sayPpp(Uint8Array.of(1), 5, 6);
    assert.deepEqual(new Set(lac.told), new Set(['l2tp_unknown_tunnel']));
    const early = new Lac().sccrq();
    early.icrq().iccn();
    assert.deepEqual(early.told, ['l2tp_unexpected', 'l2tp_unexpected']);
    assert.equal(early.call, undefined);
    early.sayPpp(Uint8Array.of(1), early.tunnel, 6);
    assert.equal(early.told.at(-1), 'l2tp_unknown_session');
  });

  it('hears nothing under another tunnel or session', () => {
    const lac = new Lac().dial();
    const { tunnel, session } = lac;
    lac.sayPpp(Uint8Array.of(1), tunnel ^ 1, session).sayPpp(Uint8Array.of(1), tunnel, session ^ 1);
    assert.deepEqual(lac.told.slice(1), ['l2tp_unknown_tunnel', 'l2tp_unknown_session']);
    lac.say(M.CDN, [avp(AvpType.RESULT_CODE, u16(1))], session ^ 1);
    lac.sayBody(encodeMessage(M.StopCCN, []), 0, lac.ns, tunnel ^ 1);
    assert.ok(lac.call);
  });

  it('gives a flood of SCCRQ one tunnel at a time', () => {
    const lac = new Lac();
    for (let i = 1; i < 3000; i++) {
      Object.assign(lac, { tunnel: 0, ns: 0, nr: 0 });
      lac.sccrq([], i);
    }
    assert.equal(lac.takeTypes().filter((type) => type === M.SCCRP).length, 2999);
    lac.advance(120_000);
    assert.ok(lac.takeTypes().length < MAX_SENDINGS, 'only the last one is repeated');
  });

  it('takes a message with as many and as long AVPs as there may be, and none with more', () => {
    const lac = new Lac();
    const long = { ...UNKNOWN, mandatory: false, value: new Uint8Array(1017) };
    lac.sccrq(new Array(MAX_AVPS - 5).fill(long));
    assert.deepEqual(lac.takeTypes(), [M.SCCRP]);
    const more = new Lac();
    more.sccrq(new Array(MAX_AVPS - 4).fill(long));
    assert.deepEqual(more.told, ['l2tp_malformed']);
    assert.deepEqual(more.takeTypes(), []);
  });

  it('survives lengths that lie, cuts and noise, and never throws', () => {
    const random = new Seeded(11);
    const body = encodeMessage(M.SCCRQ, sccrqAvps(PEER_TUNNEL));
    const whole = encodeL2tpControl({ tunnelId: 0, sessionId: 0, ns: 0, nr: 0, body });
    for (let length = 0; length < whole.length; length++) {
      const lac = new Lac().send(whole.slice(0, length));
      assert.deepEqual(lac.told, ['l2tp_malformed'], `cut at ${length}`);
    }
    for (let round = 0; round < 5000; round++) {
      const lac = round % 2 ? new Lac().dial() : new Lac();
      const bytes = round % 3 ? whole.slice() : random.bytes(random.below(80));
      for (let hits = 1 + random.below(6); hits > 0 && bytes.length > 0; hits--)
        bytes[random.below(bytes.length)] = random.u32() & 255;
      lac.send(bytes);
      lac.advance(1000);
    }
  });

  it('tells what it heard of an SCCRQ that has no Message Type first', () => {
    const lac = new Lac();
    lac.sayBody(encodeMessage(M.SCCRQ, []).subarray(0, 6));
    lac.sayBody(Uint8Array.of(0x80, 8, 0, 0, 0, 9, 0, 1));
    assert.deepEqual(lac.told, ['l2tp_malformed', 'l2tp_malformed']);
    assert.throws(() => readMessage(new Uint8Array(0)));
  });
});
