/** The bound on half-open negotiations, and who has just come through: it is none of them any more. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { IkePath } from '../../../src/core/carrier/ike-path.ts';
import { addressIdentity } from '../../../src/core/ikev1/identity.ts';
import { Ikev1Sa } from '../../../src/core/ikev1/sa.ts';
import { parseIp } from '../../../src/core/net/address.ts';
import { MINUTE } from '../../../src/core/net/time.ts';
import { MAX_HALF_OPEN_BYTES } from '../../../src/core/session/sa-table.ts';
import { Authentication } from '../../../src/core/wire/ikev1.ts';
import { fragment } from '../../hostile/siege.ts';
import { Seeded } from '../../seeded.ts';
import { seededCrypto } from '../../seeded-crypto.ts';
import { credentialOf, policyOf, SUITE } from '../ikev1/pair.ts';
import { GATEWAY, Scene } from './scene.ts';

const HOME = parseIp('198.51.100.7')!;
const PATH: IkePath = { carrier: 'udp', local: { address: HOME, port: 500 }, remote: GATEWAY };
const SUBJECT = new Uint8Array(4);
const CHAIN = [new Uint8Array(6000), new Uint8Array(6000)];

/** A client that trusts whatever signs. */
function hybridClient(now: number): Ikev1Sa {
  const credential = credentialOf(new Uint8Array(0));
  const identity = addressIdentity(HOME);
  const policy = policyOf('client', {
    natTraversal: false,
    credentials: () => [credential],
    verifier: {
      authorities: [],
      verify: () => ({ subject: SUBJECT, names: ['203.0.113.1'], kind: 'rsa', verifies: () => true }),
    },
    ownIdentity: () => identity,
  });
  const suites = [{ ...SUITE, authentication: Authentication.HYBRID_INIT_RSA }];
  const intent = { suites, credential, identity, lifetime: 3600 };
  return Ikev1Sa.initiate(1, { crypto: seededCrypto(new Seeded(9)), policy }, 'main', intent, PATH, now);
}

test('the oldest that gets through by the message that would be too much stays, with its timers', () => {
  const scene = new Scene();
  const { gateway, settings } = scene;
  const certificate = { kind: 'rsa', chain: CHAIN, subject: SUBJECT, sign: () => new Uint8Array(256) } as const;
  const groups = settings.policy.groups.map((group) => ({ ...group, hybrid: true }));
  const policy = { ...settings.policy, groups };
  gateway.reload({ ...settings, certificate, identity: addressIdentity(GATEWAY.address), policy }, scene.now);
  const client = hybridClient(scene.now);
  const say = () => {
    for (let sent = client.pollTransmit(); sent; sent = client.pollTransmit())
      gateway.handleDatagram({ ...PATH, local: GATEWAY, remote: PATH.local }, sent.message, scene.now);
    for (let sent = gateway.pollTransmit(); sent; sent = gateway.pollTransmit())
      client.handleInput(sent.message, PATH, scene.now);
  };
  say();
  say();
  const data = new Uint8Array(4000);
  const room = () => MAX_HALF_OPEN_BYTES - gateway.halfOpenBytes;
  for (let i = 1; room() > 2 * data.length; i++) {
    const initiatorCookie = Uint8Array.of(7, 7, 7, 7, 7, 7, i >> 8, i);
    const from = { ...PATH, local: GATEWAY, remote: { address: HOME, port: 1000 + i } };
    const most = room() > 4 * data.length ? 3 : 1;
    for (let number = 1; number <= most; number++)
      gateway.handleDatagram(from, fragment({ number, data }, { initiatorCookie }), scene.now);
  }
  say();
  assert.ok(client.established);
  scene.run();
  assert.equal(scene.all('dropped').filter(({ reason }) => reason === 'ike_half_open_full').length, 0);
  scene.advance(3 * MINUTE);
  assert.ok(
    scene.failures.some((told) => told.includes('no name and password came')),
    scene.failures.join('\n'),
  );
});
