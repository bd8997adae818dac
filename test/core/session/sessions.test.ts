/** The bound on who is on the way in: a group's secret, which many know, must not fill the gateway. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { addressIdentity } from '../../../src/core/ikev1/identity.ts';
import type { Ikev1Sa } from '../../../src/core/ikev1/sa.ts';
import type { Phase1Established } from '../../../src/core/ikev1/types.ts';
import { parseIp } from '../../../src/core/net/address.ts';
import type { GatewayEvent } from '../../../src/core/session/events.ts';
import type { GatewaySettings } from '../../../src/core/session/policy.ts';
import { MAX_ENTERING, Sessions } from '../../../src/core/session/sessions.ts';
import { Authentication } from '../../../src/core/wire/ikev1.ts';
import { Seeded } from '../../seeded.ts';
import { seededCrypto } from '../../seeded-crypto.ts';

const ADDRESS = parseIp('192.0.2.1')!;
const ESTABLISHED = {
  suite: { authentication: Authentication.PSK },
  peerIdentity: addressIdentity(ADDRESS),
  credential: { subject: { kind: 'group', group: { name: 'labgroup' } } },
  traits: { xauth: false },
} as unknown as Phase1Established;

test('of too many that are through phase 1 and not in yet, the oldest makes room', () => {
  const events: GatewayEvent[] = [];
  const closed: number[] = [];
  const sessions = new Sessions({
    crypto: seededCrypto(new Seeded(1)),
    settings: () => ({ policy: { groups: [], peers: [] } }) as unknown as GatewaySettings,
    ownAddress: ADDRESS,
    lastTraffic: () => 0,
    emit: (event) => events.push(event),
    newSpi: () => 256,
    initiate: () => 0,
  });
  for (let id = 1; id <= MAX_ENTERING + 3; id++) {
    const path = { carrier: 'udp', local: { address: ADDRESS, port: 500 }, remote: { address: ADDRESS, port: id } };
    const sa = { id, path, established: ESTABLISHED, close: () => closed.push(id) };
    sessions.handleEstablished(sa as unknown as Ikev1Sa, ESTABLISHED, 0);
  }
  assert.equal(sessions.all.length, MAX_ENTERING);
  assert.deepEqual(closed, [1, 2, 3]);
  assert.deepEqual(
    events.flatMap((event) => (event.type === 'failure' ? [event.reason] : [])),
    Array(3).fill('too many logins at once'),
  );
  assert.ok(sessions.isEntering(4) && !sessions.isEntering(3));
});
