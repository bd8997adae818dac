/** What a reload takes, what waits for a restart, and that a wrong file changes nothing. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { checkConfig } from '../../src/config/check.ts';
import type { GatewayConfig } from '../../src/config/config.ts';
import { formatPrefix } from '../../src/core/net/address.ts';
import { takeChange } from '../../src/gateway/reload.ts';

function config(text: string): GatewayConfig {
  const { config, problems } = checkConfig(text, { file: 'x.yaml', folder: '/', readSecret: () => ({ wrong: '' }) });
  assert.ok(config, JSON.stringify(problems));
  return config;
}

const BEFORE = `
groups:
  staff: { psk: a-long-secret, pool: 10.78.0.0/24 }
peers: [{ id: branch, psk: another-long-secret, inner: 10.88.0.0/24 }]
`;

describe('a changed configuration', () => {
  it('that is the same changes nothing', () => {
    assert.deepEqual(takeChange(config(BEFORE), config(BEFORE)), { config: config(BEFORE), needsRestart: [] });
  });

  it('is taken: groups, secrets, lifetimes, dpd, log level', () => {
    const after = config(`
groups:
  other: { psk: b-long-secret, routes: [10.1.0.0/24], max_sessions: 3, pool: 10.78.0.0/24 }
lifetimes: { phase1: 2h }
dpd: { idle: 10s, timeout: 30s }
log: { level: debug }
legacy: true
`);
    const change = takeChange(config(BEFORE), after);
    assert.deepEqual(change, { config: after, needsRestart: [] });
  });

  it('names what waits for a restart, and leaves it as it was', () => {
    const before = config(BEFORE);
    const after = config(`
state: /elsewhere
listen: [192.0.2.1]
ports: { ike: 501, nat-t: 4501 }
carriers: { esp: false }
tun: sp9
mtu: 1300
pool: 10.99.0.0/24
nat: true
client_to_client: true
keylog: /keys
log: { format: json }
lifetimes: { phase2: 1h }
`);
    const change = takeChange(before, after);
    assert.deepEqual(change.needsRestart, [
      'state',
      'listen',
      'ports',
      'carriers',
      'tun',
      'mtu',
      'pool',
      'nat',
      'client_to_client',
      'keylog',
      'log.format',
    ]);
    const { lifetimes, policy, ...rest } = change.config;
    assert.equal(lifetimes.phase2Seconds, 3600);
    assert.deepEqual([policy.groups, policy.nativeEsp], [[], true]);
    const { lifetimes: _, policy: __, ...old } = before;
    assert.deepEqual(rest, old);
  });

  it('with networks that no route leads to: known ones keep theirs, new ones wait', () => {
    const change = takeChange(
      config(BEFORE),
      config(`
groups:
  staff: { psk: a-new-long-secret, pool: 10.79.0.0/24 }
  visitors: { psk: b-long-secret, pool: 10.80.0.0/24 }
  guests: { psk: c-long-secret }
peers:
  - { id: branch, psk: d-long-secret, inner: 10.89.0.0/24 }
  - { id: new, psk: e-long-secret, inner: 10.90.0.0/24 }
`),
    );
    assert.deepEqual(change.needsRestart, [
      'groups.staff.pool',
      'groups.visitors.pool',
      'peers (inner of branch)',
      'peers (inner of new)',
    ]);
    const { groups, peers } = change.config.policy;
    assert.deepEqual(
      groups.map(({ name, pool }) => `${name} ${formatPrefix(pool)}`),
      ['staff 10.78.0.0/24', 'guests 10.77.0.0/24'],
    );
    assert.deepEqual(
      peers.map(({ id, inner }) => `${id} ${formatPrefix(inner)}`),
      ['branch 10.88.0.0/24'],
    );
  });
});
