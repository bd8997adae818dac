/** What our client does in virtual time when a gateway, or the way to it, treats its tunnel badly: nothing waits for ever. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { toHex } from '../../src/core/bytes/text.ts';
import { parseIp } from '../../src/core/net/address.ts';
import { MINUTE, SECOND } from '../../src/core/net/time.ts';
import { SALLYPORT } from '../../src/core/personas/sallyport.ts';
import { ExchangeType } from '../../src/core/wire/isakmp.ts';
import { type Dialer, FIRST_FLOW_PORT } from './dialer.ts';
import type { Datagram } from './network.ts';
import { World } from './world.ts';

const HOME = parseIp('198.51.100.7')!;

/** Offset of the exchange type in an ISAKMP header, RFC 2408 section 3.1. */
const EXCHANGE_TYPE = 18;

function isQuickMode({ content }: Datagram): boolean {
  return content.kind === 'ike' && content.bytes[EXCHANGE_TYPE] === ExchangeType.QUICK_MODE;
}

function dialling(options: Partial<ConstructorParameters<typeof World>[0]> = {}) {
  const world = new World({ seed: 1, ...options });
  const dialer = world.addDialer({ address: HOME });
  dialer.start(world.now);
  return { world, dialer };
}

test('a gateway that leaves quick mode unanswered is given up before a person does', () => {
  const { world, dialer } = dialling();
  world.network.passes = (datagram) => !isQuickMode(datagram);
  world.run(20 * SECOND);
  assert.deepEqual(dialer.last('down').failure, { kind: 'silent', reason: 'the gateway left quick mode unanswered' });
  assert.equal(world.gateway.sessions().length, 0, 'and told so');
});

test('a gateway that ends phase 1 instead of a tunnel is not asked for one again and again', () => {
  const { world, dialer } = dialling();
  world.network.passes = (datagram) => {
    if (!isQuickMode(datagram)) return true;
    for (const { id } of world.gateway.sessions()) world.gateway.kick(id, 'no such tunnel', world.now);
    world.drain();
    return false;
  };
  world.run(10 * MINUTE);
  assert.equal(dialer.last('down').failure?.kind, 'refused');
  assert.equal(dialer.all('reconnecting').length, 0);
});

test('a pair whose lifetime ran out while no rekey came through is made anew', () => {
  const { world, dialer } = dialling({ phase2Lifetime: 120 });
  world.run(100 * SECOND);
  world.network.passes = (datagram) => !isQuickMode(datagram);
  world.run(25 * SECOND);
  world.network.passes = () => true;
  world.run(30 * SECOND);
  assert.ok(dialer.isConnected(world.now));
  assert.equal(dialer.all('reconnecting').length, 0);
  assert.equal(dialer.all('trying').length, 1, 'no new login');
});

test('a gateway that agrees to no pair any more is left, and entered anew', () => {
  const { world, dialer } = dialling({ phase2Lifetime: 120 });
  world.run(100 * SECOND);
  world.network.passes = (datagram) => !isQuickMode(datagram);
  world.run(2 * MINUTE);
  assert.match(dialer.all('reconnecting')[0]?.reason ?? '', /agrees to no more/);
  world.network.passes = () => true;
  world.run(2 * MINUTE);
  assert.ok(dialer.isConnected(world.now));
});

test('by cTCP a renewed phase 1 takes over the packets before the old flow ends', () => {
  const world = new World({ seed: 2, phase1Lifetime: 600 });
  const dialer = world.addDialer({ address: HOME, carriers: ['cisco-tcp'] });
  dialer.start(world.now);
  world.run(10 * MINUTE);
  const types = dialer.events.map(({ type }) => type);
  const renewed = dialer.events.findIndex((event) => event.type === 'rekeyed' && event.phase === 1);
  const closed = types.indexOf('close-flow');
  assert.ok(renewed >= 0 && closed > renewed);
  assert.ok(types.slice(renewed, closed + 2).includes('move-path'));
  assert.ok(types.slice(renewed, closed).includes('install-sa'), 'a pair of the new phase 1 came first');
});

