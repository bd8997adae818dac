/** Our client in virtual time: the carrier that it takes behind each firewall, and how it comes back after each kind of trouble. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { EMPTY } from '../../src/core/bytes/bytes.ts';
import { parseIp } from '../../src/core/net/address.ts';
import { MINUTE, SECOND } from '../../src/core/net/time.ts';
import { COOKIE_LENGTH, ExchangeType, encodeMessage, IKEV1_VERSION, PayloadType } from '../../src/core/wire/isakmp.ts';
import { FAIR } from './network.ts';
import { World } from './world.ts';

const HOME = parseIp('198.51.100.7')!;
const CAFE = parseIp('198.51.100.77')!;

/** Of main mode, and nothing behind it. */
const FIRST_MESSAGE = {
  responderCookie: new Uint8Array(COOKIE_LENGTH),
  nextPayload: PayloadType.SA,
  version: IKEV1_VERSION,
  exchangeType: ExchangeType.IDENTITY_PROTECTION,
  flags: 0,
  messageId: 0,
};

function dialling(seed = 1) {
  const world = new World({ seed });
  const dialer = world.addDialer({ address: HOME });
  return { world, dialer };
}

test('it is up within two seconds, by NAT-T, without asking what it knows', () => {
  const { world, dialer } = dialling();
  dialer.start(world.now);
  world.run(2 * SECOND);
  assert.equal(dialer.tunnel?.carrier, 'nat-t');
  assert.equal(dialer.questions, 0);
  world.run(10 * SECOND);
  assert.ok(dialer.isConnected(world.now));
  assert.equal(world.gateway.sessions().length, 1);
});

for (const [blocked, carrier] of [
  [[4500], 'cisco-udp'],
  [[4500, 10_000], 'esp'],
  [[4500, 0], 'cisco-udp'],
  [[500], 'nat-t'],
  [[500, 0, 10_000], 'nat-t'],
] as const) {
  test(`without ${blocked.map((port) => (port === 0 ? 'protocol 50' : `UDP ${port}`)).join(' and ')} it takes ${carrier}`, () => {
    const { world, dialer } = dialling();
    world.network.passes = ({ from, to }) =>
      ![from.port, to.port].some((port) => (blocked as readonly number[]).includes(port));
    dialer.start(world.now);
    world.run(10 * SECOND);
    assert.equal(dialer.tunnel?.carrier, carrier);
    world.run(10 * SECOND);
    assert.ok(dialer.isConnected(world.now));
  });
}

test('with nothing open it says what each carrier misses, and ends', () => {
  const { world, dialer } = dialling();
  world.network.passes = ({ to, from }) => to.port === 500 || from.port === 500;
  dialer.start(world.now);
  world.run(30 * SECOND);
  const { failure } = dialer.last('down');
  assert.equal(failure?.kind, 'blocked');
  const sights =
    failure?.kind === 'blocked'
      ? failure.failures.map(({ carrier, openings }) => [carrier, ...openings.map(({ sight }) => sight)])
      : [];
  assert.deepEqual(sights, [
    ['nat-t', 'silent'],
    ['esp', 'answered', 'silent'],
    ['cisco-udp', 'answered', 'silent'],
  ]);
  assert.equal(world.gateway.sessions().length, 0);
});

test('what a gateway does not serve is told from what is closed', () => {
  const world = new World({ seed: 1, ciscoUdp: false });
  const dialer = world.addDialer({ address: HOME, carriers: ['esp', 'cisco-udp'] });
  world.network.passes = ({ to, from }) => to.port === 500 || from.port === 500;
  dialer.start(world.now);
  world.run(30 * SECOND);
  const { failure } = dialer.last('down');
  assert.ok(failure?.kind === 'blocked');
  assert.deepEqual(
    failure.failures.map(({ carrier, offered, openings }) => [carrier, offered, ...openings.map(({ sight }) => sight)]),
    [
      ['esp', true, 'answered', 'silent'],
      ['cisco-udp', false, 'answered', 'untried'],
    ],
  );
});

