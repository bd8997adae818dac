/** Several calls in one L2TP tunnel: a session each, one line for all of them. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { u16 } from '../../../src/core/bytes/bytes.ts';
import { MAX_CALLS } from '../../../src/core/l2tp/lns.ts';
import { avp } from '../../../src/core/l2tp/messages.ts';
import { parseIp, parsePrefix } from '../../../src/core/net/address.ts';
import { MINUTE, SECOND } from '../../../src/core/net/time.ts';
import type { Persona } from '../../../src/core/personas/persona.ts';
import { SALLYPORT } from '../../../src/core/personas/sallyport.ts';
import { WINDOWS_VISTA } from '../../../src/core/personas/windows.ts';
import { AvpType, MessageType } from '../../../src/core/wire/l2tp.ts';
import { Code, PppProtocol } from '../../../src/core/wire/ppp.ts';
import { Caller, type FurtherCall } from './caller.ts';
import { Scene, type SceneOptions } from './scene.ts';

const NAT = parseIp('198.51.100.200')!;

function scene(options: SceneOptions = {}): Scene {
  const l2tp = { methods: ['pap'] as const, nbns: [] };
  return new Scene({ l2tp, ...options, group: { pool: parsePrefix('10.77.0.0/24')!, ...options.group } });
}

function dial(stage: Scene, i = 1, persona: Persona = WINDOWS_VISTA): Caller {
  const caller = new Caller(stage, { user: `user${i}`, from: { address: NAT, port: 5000 + 2 * i }, persona });
  stage.run();
  return caller;
}

/** The rows, as "user address". */
function rows(stage: Scene): string[] {
  return stage.gateway.sessions().map(({ who, address }) => `${who.user} ${address}`);
}

function row(stage: Scene, user: string): number {
  return stage.gateway.sessions().find(({ who }) => who.user === user)!.number;
}

function ends(stage: Scene): string[] {
  return stage.all('session-down').map(({ who, reason }) => `${who.user}: ${reason}`);
}

