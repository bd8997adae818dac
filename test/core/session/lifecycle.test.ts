/** Sessions from login to end: addresses, second logins, full pools, limits, renewal, death, and what is told of it. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { concat } from '../../../src/core/bytes/bytes.ts';
import { utf8 } from '../../../src/core/bytes/text.ts';
import { type Endpoint, parseIp, parsePrefix } from '../../../src/core/net/address.ts';
import { HOUR, MINUTE, SECOND } from '../../../src/core/net/time.ts';
import type { LoginVerdict } from '../../../src/core/session/events.ts';
import { MAX_HALF_OPEN } from '../../../src/core/session/sa-table.ts';
import { Authentication, ConfigurationAttribute } from '../../../src/core/wire/ikev1.ts';
import { expectEmpty, Scene } from './scene.ts';

const HOME: Endpoint = { address: parseIp('198.51.100.200')!, port: 500 };
const at = (port: number): Endpoint => ({ ...HOME, port });

function staticVerdict(address: string): () => LoginVerdict {
  return () => ({ ok: true, address: parseIp(address)!, lastAddress: undefined });
}

describe('addresses', () => {
  test('each session has its own, and what one frees another may have', () => {
    const scene = new Scene({ group: { pool: parsePrefix('10.77.0.0/29')! } });
    const dialers = ['a', 'b', 'c', 'd', 'e'].map((user) => scene.dial({ user }));
    // .0 and .7 are network and broadcast, .1 is the gateway
    assert.deepEqual(scene.addresses, ['10.77.0.2', '10.77.0.3', '10.77.0.4', '10.77.0.5', '10.77.0.6']);
    assert.equal(scene.dial({ user: 'f' }).address, undefined);
    assert.match(scene.failures.at(-1)!, /login: no address is free in the pool 10.77.0.0\/29; make it wider/);
    dialers[2]!.sa.close('bye');
    assert.equal(scene.run().dial({ user: 'f' }).address, '10.77.0.4');
  });

  test('who gets none hears that the password is right, then of no address, and is ended', () => {
    const scene = new Scene({ group: { pool: parsePrefix('10.77.0.0/30')! } });
    scene.dial({ user: 'ann' });
    const bob = scene.dial({ user: 'bob' });
    assert.deepEqual(bob.loginResults, [true]);
    const given = bob.events.flatMap((event) => (event.type === 'configuration-received' ? [event.attributes] : []));
    assert.deepEqual(given, [[]]);
    bob.askTunnel();
    assert.match(scene.failures.at(-1)!, /quick mode: it asked for a tunnel before/);
    assert.deepEqual(scene.addresses, ['10.77.0.2']);
    assert.ok(!bob.has('ended'));
    scene.advance(4 * SECOND);
    assert.ok(bob.has('ended'));
    assert.equal(scene.gateway.sessions().length, 1);
  });

  test('who asks for the address of another gets one of the own', () => {
    const scene = new Scene();
    const ann = scene.dial({ user: 'ann' });
    const bob = scene.dial({ user: 'bob', wants: ann.address! });
    assert.notEqual(bob.address, ann.address);
    assert.equal(scene.gateway.sessions().length, 2);
  });

  test('the address had last is given again when it is free', () => {
    const lastAddress = parseIp('10.77.0.5')!;
    const scene = new Scene({ verdict: () => ({ ok: true, address: undefined, lastAddress }) });
    assert.equal(scene.dial({ user: 'ann' }).address, '10.77.0.5');
    assert.equal(scene.dial({ user: 'bob' }).address, '10.77.0.2');
  });

  test('a static address may lie outside the pool, is given to nobody else, and goes to the newest login', () => {
    const scene = new Scene({ verdict: staticVerdict('10.99.0.9') });
    const first = scene.dial();
    assert.equal(first.address, '10.99.0.9');
    const second = scene.dial();
    assert.equal(second.address, '10.99.0.9');
    assert.ok(first.has('ended'));
    assert.deepEqual(scene.addresses, ['10.99.0.9']);
    assert.match(scene.all('session-down')[0]!.reason, /its static address went to a newer login/);
  });

  test('reserved addresses of the pool are left out', () => {
    const scene = new Scene();
    scene.gateway.reserve([parseIp('10.77.0.2')!, parseIp('10.77.0.4')!]);
    assert.deepEqual(
      [scene.dial({ user: 'a' }).address, scene.dial({ user: 'b' }).address],
      ['10.77.0.3', '10.77.0.5'],
    );
  });

  test('the lease is told once the client has it', () => {
    const scene = new Scene();
    scene.dial({ user: 'ann', until: 'login' });
    assert.deepEqual(scene.all('leased'), []);
    scene.dial({ user: 'bob' });
    const { user, address, group } = scene.all('leased')[0]!;
    assert.deepEqual([user, address.text, group], ['bob', '10.77.0.3', undefined]);
  });
});

describe('a second login of the same user', () => {
  test('from the same socket renews: address, tunnel and session stay', () => {
    const scene = new Scene();
    const first = scene.dial({ from: HOME });
    const { id } = scene.gateway.sessions()[0]!;
    const again = scene.dial({ from: HOME, wants: first.address!, until: 'configuration' });
    assert.equal(again.address, first.address);
    assert.deepEqual(
      scene.gateway.sessions().map((session) => session.id),
      [id],
    );
    first.sa.close('renewed');
    scene.run();
    assert.equal(scene.gateway.sessions().length, 1, 'who deletes what it renewed goes on');
    again.askTunnel();
    assert.equal(scene.all('session-up').length, 1);
    assert.deepEqual(scene.all('session-down'), []);
    again.sa.close('bye');
    assert.deepEqual(scene.run().gateway.sessions(), []);
  });

  test('from another socket is a second session beside the first', () => {
    const scene = new Scene();
    scene.dial({ from: at(500) });
    scene.dial({ from: at(501) });
    scene.dial();
    assert.equal(new Set(scene.addresses).size, 3);
    assert.deepEqual(scene.all('session-down'), []);
  });

  test('of another user from the same socket takes nothing over', () => {
    const scene = new Scene();
    const ann = scene.dial({ from: HOME, user: 'ann' });
    const bob = scene.dial({ from: HOME, user: 'bob', wants: ann.address! });
    assert.notEqual(bob.address, ann.address);
    assert.equal(scene.gateway.sessions().length, 2);
  });

  test('into a full pool takes the place of the own oldest one', () => {
    const scene = new Scene({ group: { pool: parsePrefix('10.77.0.0/30')! } });
    const first = scene.dial({ user: 'ann' });
    assert.equal(first.address, '10.77.0.2');
    const second = scene.dial({ user: 'ann' });
    assert.equal(second.address, '10.77.0.2');
    assert.match(scene.all('session-down')[0]!.reason, /the pool is full and the same user logged in anew/);
    assert.equal(scene.dial({ user: 'bob' }).address, undefined);
    assert.deepEqual(scene.addresses, ['10.77.0.2']);
  });
});

describe('INITIAL_CONTACT', () => {
  test('ends what the same user had from the same host', () => {
    const scene = new Scene();
    scene.dial({ from: at(500) });
    scene.dial({ from: at(501), initialContact: true });
    assert.match(scene.all('session-down')[0]!.reason, /its client began anew/);
    assert.equal(scene.gateway.sessions().length, 1);
  });

  test('leaves other users and other hosts alone', () => {
    const scene = new Scene();
    scene.dial({ from: at(500), user: 'ann' });
    scene.dial({ user: 'bob' });
    scene.dial({ from: at(501), user: 'bob', initialContact: true });
    assert.deepEqual(scene.all('session-down'), []);
    assert.equal(scene.gateway.sessions().length, 3);
  });

  test('behind a NAT ends what came by the same port alone', () => {
    const scene = new Scene();
    scene.dial({ from: at(20_000), nat: true });
    const gone = scene.dial({ from: at(30_000), nat: true });
    gone.silent = true;
    scene.dial({ from: at(30_000), nat: true, initialContact: true });
    assert.deepEqual(
      scene.gateway.sessions().map(({ who }) => who.remote),
      ['198.51.100.200:20001', '198.51.100.200:30001'],
    );
    assert.equal(scene.all('session-down').length, 1);
  });

  test('without a finished login ends nothing', () => {
    const scene = new Scene();
    scene.dial({ from: at(500) });
    scene.dial({ from: at(501), initialContact: true, password: 'wrong' });
    scene.advance(MINUTE);
    assert.equal(scene.gateway.sessions().length, 1);
  });
});

describe('limits', () => {
  test('max_sessions refuses one more, and lets it in when one has gone', () => {
    const scene = new Scene({ group: { maxSessions: 2 } });
    const first = scene.dial({ user: 'a' });
    scene.dial({ user: 'b' });
    assert.equal(scene.dial({ user: 'c' }).address, undefined);
    assert.match(scene.failures.at(-1)!, /login: the group has its max_sessions of 2 on/);
    first.sa.close('bye');
    assert.ok(scene.run().dial({ user: 'c' }).address);
  });

  test('max_sessions lets a renewal in', () => {
    const scene = new Scene({ group: { maxSessions: 1 } });
    const first = scene.dial({ from: HOME });
    const again = scene.dial({ from: HOME, wants: first.address!, until: 'configuration' });
    assert.deepEqual(again.loginResults, [true]);
    assert.equal(again.address, first.address);
  });

  test(`of more than ${MAX_HALF_OPEN} half-open negotiations the oldest goes, and who finishes gets in`, () => {
    const scene = new Scene();
    const first = firstMessage(scene);
    for (let i = 0; i < MAX_HALF_OPEN + 500; i++) {
      const cookie = Uint8Array.of(1, 2, 3, 4, i >>> 24, i >>> 16, i >>> 8, i);
      scene.gateway.handleDatagram(
        { carrier: 'udp', local: { ...HOME }, remote: at(1024 + (i % 60_000)) },
        concat(cookie, first.subarray(8)),
        scene.now,
      );
      while (scene.gateway.pollTransmit());
    }
    assert.equal(scene.gateway.halfOpen, MAX_HALF_OPEN);
    assert.equal(scene.dial().address, '10.77.0.2');
    scene.advance(MINUTE);
    assert.equal(scene.gateway.halfOpen, 0);
  });

  test('a repeated first message opens nothing more', () => {
    const scene = new Scene();
    const message = firstMessage(scene);
    const before = scene.gateway.halfOpen;
    const path = { carrier: 'udp', local: HOME, remote: at(7) } as const;
    for (let i = 0; i < 10; i++) scene.gateway.handleDatagram(path, message, scene.now);
    assert.equal(scene.gateway.halfOpen, before + 1);
    let sent = 0;
    while (scene.gateway.pollTransmit()) sent++;
    assert.equal(sent, 1 + 8, 'the answer, and as many repeats as the bound allows');
  });
});

/** A first message of main mode that nobody has seen. */
function firstMessage(scene: Scene): Uint8Array {
  const { handleDatagram } = scene.gateway;
  let message: Uint8Array | undefined;
  scene.gateway.handleDatagram = (_, bytes) => {
    message ??= bytes;
  };
  scene.dial({ until: 'phase 1' }).sa.close('test');
  scene.gateway.handleDatagram = handleDatagram;
  return message!;
}