test('a gateway that does not serve the one carrier allowed gets no pair, and it ends at once', () => {
  const world = new World({ seed: 1, ciscoUdp: false });
  const dialer = world.addDialer({ address: HOME, carriers: ['cisco-udp'] });
  dialer.start(world.now);
  world.run(2 * SECOND);
  const { failure } = dialer.last('down');
  assert.ok(failure?.kind === 'blocked');
  assert.deepEqual(
    failure.failures.map(({ carrier, offered }) => [carrier, offered]),
    [['cisco-udp', false]],
  );
  assert.equal(dialer.all('open-session').length, 0);
});

test('a wrong password is asked for again, then refused, and it ends without trying another way', () => {
  const { world } = dialling();
  const dialer = world.addDialer({ address: CAFE, password: 'wrong' });
  dialer.start(world.now);
  world.run(MINUTE);
  assert.deepEqual(dialer.last('down').failure, {
    kind: 'login',
    reason: 'the gateway refused the login: name, password or passcode is wrong',
  });
  assert.ok(dialer.questions >= 1);
});

test('another group secret is a refusal in words', () => {
  const { world } = dialling();
  const dialer = world.addDialer({ address: CAFE, psk: 'another secret of some length' });
  dialer.start(world.now);
  world.run(MINUTE);
  const { failure } = dialer.last('down');
  assert.equal(failure?.kind, 'refused');
  assert.match(failure?.reason ?? '', /secret/);
});

const FLOWS = { address: HOME, carriers: ['cisco-tcp'] } as const;

test('by cTCP alone it stays up through rekeys of both phases, and leaves no flow behind', () => {
  const world = new World({ seed: 2, phase1Lifetime: 600, phase2Lifetime: 200 });
  const dialer = world.addDialer(FLOWS);
  dialer.start(world.now);
  for (let minute = 0; minute < 60; minute++) {
    world.run(MINUTE);
    assert.ok(dialer.isConnected(world.now), `connected after ${minute + 1} minutes`);
    assert.ok(dialer.openFlows <= 2);
  }
  assert.equal(dialer.all('reconnecting').length, 0);
  assert.ok(dialer.all('rekeyed').filter(({ phase }) => phase === 1).length >= 5);
  assert.equal(dialer.tunnel?.carrier, 'cisco-tcp');
  dialer.stop(world.now);
  world.run(MINUTE);
  assert.equal(dialer.openFlows, 0);
  assert.equal(world.gateway.sessions().length, 0);
});

test('with UDP closed it takes cTCP, and with a flow lost it opens another under the same login', () => {
  const { world } = dialling();
  const dialer = world.addDialer({ address: CAFE, carriers: ['nat-t', 'esp', 'cisco-udp', 'cisco-tcp'] });
  world.network.passes = ({ tcp }) => tcp === true;
  dialer.start(world.now);
  world.run(10 * SECOND);
  assert.equal(dialer.tunnel?.carrier, 'cisco-tcp');
  const tried = dialer.all('trying').length;
  dialer.moveTo(HOME, world.now);
  world.run(20 * SECOND);
  assert.ok(dialer.isConnected(world.now));
  assert.equal(dialer.all('trying').length, tried, 'no new login');
  assert.equal(dialer.openFlows, 1);
});

test('when its carrier dies it goes over to another without a new login', () => {
  const { world, dialer } = dialling();
  dialer.start(world.now);
  world.run(20 * SECOND);
  world.network.passes = ({ to, from }) => to.port !== 4500 && from.port !== 4500;
  world.run(40 * SECOND);
  assert.equal(dialer.last('carrier-changed').from, 'nat-t');
  assert.ok(dialer.isConnected(world.now));
  assert.equal(dialer.all('trying').length, 1, 'no new login');
});