describe('further calls in a tunnel', () => {
  it('are sessions of their own, with login, address and numbers, and share one line', () => {
    const stage = scene();
    const caller = dial(stage);
    const [ann, bob] = ['ann', 'bob'].map((user) => caller.callMore({ user })) as [FurtherCall, FurtherCall];
    assert.deepEqual(rows(stage), [`user1 ${caller.address}`, `ann ${ann.ppp.address}`, `bob ${bob.ppp.address}`]);
    assert.equal(new Set(stage.addresses).size, 3);
    const [first, second] = stage.gateway.sessions();
    const own = { id: 0, number: 0, who: 0, address: 0 };
    assert.deepEqual({ ...second, ...own }, { ...first, ...own });
    assert.deepEqual(stage.failures, []);
    assert.equal(stage.dataplane.inbound.size, 1, 'one pair');
    for (const { id, inner, call } of stage.all('bind-call')) {
      const mine = { localTunnel: caller.tunnel, localSession: [caller, ann, bob][id - 1]!.session };
      assert.partialDeepStrictEqual(call, mine);
      assert.equal(inner.address.text, [caller, ann.ppp, bob.ppp][id - 1]!.address);
    }
    assert.deepEqual(
      stage.all('session-up').map(({ id }) => id),
      [1, 2, 3],
    );
  });

  it('log in by their own password: one that fails is hung up on, and the others go on', () => {
    const stage = scene();
    const caller = dial(stage);
    const ann = caller.callMore({ user: 'ann', password: 'wrong' });
    assert.ok(ann.ppp.refused);
    stage.advance(10 * SECOND);
    assert.ok(ann.hungUp);
    assert.deepEqual(stage.failures, ['login: wrong password']);
    assert.deepEqual(stage.addresses, [caller.address]);
    assert.equal(stage.dataplane.sessions.size, 1);
    assert.ok(caller.callMore({ user: 'ann' }).ppp.address);
  });

  it('that never log in are gone after a minute, alone', () => {
    const stage = scene();
    const caller = dial(stage);
    const mute = caller.callMore({ mute: true });
    stage.advance(MINUTE + SECOND);
    assert.ok(mute.hungUp);
    assert.deepEqual(stage.addresses, [caller.address]);
    assert.equal(stage.dataplane.sessions.size, 1);
    assert.equal(stage.failures.length, 1);
  });

  it('that are not even made are gone after a minute as well, and told', () => {
    const stage = scene();
    const caller = dial(stage);
    const { session } = caller;
    caller.iccn = () => caller;
    caller.icrq([], 4711);
    stage.run();
    assert.notEqual(caller.session, session, 'it is answered');
    caller.acknowledge();
    stage.advance(MINUTE + SECOND);
    assert.deepEqual(stage.failures, ['call: the client left its call half made']);
    assert.deepEqual(stage.addresses, [caller.address]);
  });

  it('end one by one, whoever ends them, whichever they are', () => {
    const stage = scene();
    const caller = dial(stage);
    const further = ['ann', 'bob', 'carol', 'dave', 'eve'].map((user) => caller.callMore({ user }));
    const [ann, bob, carol, dave] = further as [FurtherCall, FurtherCall, FurtherCall, FurtherCall];
    caller.hangUp(ann);
    bob.ppp.send(PppProtocol.LCP, Code.TERMINATE_REQUEST, new Uint8Array(0));
    stage.run();
    assert.ok(stage.gateway.kick(row(stage, 'carol'), 'kicked', stage.now));
    stage.gateway.endUser('dave', 'removed', stage.now);
    stage.advance(SECOND);
    assert.deepEqual(rows(stage), [`user1 ${caller.address}`, `eve ${further[4]!.ppp.address}`]);
    assert.deepEqual(
      [ann, bob, carol, dave].map(({ hungUp }) => hungUp),
      [false, true, true, true],
    );
    assert.match(ends(stage).join(), /^ann: .*CDN, result 3.*,bob: .*hung up.*,carol: kicked,dave: removed$/);
    assert.equal(stage.dataplane.sessions.size, 2);
    assert.equal(stage.dataplane.inbound.size, 1);
    stage.advance(5 * MINUTE);
    assert.equal(stage.gateway.sessions().length, 2, 'and the tunnel stands');
  });

  it('go on when the first one ends, whose place the next takes', () => {
    for (const end of ['CDN', 'kick'] as const) {
      const stage = scene();
      const caller = dial(stage);
      const ann = caller.callMore({ user: 'ann' });
      const before = caller.address;
      if (end === 'kick') assert.ok(stage.gateway.kick(1, 'kicked', stage.now));
      else caller.say(MessageType.CDN, [avp(AvpType.RESULT_CODE, u16(3))], caller.session);
      stage.run();
      assert.deepEqual(rows(stage), [`ann ${ann.ppp.address}`]);
      assert.equal(ends(stage).length, 1);
      assert.equal(stage.gateway.kick(1, 'again', stage.now), false, 'there is nobody');
      stage.advance(2 * MINUTE);
      assert.deepEqual(rows(stage), [`ann ${ann.ppp.address}`]);
      const bob = caller.callMore({ user: 'bob' });
      assert.deepEqual(rows(stage), [`bob ${bob.ppp.address}`, `ann ${ann.ppp.address}`]);
      assert.equal(stage.gateway.sessions()[0]!.since, stage.now);
      assert.equal(stage.gateway.kick(1, 'late', stage.now), false, 'bob is somebody else');
      assert.notEqual(bob.ppp.address, undefined);
      assert.equal(stage.dataplane.sessions.size, 2);
      assert.equal(stage.dataplane.sessions.get(1)?.inner?.address.text, bob.ppp.address);
      assert.ok(before);
      caller.hangUp(bob);
      caller.hangUp(ann);
      assert.equal(stage.dataplane.sessions.size, 0, 'the last takes all with it');
      assert.deepEqual(stage.failures, []);
    }
  });

  const common: readonly [string, (stage: Scene, caller: Caller) => void, RegExp][] = [
    [
      'StopCCN',
      (_, caller) => caller.say(MessageType.StopCCN, [avp(AvpType.RESULT_CODE, u16(6))]),
      /StopCCN, result 6/,
    ],
    ['a delete of phase 1', (_, { dialer }) => dialer.sa.close('bye'), /deleted by the peer/],
    ['the end of the gateway', (stage) => stage.gateway.close(stage.now), /the gateway stops/],
    ['what the dataplane refuses', (stage) => stage.gateway.breakOff(1, 'no room', stage.now), /no room/],
    [
      'silence',
      (stage, caller) => {
        caller.silent = true;
        caller.dialer.silent = true;
        stage.advance(5 * MINUTE);
      },
      /unanswered|no more/,
    ],
  ];
  for (const [what, end, reason] of common) {
    it(`end all together by ${what}`, () => {
      const stage = scene();
      const caller = dial(stage);
      const other = dial(stage, 2);
      for (const user of ['ann', 'bob']) caller.callMore({ user });
      end(stage, caller);
      stage.run();
      const over = stage.all('session-down').filter(({ who }) => who.user !== 'user2');
      assert.deepEqual(over.map(({ who }) => who.user).sort(), ['ann', 'bob', 'user1']);
      for (const one of over) assert.match(one.reason, reason);
      assert.equal(
        stage.dataplane.sessions.size,
        what.includes('gateway') || what === 'silence' ? stage.addresses.length : 1,
      );
      if (!what.includes('gateway')) assert.ok(stage.addresses.includes(other.address));
      assert.deepEqual(stage.failures, []);
    });
  }

  it("have a number that is never another user's, so that who is kicked is who was meant", () => {
    const stage = scene();
    dial(stage);
    const before = row(stage, 'user1');
    stage.advance(3 * SECOND);
    new Caller(stage, { user: 'bob', from: { address: NAT, port: 5002 } });
    stage.run();
    assert.deepEqual(ends(stage), ['user1: its client began anew']);
    const numbers = stage.all('session-up').map(({ number }) => number);
    assert.deepEqual(numbers, [before, row(stage, 'bob')]);
    assert.deepEqual([stage.all('session-down')[0]!.number, stage.gateway.sessions()[0]!.id], [before, 1]);
    assert.equal(stage.gateway.kick(before, 'late', stage.now), false);
    assert.ok(stage.gateway.kick(row(stage, 'bob'), 'kicked', stage.now));
    assert.deepEqual(rows(stage), []);
  });

  it('are all of the old client when it begins anew', () => {
    const stage = scene();
    const caller = dial(stage);
    caller.callMore({ user: 'ann' });
    caller.callMore({ mute: true });
    stage.advance(3 * SECOND);
    const again = dial(stage);
    assert.deepEqual(stage.failures, [], 'whose login had not come yet did not fail');
    assert.deepEqual(ends(stage), ['ann: its client began anew', 'user1: its client began anew']);
    assert.deepEqual(stage.addresses, [again.address]);
    assert.equal(stage.dataplane.sessions.size, 1);
    assert.ok(again.callMore({ user: 'ann' }).ppp.address);
  });

  it('are held to the group: its number of sessions, its time, and each to its own silence', () => {
    const few = scene({ group: { maxSessions: 2 } });
    const caller = dial(few);
    assert.ok(caller.callMore({ user: 'ann' }).ppp.address);
    assert.ok(caller.callMore({ user: 'bob' }).ppp.refused);
    assert.match(few.failures.join(), /max_sessions of 2/);

    const short = scene({ group: { sessionTimeout: 100 } });
    const first = dial(short);
    short.advance(50 * SECOND);
    const ann = first.callMore({ user: 'ann' });
    short.advance(51 * SECOND);
    assert.deepEqual(rows(short), [`ann ${ann.ppp.address}`]);
    short.advance(50 * SECOND);
    assert.deepEqual(rows(short), []);
    assert.deepEqual(ends(short), ['user1: its session_timeout is over', 'ann: its session_timeout is over']);

    const idle = scene({ group: { idleTimeout: 60 } });
    const busy = dial(idle);
    const bob = busy.callMore({ user: 'bob' });
    idle.advance(40 * SECOND);
    idle.dataplane.sessions.get(2)!.lastTraffic = idle.now;
    idle.advance(30 * SECOND);
    assert.deepEqual(rows(idle), [`bob ${bob.ppp.address}`]);
    assert.deepEqual(ends(idle), ['user1: silent for its idle_timeout']);
  });

  it('begin when their client does, also where that is the first one anew', () => {
    const stage = scene({ group: { idleTimeout: 60, sessionTimeout: 200 } });
    dial(stage);
    for (let i = 0; i < 3; i++) {
      stage.advance(50 * SECOND);
      stage.dataplane.sessions.get(1)!.lastTraffic = stage.now;
    }
    const again = dial(stage);
    assert.equal(stage.gateway.sessions()[0]!.since, stage.now);
    stage.advance(55 * SECOND);
    assert.deepEqual(rows(stage), [`user1 ${again.address}`]);
    assert.deepEqual(ends(stage), ['user1: its client began anew']);
  });

  it('of one user are two sessions, of which neither takes the other for its old one', () => {
    const stage = scene();
    const caller = dial(stage);
    const more = caller.callMore({ user: 'user1' });
    assert.deepEqual(rows(stage), [`user1 ${caller.address}`, `user1 ${more.ppp.address}`]);
    assert.deepEqual(ends(stage), []);
    const fixed = { ok: true, address: parseIp('10.77.0.77')!, lastAddress: undefined } as const;
    const own = scene({ verdict: () => fixed });
    const one = dial(own);
    const other = one.callMore({ user: 'user1' });
    assert.deepEqual(ends(own), ['user1: its static address went to a newer login of the same user']);
    assert.deepEqual(rows(own), [`user1 ${other.ppp.address}`]);
  });

  it('have nothing to do with what their users dial by XAUTH, but that one client is not there twice', () => {
    const stage = scene();
    const caller = dial(stage);
    const ann = caller.callMore({ user: 'ann' });
    const same = { from: { address: NAT, port: 5002 }, nat: true } as const;
    const anew = stage.dial({ ...same, user: 'ann', wants: ann.ppp.address! });
    assert.notEqual(anew.address, ann.ppp.address);
    assert.deepEqual(rows(stage), [`user1 ${caller.address}`, `ann ${ann.ppp.address}`, `ann ${anew.address}`]);
    const own = stage.dial({ ...same, user: 'user1' });
    assert.deepEqual(ends(stage), ['user1: its client began anew']);
    assert.deepEqual(rows(stage), [`ann ${ann.ppp.address}`, `ann ${anew.address}`, `user1 ${own.address}`]);
    for (const dialer of [anew, own]) assert.ok(dialer.has('esp-established'));
    assert.deepEqual(stage.failures, []);
  });

  it('all go on over a rekey of either phase', () => {
    const stage = scene();
    const caller = dial(stage);
    const ann = caller.callMore({ user: 'ann' });
    const used = (id: number) => stage.dataplane.sessions.get(id)?.outbound.at(-1)?.spi;
    const before = caller.pair!.inbound.spi;
    stage.gateway.handleRekeyNeeded(1, before, stage.now);
    stage.advance(SECOND);
    assert.notEqual(caller.pair!.inbound.spi, before);
    assert.deepEqual([used(1), used(2)], [caller.pair!.inbound.spi, caller.pair!.inbound.spi]);
    // the first one's user has gone: a call is a call
    caller.say(MessageType.CDN, [], caller.session);
    stage.run();
    const old = caller.pair!.inbound.spi;
    caller.dialer = stage.dial({ ...caller.dialer.dialedWith, until: 'phase 1' });
    caller.askTransport();
    stage.advance(SECOND);
    assert.equal(used(2), old, 'whose the new pair is has to be shown by a packet of a call');
    stage.gateway.handleFirstPacket(1, caller.pair!.outbound.spi, stage.now);
    stage.run();
    assert.equal(used(2), caller.pair!.inbound.spi);
    assert.deepEqual(rows(stage), [`ann ${ann.ppp.address}`]);
    stage.advance(10 * MINUTE);
    assert.deepEqual(rows(stage), [`ann ${ann.ppp.address}`]);
    assert.deepEqual(stage.failures, []);
  });

  it('keep a client alive together: what is heard in one of them is heard of it', () => {
    const stage = scene({ dpd: { idle: 30 * SECOND, timeout: 60 * SECOND } });
    const caller = dial(stage);
    caller.callMore({ user: 'ann' });
    // IKE and L2TP's control are deaf, packets of the second call still come
    caller.silent = true;
    caller.dialer.silent = true;
    for (let i = 0; i < 10; i++) {
      stage.dataplane.sessions.get(2)!.lastTraffic = stage.now;
      stage.advance(10 * SECOND);
    }
    assert.equal(stage.gateway.sessions().length, 2);
    stage.advance(5 * MINUTE);
    assert.equal(stage.gateway.sessions().length, 0, 'and no longer');
  });

  it('leave what was heard in them with the client: one question that gets lost ends nobody', () => {
    let isOpen = true;
    const stage = scene({ dpd: { idle: 30 * SECOND, timeout: 60 * SECOND }, gate: () => isOpen });
    // Windows doesn't answer to dead peer detection
    const caller = dial(stage, 1, SALLYPORT);
    const ann = caller.callMore({ user: 'ann' });
    for (let i = 0; i < 10; i++) {
      stage.dataplane.sessions.get(2)!.lastTraffic = stage.now;
      stage.advance(10 * SECOND);
    }
    caller.hangUp(ann);
    isOpen = false;
    stage.advance(28 * SECOND);
    isOpen = true;
    stage.advance(2 * MINUTE);
    assert.deepEqual(rows(stage), [`user1 ${caller.address}`]);
  });

  it('hold their client to what it said with phase 1 (INITIAL_CONTACT) once, not with each call', () => {
    const stage = scene();
    const at = (port: number) => ({ address: NAT, port });
    stage.dial({ from: at(501), user: 'user1' });
    const caller = new Caller(stage, { user: 'user1', from: at(500), nat: false, initialContact: true });
    stage.run();
    assert.deepEqual(ends(stage), ['user1: its client began anew']);
    const ann = caller.callMore({ user: 'ann' });
    caller.say(MessageType.CDN, [], caller.session);
    const bob = stage.dial({ from: at(501), user: 'bob' });
    const more = caller.callMore({ user: 'bob' });
    assert.deepEqual(rows(stage), [`bob ${more.ppp.address}`, `ann ${ann.ppp.address}`, `bob ${bob.address}`]);
  });

  it('are as many as there may be, and whoever asks for more is told of in the log', () => {
    const stage = scene({ group: { pool: parsePrefix('10.77.0.0/24')! } });
    const caller = dial(stage);
    for (let i = 1; i < MAX_CALLS; i++) assert.ok(caller.callMore({ user: `more${i}` }).ppp.address);
    assert.equal(stage.gateway.sessions().length, MAX_CALLS);
    assert.ok(caller.callMore({ user: 'last' }).hungUp);
    assert.deepEqual(stage.failures, [`call: the client has ${MAX_CALLS} calls in its tunnel; it may have no more`]);
    stage.advance(MINUTE);
    assert.equal(stage.gateway.sessions().length, MAX_CALLS);
  });
});