describe('configuration', () => {
  test('is pushed to a client that does not ask', () => {
    const scene = new Scene();
    const dialer = scene.dial({ mute: true, withoutUnity: true });
    assert.equal(dialer.address, undefined);
    scene.advance(10 * SECOND);
    assert.equal(dialer.address, '10.77.0.2');
    assert.equal(scene.all('session-up').length, 1);
    assert.equal(scene.all('leased').length, 1);
  });

  test('is not pushed to a client that knows Unity: such a one asks', () => {
    const scene = new Scene();
    const dialer = scene.dial({ mute: true, until: 'configuration' });
    scene.advance(10 * SECOND);
    assert.equal(dialer.address, undefined);
    dialer.askConfiguration();
    assert.equal(dialer.address, '10.77.0.2');
  });

  test('holds what was asked for and there is', () => {
    const scene = new Scene({ group: { banner: 'Welcome', routes: [parsePrefix('10.1.0.0/24')!] } });
    const dialer = scene.dial({ until: 'login' });
    const ask = (...types: number[]) => types.map((type) => ({ type, value: new Uint8Array(0) }));
    const { UNITY_BANNER, UNITY_SPLIT_INCLUDE, INTERNAL_IP4_NBNS } = ConfigurationAttribute;
    dialer.askConfiguration(ask(UNITY_BANNER, UNITY_SPLIT_INCLUDE, INTERNAL_IP4_NBNS, 9999));
    const received = dialer.events.find((event) => event.type === 'configuration-received')!;
    const value = (type: number) => received.attributes.find((one) => one.type === type)?.value;
    assert.deepEqual(value(UNITY_BANNER), utf8('Welcome'));
    assert.deepEqual(value(UNITY_SPLIT_INCLUDE), Uint8Array.of(10, 1, 0, 0, 255, 255, 255, 0, 0, 0, 0, 0, 0, 0));
    assert.equal(value(INTERNAL_IP4_NBNS), undefined);
    assert.deepEqual(value(ConfigurationAttribute.INTERNAL_IP4_DNS), Uint8Array.of(10, 1, 0, 53));
  });
});