test('native ESP that stops while IKE goes on is noticed, and left', () => {
  const { world } = dialling();
  const dialer = world.addDialer({ address: CAFE, carriers: ['esp', 'cisco-udp'] });
  world.network.passes = ({ to, from }) => to.port !== 10_000 && from.port !== 10_000;
  dialer.start(world.now);
  world.run(20 * SECOND);
  assert.equal(dialer.tunnel?.carrier, 'esp');
  world.network.passes = ({ content, to }) => !(content.kind === 'esp' && to.port === 0);
  world.run(40 * SECOND);
  assert.equal(dialer.tunnel?.carrier, 'cisco-udp');
  assert.ok(dialer.isConnected(world.now));
});

test('in another network it goes on with the same address and without a new login', () => {
  const { world, dialer } = dialling();
  dialer.start(world.now);
  world.run(20 * SECOND);
  const address = dialer.tunnel?.given.address.text;
  dialer.moveTo(undefined, world.now);
  world.run(15 * SECOND);
  dialer.moveTo(CAFE, world.now);
  world.run(20 * SECOND);
  assert.ok(dialer.isConnected(world.now));
  assert.equal(dialer.all('trying').length, 1, 'no new login');
  assert.equal(world.gateway.sessions()[0]?.address, address);
});

test('forgotten meanwhile it logs in anew, unasked, and keeps its address', () => {
  const { world, dialer } = dialling();
  dialer.start(world.now);
  world.run(20 * SECOND);
  const address = dialer.tunnel?.given.address.text;
  dialer.moveTo(undefined, world.now);
  world.run(3 * MINUTE);
  assert.equal(world.gateway.sessions().length, 0);
  dialer.moveTo(CAFE, world.now);
  world.run(30 * SECOND);
  assert.ok(dialer.isConnected(world.now));
  assert.equal(dialer.tunnel?.given.address.text, address);
  assert.equal(dialer.questions, 0);
});

test('it comes back after a gateway that forgot everything', () => {
  const { world, dialer } = dialling();
  dialer.start(world.now);
  world.run(20 * SECOND);
  for (const { id } of world.gateway.sessions()) world.gateway.kick(id, 'the gateway stops', world.now);
  world.drain();
  world.run(20 * SECOND);
  assert.ok(dialer.isConnected(world.now));
  assert.equal(dialer.questions, 0, 'nobody was asked again');
});

test('a day of rekeys loses nothing', () => {
  const world = new World({ seed: 4, phase1Lifetime: 3600, phase2Lifetime: 600 });
  const dialer = world.addDialer({ address: HOME });
  dialer.start(world.now);
  world.network.weather = { ...FAIR, loss: 0.02 };
  for (let minute = 0; minute < 24 * 60; minute++) {
    world.run(MINUTE);
    assert.ok(dialer.isConnected(world.now), `connected after ${minute + 1} minutes`);
  }
  assert.ok(dialer.all('rekeyed').filter(({ phase }) => phase === 1).length >= 20);
  assert.equal(dialer.all('reconnecting').length + dialer.all('trying').length, 1, 'it was tried once, at first');
  dialer.stop(world.now);
  world.run(MINUTE);
  assert.equal(world.gateway.sessions().length, 0);
  assert.equal(world.dataplane.inbound.size, 0);
});

test('a gateway that begins a phase 1 itself is answered by a renewal, once in a while', () => {
  const { world, dialer } = dialling();
  dialer.start(world.now);
  world.run(20 * SECOND);
  for (let i = 0; i < 3; i++) {
    const initiatorCookie = Uint8Array.of(i + 1, 2, 3, 4, 5, 6, 7, 8);
    const bytes = encodeMessage({ ...FIRST_MESSAGE, initiatorCookie }, EMPTY);
    const from = { address: parseIp('203.0.113.1')!, port: 4500 };
    world.network.send({ from, to: { address: HOME, port: 4500 }, content: { kind: 'ike', bytes } }, world.now);
    world.run(20 * SECOND);
  }
  assert.deepEqual(
    dialer
      .all('rekeyed')
      .map(({ phase }) => phase)
      .filter((phase) => phase === 1),
    [1],
  );
  assert.equal(dialer.all('trying').length, 1, 'nothing is told of the way while the tunnel stands');
  assert.ok(dialer.isConnected(world.now));
});
