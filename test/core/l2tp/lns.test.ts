/** The LNS against a LAC that does it right, in simulated time; then against one that doesn't. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { MAX_SENDINGS, MAX_WAITING } from '../../../src/core/l2tp/control-channel.ts';
import { avp, encodeMessage, pair, readMessage } from '../../../src/core/l2tp/messages.ts';
import { HELLO_INTERVAL } from '../../../src/core/l2tp/tunnel-end.ts';
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
    assert.deepEqual(lac.lns.call, {
      port: 50_001,
      localTunnel: lac.tunnel,
      localSession: lac.session,
      peerTunnel: PEER_TUNNEL,
      peerSession: PEER_SESSION,
    });
    lac.sayPpp(Uint8Array.of(1, 2, 3));
    assert.deepEqual(lac.events.at(-1), { type: 'ppp', frame: Uint8Array.of(1, 2, 3) });
    lac.lns.sendPpp(Uint8Array.of(4));
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
    const body = encodeMessage(M.ICRQ, [avp(AvpType.ASSIGNED_SESSION_ID, pair(PEER_SESSION))]);
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

  it('ends with StopCCN and with CDN, and acknowledges them', () => {
    for (const [type, session] of [
      [M.StopCCN, 0],
      [M.CDN, 1],
    ] as const) {
      const lac = new Lac().dial();
      lac.takeTypes();
      lac.say(type, [avp(AvpType.RESULT_CODE, pair(1))], session && lac.session);
      assert.match(lac.closed!, /result 1/);
      assert.deepEqual(lac.takeTypes(), [0]);
      assert.equal(lac.lns.call, undefined);
      assert.equal(lac.lns.pollTimeout(), undefined);
    }
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
    assert.equal(lac.lns.call?.peerTunnel, 78);
    assert.equal(lac.lns.call?.port, 40_000);
    lac.sayPpp(Uint8Array.of(1), before);
    assert.equal(lac.told.at(-1), 'l2tp_unknown_tunnel');
  });

  it('tells a repeated SCCRQ that comes late from a client that begins anew under the same number', () => {
    const lac = new Lac().dial();
    const again = () => lac.sayBody(encodeMessage(M.SCCRQ, sccrqAvps(PEER_TUNNEL)), 0, 0, 0);
    lac.advance(2_900).takeTypes();
    again();
    assert.deepEqual(lac.told, ['call-up', 'l2tp_out_of_order']);
    assert.deepEqual(lac.takeTypes(), [], 'not even acknowledged');
    assert.ok(lac.lns.call);
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
    assert.ok(lac.lns.call);
  });

  it('refuses a second call in the same tunnel for want of facilities, and goes on with the first', () => {
    for (const whenUp of [true, false]) {
      const lac = new Lac().sccrq().scccn().icrq();
      if (whenUp) lac.iccn();
      lac.heard.length = 0;
      const other = PEER_SESSION + 1;
      lac.say(M.ICRQ, [avp(AvpType.ASSIGNED_SESSION_ID, pair(other))]);
      const [refusal] = lac.heard;
      assert.ok(refusal?.kind === 'control' && refusal.sessionId === other, 'it is for the second');
      const { type, values } = readMessage(refusal.body);
      assert.equal(type, M.CDN);
      assert.deepEqual(values.get(AvpType.RESULT_CODE), pair(4));
      if (!whenUp) lac.iccn();
      assert.deepEqual(lac.told, whenUp ? ['call-up', 'refused'] : ['refused', 'call-up']);
      assert.equal(lac.lns.call?.peerSession, PEER_SESSION);
    }
  });

  it('says no more often than it is asked, and no more than a peer acknowledges', () => {
    const lac = new Lac().dial();
    lac.heard.length = 0;
    for (let i = 0; i < 1000; i++) lac.icrq();
    assert.ok(lac.heard.length <= 1000 + MAX_WAITING);
    const silent = new Lac().dial();
    const { nr } = silent;
    silent.heard.length = 0;
    for (let i = 0; i < 1000; i++) {
      silent.nr = nr;
      silent.icrq();
    }
    const said = silent.takeTypes().filter((type) => type === M.CDN).length;
    assert.ok(said <= MAX_WAITING, `${said} refusals that nobody acknowledged`);
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
    assert.match(numbers.closed!, /sequence numbers/);
    const version = new Lac();
    version.say(M.SCCRQ, sccrqAvps(1).with(0, avp(AvpType.PROTOCOL_VERSION, pair(0x0200))));
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
    assert.equal(early.lns.call, undefined);
    early.sayPpp(Uint8Array.of(1), early.tunnel, 6);
    assert.equal(early.told.at(-1), 'l2tp_unknown_session');
  });

  it('hears nothing under another tunnel or session', () => {
    const lac = new Lac().dial();
    const { tunnel, session } = lac;
    lac.sayPpp(Uint8Array.of(1), tunnel ^ 1, session).sayPpp(Uint8Array.of(1), tunnel, session ^ 1);
    assert.deepEqual(lac.told.slice(1), ['l2tp_unknown_tunnel', 'l2tp_unknown_session']);
    lac.say(M.CDN, [avp(AvpType.RESULT_CODE, pair(1))], session ^ 1);
    lac.sayBody(encodeMessage(M.StopCCN, []), 0, lac.ns, tunnel ^ 1);
    assert.ok(lac.lns.call);
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