describe('the end', () => {
  test('of a client that hangs up frees everything', () => {
    const scene = new Scene();
    scene.dial().sa.close('bye');
    scene.run();
    expectEmpty(scene);
    assert.match(scene.all('session-down')[0]!.reason, /deleted by the peer/);
  });

  test('of a dead client comes by DPD, and frees everything', () => {
    const scene = new Scene({ dpd: { idle: 30 * SECOND, timeout: 90 * SECOND } });
    const dialer = scene.dial();
    dialer.silent = true;
    scene.advance(80 * SECOND);
    assert.equal(scene.gateway.sessions().length, 1);
    scene.advance(60 * SECOND);
    expectEmpty(scene);
    assert.match(scene.all('session-down')[0]!.reason, /peer is dead/);
  });

  test('by DPD does not come to who answers', () => {
    const scene = new Scene({ dpd: { idle: 30 * SECOND, timeout: 90 * SECOND } });
    scene.dial();
    scene.advance(3 * HOUR);
    assert.equal(scene.gateway.sessions().length, 1);
  });

  test('by an administrator is told to the client', () => {
    const scene = new Scene();
    const dialer = scene.dial();
    assert.ok(scene.gateway.kick(1, 'an administrator said so', scene.now));
    assert.ok(!scene.gateway.kick(1, 'twice', scene.now));
    scene.run();
    expectEmpty(scene);
    assert.ok(dialer.has('ended'));
    assert.equal(scene.all('session-down')[0]!.reason, 'an administrator said so');
  });

  test('of the gateway is told to all, also those still logging in', () => {
    const scene = new Scene({
      verdict: (user) => (user === 'b' ? undefined : { ok: true, address: undefined, lastAddress: undefined }),
    });
    const dialers = ['a', 'b', 'c'].map((user) => scene.dial({ user }));
    scene.gateway.close(scene.now);
    scene.run();
    expectEmpty(scene);
    for (const dialer of dialers) assert.ok(dialer.has('ended'));
  });

  test('of phase 1 without renewal is the end of the session', () => {
    const scene = new Scene({ phase1Lifetime: 1800 });
    scene.dial();
    scene.advance(31 * MINUTE);
    expectEmpty(scene);
    assert.match(scene.all('session-down')[0]!.reason, /lifetime/);
  });
});

