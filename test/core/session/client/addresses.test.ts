/** Where gateways are: each address of a name gets its chance before the next gateway does, and an answer that comes late none. */
import assert from 'node:assert/strict';
import { it } from 'node:test';
import { utf8 } from '../../../../src/core/bytes/text.ts';
import { addressIdentity } from '../../../../src/core/ikev1/identity.ts';
import { parseIp } from '../../../../src/core/net/address.ts';
import { SECOND } from '../../../../src/core/net/time.ts';
import { STANDARD_PORTS } from '../../../../src/core/openings/openings.ts';
import { SALLYPORT } from '../../../../src/core/personas/sallyport.ts';
import { ClientState } from '../../../../src/core/session/client/client-state.ts';
import type { ClientEvent } from '../../../../src/core/session/client/events.ts';
import { phase1Intent, phase2Intent } from '../../../../src/core/session/client/offer.ts';
import { Seeded } from '../../../seeded.ts';
import { seededCrypto } from '../../../seeded-crypto.ts';

const LOCAL = parseIp('192.0.2.2')!;
const ADDRESSES: Readonly<Record<string, readonly string[]>> = {
  'one.example': ['198.51.100.1', '198.51.100.2', '198.51.100.3'],
  'two.example': ['203.0.113.1'],
};

function client(): ClientState {
  const wishes = {
    exchange: 'main',
    authentication: 'psk',
    xauth: false,
    l2tp: true,
    group: undefined,
    legacy: false,
  } as const;
  const credential = { psk: utf8('a secret'), accepts: () => true, subject: undefined, known: true };
  return new ClientState({
    crypto: seededCrypto(new Seeded(1)),
    gateways: Object.keys(ADDRESSES),
    exchange: 'main',
    intent: { ...phase1Intent(SALLYPORT, wishes)!, credential },
    identity: addressIdentity,
    login: 'l2tp',
    certificate: undefined,
    verifier: undefined,
    legacy: false,
    phase2: (mode) => phase2Intent(SALLYPORT, { mode, group: undefined, legacy: false })!,
    carriers: ['nat-t'],
    ports: { local: { ike: 500, natT: 4500, ciscoUdp: 10_000 }, remote: STANDARD_PORTS },
    persona: SALLYPORT,
    applicationVersion: undefined,
    routes: undefined,
    user: 'sally',
    password: 'secret',
    domain: undefined,
    idle: 10 * SECOND,
    lastTraffic: () => 0,
  });
}

it('each address of a name is tried, then the next gateway, and then it ends', () => {
  const state = client();
  const dialled = new Set<string>();
  const events: ClientEvent[] = [];
  let now = SECOND;
  state.connect();
  while (events.at(-1)?.type !== 'down') {
    for (let event = state.pollEvent(); event; event = state.pollEvent()) {
      events.push(event);
      if (event.type !== 'locate') continue;
      const [first, ...more] = ADDRESSES[event.gateway]!.filter((text) => !event.tried.includes(text));
      const gateway = parseIp(first!)!;
      state.located(event.requestId, { gateway, local: LOCAL, remembered: undefined, hasMore: more.length > 0 }, now);
    }
    for (let sent = state.pollTransmit(); sent; sent = state.pollTransmit()) dialled.add(sent.path.remote.address.text);
    now = state.pollTimeout() ?? now + SECOND;
    state.handleTimeout(now);
  }
  assert.deepEqual([...dialled], [...ADDRESSES['one.example']!, ...ADDRESSES['two.example']!]);
});

it('where a gateway is from a new network is of no use once the next gateway has its turn', () => {
  const state = client();
  let now = SECOND;
  const asked = () => {
    for (let event = state.pollEvent(); event; event = state.pollEvent()) if (event.type === 'locate') return event;
    return undefined;
  };
  const isAt = (text: string) => ({ gateway: parseIp(text)!, local: LOCAL, remembered: undefined });
  state.connect();
  state.located(asked()!.requestId, isAt('198.51.100.1'), now);
  state.handleNetworkChange(now);
  const late = asked()!;
  assert.equal(late.gateway, 'one.example');
  let next = asked();
  for (; !next; next = asked()) {
    now = state.pollTimeout()!;
    state.handleTimeout(now);
  }
  assert.equal(next.gateway, 'two.example');
  state.located(next.requestId, isAt('203.0.113.1'), now);
  while (state.pollTransmit());
  state.located(late.requestId, isAt('198.51.100.2'), now);
  assert.equal(asked(), undefined, 'it does not begin anew');
  now = state.pollTimeout()!;
  state.handleTimeout(now);
  for (let sent = state.pollTransmit(); sent; sent = state.pollTransmit())
    assert.equal(sent.path.remote.address.text, '203.0.113.1');
});