test('a gateway that ends the old phase 1 for its successor loses nobody', () => {
  const { world, dialer } = dialling({ phase1Lifetime: 600 });
  world.run(MINUTE);
  let kicked = false;
  world.network.passes = ({ content }) => {
    const again = content.kind === 'ike' && content.bytes[EXCHANGE_TYPE] === ExchangeType.TRANSACTION;
    if (!again || kicked) return true;
    kicked = true;
    const [old] = world.gateway.sessions();
    world.gateway.kick(old!.id, 'another login of the same user', world.now);
    world.drain();
    return true;
  };
  world.run(10 * MINUTE);
  assert.ok(kicked);
  assert.equal(dialer.all('reconnecting').length, 0);
  assert.ok(dialer.isConnected(world.now));
});

test('a renewal has the patience of a first login with a network that loses messages', () => {
  const { world, dialer } = dialling({ phase1Lifetime: 600 });
  world.run(MINUTE);
  const sent = new Set<string>();
  world.network.passes = ({ from, content }) => {
    if (content.kind !== 'ike') return true;
    const isOurs = from.address.text === HOME.text;
    if (content.bytes[EXCHANGE_TYPE] !== (isOurs ? ExchangeType.AGGRESSIVE : ExchangeType.TRANSACTION)) return true;
    const isAgain = sent.has(toHex(content.bytes));
    sent.add(toHex(content.bytes));
    return isAgain;
  };
  world.run(10 * MINUTE);
  assert.ok(sent.size > 0);
  assert.deepEqual(dialer.all('notice'), []);
  assert.ok(dialer.all('rekeyed').some(({ phase }) => phase === 1));
});

test('with nobody there to type it ends after a while, and says so', () => {
  const world = new World({ seed: 1 });
  const dialer = world.addDialer({ address: HOME, alone: true });
  dialer.start(world.now);
  world.network.passes = ({ from }) => dialer.questions === 0 || from.address.text === HOME.text;
  world.run(3 * MINUTE);
  assert.equal(dialer.questions, 1);
  assert.deepEqual(dialer.last('down').failure, { kind: 'silent', reason: 'nobody answered what the gateway asked' });
});

function endFlow(world: World, dialer: Dialer): void {
  const { remote: from, flowId } = dialer.last('open-flow');
  const to = { address: HOME, port: FIRST_FLOW_PORT + flowId };
  world.network.send({ from, to, content: { kind: 'rst' }, tcp: true }, world.now);
}

test('a cTCP connection that ends while somebody types is the end of that login, at once', () => {
  const world = new World({ seed: 1 });
  const dialer = world.addDialer({ address: HOME, carriers: ['cisco-tcp'], forgetful: true, typing: MINUTE });
  dialer.start(world.now);
  world.run(5 * SECOND);
  assert.equal(dialer.questions, 1);
  endFlow(world, dialer);
  world.run(SECOND);
  assert.deepEqual(dialer.last('down').failure, { kind: 'silent', reason: 'the cTCP connection ended (reset)' });
  assert.equal(dialer.openFlows, 0);
});

test('with L2TP it only costs another phase 1: what is typed is for the call', () => {
  const world = new World({ seed: 1, l2tp: { methods: ['pap'], nbns: [] } });
  const carriers = ['cisco-tcp'] as const;
  const dialer = world.addDialer({ address: HOME, carriers, l2tp: SALLYPORT, forgetful: true, typing: 20 * SECOND });
  dialer.start(world.now);
  world.run(5 * SECOND);
  endFlow(world, dialer);
  world.run(40 * SECOND);
  assert.equal(dialer.questions, 1);
  assert.equal(dialer.all('open-flow').length, 2);
  assert.ok(dialer.isConnected(world.now));
});