describe('failures', () => {
  test('of a wrong group secret are told once, with where from', () => {
    for (const mode of ['main', 'aggressive'] as const) {
      const scene = new Scene();
      scene.dial({ mode, psk: utf8('wrong') }).sa.close('gives up');
      scene.advance(2 * MINUTE);
      const told = scene.all('failure');
      assert.equal(told.length, 1, mode);
      assert.match(told[0]!.who.remote, /^198\.51\.100\.\d+:500$/);
      if (mode === 'aggressive')
        assert.deepEqual([told[0]!.who.identity, told[0]!.who.group], ['labgroup', 'labgroup']);
      expectEmpty(scene);
    }
  });

  test('of an unknown group are told once, with its name', () => {
    const scene = new Scene();
    scene.dial({ mode: 'aggressive', group: 'nogroup' }).sa.close('gives up');
    scene.advance(2 * MINUTE);
    assert.deepEqual(scene.failures.length, 1);
    assert.match(scene.failures[0]!, /no group is named nogroup; see 'groups'/);
  });

  test('of a wrong password are told for each try, with user and group', () => {
    const scene = new Scene();
    scene.dial({ mode: 'aggressive', user: 'ann', password: 'wrong' });
    scene.advance(MINUTE);
    const told = scene.all('failure');
    assert.deepEqual(
      told.map(({ who, step, reason }) => [who.user, who.group, step, reason]),
      new Array(3).fill(['ann', 'labgroup', 'login', 'wrong password']),
    );
    expectEmpty(scene);
  });

  test('of a user who never answers are told once', () => {
    const scene = new Scene();
    scene.dial({ until: 'phase 1' });
    scene.advance(5 * MINUTE);
    assert.equal(scene.failures.length, 1);
    assert.match(scene.failures[0]!, /no name and password came/);
    expectEmpty(scene);
  });

  test('of a tunnel that is asked for again and again are told once a negotiation', () => {
    const scene = new Scene();
    const dialer = scene.dial({ until: 'configuration' });
    const sent: Uint8Array[] = [];
    const { send } = dialer;
    dialer.send = (message, remote) => {
      sent.push(message);
      send.call(dialer, message, remote);
    };
    dialer.askTunnel('10.77.0.6');
    const request = sent.find((message) => message[18] === 32)!;
    for (let i = 0; i < 5; i++) dialer.send(request);
    scene.run();
    assert.equal(scene.failures.length, 1, scene.failures.join('\n'));
  });
});

