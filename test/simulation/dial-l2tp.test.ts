/** Our client by L2TP/IPsec in virtual time: each carrier and persona, what it does when the call goes, and what never leaves. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { utf8 } from '../../src/core/bytes/text.ts';
import { parseIp } from '../../src/core/net/address.ts';
import { MINUTE, SECOND } from '../../src/core/net/time.ts';
import { MACOS } from '../../src/core/personas/macos.ts';
import type { Persona } from '../../src/core/personas/persona.ts';
import { SALLYPORT } from '../../src/core/personas/sallyport.ts';
import { WINDOWS_11, WINDOWS_VISTA } from '../../src/core/personas/windows.ts';
import type { PppMethod } from '../../src/core/ppp/methods.ts';
import type { DialerOptions } from './dialer.ts';
import { FAIR } from './network.ts';
import { World, type WorldOptions } from './world.ts';

const HOME = parseIp('198.51.100.7')!;
const CAFE = parseIp('198.51.100.77')!;

function dialling(
  options: Partial<DialerOptions> = {},
  world: Partial<WorldOptions> = {},
  method: PppMethod = 'ms-chap-v2',
) {
  const methods = [method] as ('pap' | 'ms-chap-v2')[];
  const made = new World({ seed: 11, l2tp: { methods, nbns: [] }, ...world });
  const dialer = made.addDialer({ address: HOME, l2tp: SALLYPORT, ...options });
  return { world: made, dialer };
}

for (const method of ['ms-chap-v2', 'pap'] as const) {
  test(`it is up by NAT-T, unasked, with ${method} and the user's own address`, () => {
    const { world, dialer } = dialling({}, {}, method);
    dialer.start(world.now);
    world.run(10 * SECOND);
    assert.equal(dialer.tunnel?.carrier, 'nat-t');
    assert.equal(dialer.questions, 0);
    const [session] = world.gateway.sessions();
    assert.equal(session?.address, dialer.tunnel?.given.address.text);
    world.run(MINUTE);
    assert.ok(dialer.isConnected(world.now));
  });
}

for (const [name, persona] of Object.entries<Persona>({ WINDOWS_VISTA, WINDOWS_11, MACOS })) {
  test(`it gets in as ${name}`, () => {
    const { world, dialer } = dialling({ l2tp: persona });
    dialer.start(world.now);
    world.run(20 * SECOND);
    assert.ok(dialer.isConnected(world.now));
  });
}

for (const [carrier, passes] of [
  ['esp', (port: number) => port !== 4500],
  ['cisco-tcp', (port: number) => port === 10_000 || port >= 50_000],
] as const) {
  test(`it takes ${carrier} where NAT-T is closed`, () => {
    const { world, dialer } = dialling({ carriers: ['nat-t', 'esp', 'cisco-tcp'] });
    world.network.passes = ({ from, to, tcp }) => tcp === true || (passes(from.port) && passes(to.port));
    dialer.start(world.now);
    world.run(20 * SECOND);
    assert.equal(dialer.tunnel?.carrier, carrier);
    world.run(MINUTE);
    assert.ok(dialer.isConnected(world.now));
    assert.equal(world.gateway.sessions().length, 1);
  });
}

test('where native ESP carries nothing it goes round by cTCP, and the gateway has one user', () => {
  const { world, dialer } = dialling({ carriers: ['esp', 'cisco-tcp'] });
  world.network.passes = ({ content, tcp }) => tcp === true || content.kind !== 'esp';
  dialer.start(world.now);
  world.run(30 * SECOND);
  assert.equal(dialer.tunnel?.carrier, 'cisco-tcp');
  assert.ok(dialer.isConnected(world.now));
  assert.equal(world.gateway.sessions().length, 1);
});

test('a wrong password that was saved is asked for again, then refused, and nothing is tried once more', () => {
  for (const method of ['ms-chap-v2', 'pap'] as const) {
    const { world, dialer } = dialling({ password: 'wrong' }, {}, method);
    dialer.start(world.now);
    world.run(2 * MINUTE);
    assert.equal(dialer.questions, 1);
    const { failure } = dialer.last('down');
    assert.equal(failure?.kind, 'login');
    assert.match(failure?.reason ?? '', /refused the name or the password/);
    assert.equal(world.events.filter(({ type }) => type.startsWith('authenticate')).length, 2);
    assert.equal(world.gateway.sessions().length, 0);
    assert.equal(world.dataplane.inbound.size, 0);
  }
});

test('another secret is a refusal in words', () => {
  const { world, dialer } = dialling({ psk: 'another secret of some length' });
  dialer.start(world.now);
  world.run(MINUTE);
  const { failure } = dialer.last('down');
  assert.equal(failure?.kind, 'refused');
  assert.match(failure?.reason ?? '', /secret/);
});

test('a secret of tunnels joins who has the same, and parts who has another', () => {
  for (const [ours, theirs, reason] of [
    ['one', 'one', undefined],
    ['one', 'other', /the gateway doesn't know the tunnel secret/],
    // its word and the end of the SA race each other
    ['one', undefined, /StopCCN, result 4|deleted by the peer/],
  ] as const) {
    const l2tp = { methods: ['pap'] as const, nbns: [], secret: theirs && utf8(theirs) };
    const { world, dialer } = dialling({ tunnelSecret: ours }, { l2tp });
    dialer.start(world.now);
    world.run(MINUTE);
    assert.equal(dialer.isConnected(world.now), reason === undefined);
    if (reason) assert.match(dialer.last('down').failure?.reason ?? '', reason);
  }
});

test('it proves the password by what the profile allows, whatever the gateway would rather have', () => {
  for (const offered of [['pap', 'ms-chap-v2'], ['pap']] as const) {
    const { world, dialer } = dialling({ pppMethods: ['ms-chap-v2'] }, { l2tp: { methods: offered, nbns: [] } });
    dialer.start(world.now);
    world.run(MINUTE);
    assert.equal(dialer.isConnected(world.now), offered.length > 1);
    assert.equal(world.passwords, 0, 'no password has left');
    if (offered.length > 1) continue;
    const { reason } = dialer.last('down').failure ?? {};
    assert.match(reason ?? '', /wants a login by pap; what may be used is ms-chap-v2$/);
  }
});

test('a gateway without L2TP is a refusal in words', () => {
  const world = new World({ seed: 12 });
  const dialer = world.addDialer({ address: HOME, l2tp: SALLYPORT });
  dialer.start(world.now);
  world.run(MINUTE);
  assert.match(JSON.stringify(dialer.last('down').failure), /quick mode|refused/);
});

test('who types slowly gets in all the same: name and password are asked for before the call', () => {
  const { world, dialer } = dialling({ forgetful: true, typing: 100 * SECOND });
  dialer.start(world.now);
  world.run(90 * SECOND);
  assert.equal(world.gateway.sessions().length, 0, 'the gateway waited for no one');
  world.run(20 * SECOND);
  assert.ok(dialer.isConnected(world.now));
  assert.equal(dialer.questions, 1);
});

test('a day of rekeys of both phases is one call', () => {
  const { world, dialer } = dialling({}, { phase1Lifetime: 3600, phase2Lifetime: 600 });
  dialer.start(world.now);
  world.network.weather = { ...FAIR, loss: 0.02 };
  for (let minute = 0; minute < 24 * 60; minute++) {
    world.run(MINUTE);
    assert.ok(dialer.isConnected(world.now), `connected after ${minute + 1} minutes`);
  }
  const renewed = (phase: number) => dialer.all('rekeyed').filter((event) => event.phase === phase).length;
  assert.ok(renewed(1) >= 20 && renewed(2) >= 100);
  assert.equal(dialer.all('bind-call').length, 1);
  assert.equal(dialer.all('reconnecting').length, 0);
  dialer.stop(world.now);
  world.run(MINUTE);
  assert.equal(world.gateway.sessions().length, 0);
  assert.equal(world.dataplane.inbound.size, 0);
});

test('when its carrier dies, the call goes on by another without a new login', () => {
  const { world, dialer } = dialling({ carriers: ['nat-t', 'cisco-tcp'] });
  dialer.start(world.now);
  world.run(20 * SECOND);
  world.network.passes = ({ tcp }) => tcp === true;
  world.run(40 * SECOND);
  assert.equal(dialer.last('carrier-changed').from, 'nat-t');
  assert.ok(dialer.isConnected(world.now));
  assert.equal(dialer.all('bind-call').length, 1);
  world.run(10 * MINUTE);
  assert.ok(dialer.isConnected(world.now));
  assert.equal(dialer.all('reconnecting').length, 0);
});

test('in another network the call goes on', () => {
  const { world, dialer } = dialling();
  dialer.start(world.now);
  world.run(20 * SECOND);
  dialer.moveTo(undefined, world.now);
  world.run(15 * SECOND);
  dialer.moveTo(CAFE, world.now);
  world.run(20 * SECOND);
  assert.ok(dialer.isConnected(world.now));
  assert.equal(dialer.all('bind-call').length, 1);
  assert.equal(dialer.all('reconnecting').length, 0);
});

test('a gateway that ends the call, or forgets it, is called anew, unasked', () => {
  const { world, dialer } = dialling();
  dialer.start(world.now);
  world.run(20 * SECOND);
  for (const { id } of world.gateway.sessions()) world.gateway.kick(id, 'the gateway stops', world.now);
  world.drain();
  world.run(20 * SECOND);
  assert.ok(dialer.isConnected(world.now));
  world.restartGateway();
  world.run(MINUTE);
  assert.ok(dialer.isConnected(world.now));
  assert.equal(dialer.all('bind-call').length, 3);
  assert.equal(dialer.questions, 0);
});

test('a user who is put out and let in no more is told that the gateway ended it', () => {
  const { world, dialer } = dialling();
  dialer.start(world.now);
  world.run(20 * SECOND);
  world.letsIn = false;
  for (const { id } of world.gateway.sessions()) world.gateway.kick(id, 'put out', world.now);
  world.drain();
  world.run(MINUTE);
  assert.equal(dialer.last('down').failure?.kind, 'ended');
  assert.equal(dialer.questions, 1, 'another password may be the right one');
});

for (const [name, persona] of Object.entries<Persona>({ SALLYPORT, WINDOWS_VISTA })) {
  test(`as ${name} it notices a gateway that is out of reach, and comes back`, () => {
    const { world, dialer } = dialling({ l2tp: persona });
    dialer.start(world.now);
    world.run(20 * SECOND);
    world.network.passes = () => false;
    world.run(5 * MINUTE);
    assert.ok(dialer.all('reconnecting').length > 0);
    world.network.passes = () => true;
    world.run(2 * MINUTE);
    assert.ok(dialer.isConnected(world.now));
    assert.equal(dialer.questions, 0);
    assert.equal(world.gateway.sessions().length, 1);
  });
}

test('two behind one NAT, with equal message IDs', () => {
  const { world } = dialling();
  const nat = world.addNat(7, parseIp('198.51.100.99')!);
  assert.ok(nat);
  const pair = [2, 3].map((last) => world.addDialer({ address: parseIp(`192.168.7.${last}`)!, l2tp: WINDOWS_VISTA }));
  for (const dialer of pair) dialer.start(world.now);
  world.run(2 * MINUTE);
  for (const dialer of pair) assert.ok(dialer.isConnected(world.now));
  assert.equal(new Set(pair.map(({ tunnel }) => tunnel?.given.address.text)).size, 2);
});

test('nothing of L2TP leaves but in ESP, whenever the client is ended', () => {
  for (let after = 0; after < 1500; after += 25) {
    const { world, dialer } = dialling({}, { seed: after });
    world.network.passes = ({ content, to, from }) => {
      assert.ok(to.port !== 1701 && from.port !== 1701 && ['ike', 'esp'].includes(content.kind));
      return true;
    };
    dialer.start(world.now);
    world.run(after);
    // the model refuses an L2TP message that no SA carries
    dialer.stop(world.now);
    world.run(MINUTE);
    assert.equal(world.gateway.sessions().length, 0, `ended after ${after} ms`);
  }
});