describe('peers', () => {
  const psk = utf8('the secret of a peer');
  const peer = { id: '192.0.2.99', psk, inner: parsePrefix('10.88.0.0/24')! };
  const from: Endpoint = { address: parseIp('192.0.2.99')!, port: 500 };
  const dialOptions = { from, psk, until: 'phase 1', authentication: Authentication.PSK } as const;

  test('are found by their address, with the tunnel of their own network', () => {
    const scene = new Scene({ peers: [peer] });
    scene.dial(dialOptions).askTunnel('10.88.0.7');
    assert.deepEqual(
      scene.all('session-up').map(({ address }) => address),
      ['10.88.0.0/24'],
    );
  });

  test('come back into the session they had', () => {
    const scene = new Scene({ peers: [peer] });
    const first = scene.dial(dialOptions);
    first.askTunnel('10.88.0.7');
    const again = scene.dial(dialOptions);
    again.askTunnel('10.88.0.8');
    assert.equal(scene.gateway.sessions().length, 1);
    first.sa.close('renewed');
    scene.run();
    assert.equal(scene.gateway.sessions().length, 1);
    again.sa.close('bye');
    scene.run();
    expectEmpty(scene);
  });

  test('have their phase 1 renewed by us, again until it works', () => {
    const scene = new Scene({ peers: [peer], phase1Lifetime: 3600 });
    const dialer = scene.dial(dialOptions);
    dialer.askTunnel('10.88.0.7');
    const sent: unknown[] = [];
    const { receive } = dialer;
    dialer.hears = (to, message) => to.port === 500 && message.length > 0;
    dialer.receive = (message, path) => {
      if (message.subarray(8, 16).every((byte) => byte === 0)) sent.push(message);
      else receive.call(dialer, message, path);
    };
    scene.advance(59 * MINUTE);
    assert.ok(sent.length > 5, `${sent.length} first messages of ours: one try that failed is not the end`);
  });
});

describe('the path', () => {
  test('of a session does not follow messages that are not fresh', () => {
    const scene = new Scene();
    const dialer = scene.dial();
    const recorded: Uint8Array[] = [];
    const { send } = dialer;
    dialer.send = (message, remote) => {
      recorded.push(message);
      send.call(dialer, message, remote);
    };
    dialer.askTunnel();
    const before = scene.gateway.sessions().map(({ who }) => who.remote);
    for (const message of recorded) send.call(dialer, message, { address: parseIp('198.51.100.66')!, port: 666 });
    for (const message of recorded) {
      const changed = message.slice();
      changed[changed.length - 1]! ^= 1;
      send.call(dialer, changed, { address: parseIp('198.51.100.66')!, port: 666 });
    }
    scene.run();
    assert.deepEqual(
      scene.gateway.sessions().map(({ who }) => who.remote),
      before,
    );
    assert.deepEqual(scene.all('move-path'), []);
  });
});
