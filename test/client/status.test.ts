/** Reports folded into a status. */
import assert from 'node:assert/strict';
import { it } from 'node:test';
import type { ClientReport } from '../../src/client/report.ts';
import { firstStatus, statusAfter } from '../../src/client/status.ts';

const tunnel = {
  carrier: 'nat-t',
  gateway: '192.0.2.1:4500',
  address: '10.77.0.2',
  dns: ['10.1.0.53'],
  domain: null,
  routes: ['10.1.0.0/16'],
  phase1: 'aes128-sha256-modp2048',
  esp: 'aes128gcm16',
  tun: 'sp-work',
} as const;
const blocked = [{ carrier: 'esp', reason: 'no-answer', openings: ['IP protocol 50'] }] as const;

const at = (second: number) => new Date(Date.UTC(2026, 10, 21, 0, 0, second));
const begin = firstStatus('work', '1.2.3', at(0));

function after(...events: readonly ClientReport[]) {
  return events.reduce((status, event, i) => statusAfter(status, event, at(i + 1)), begin);
}

const up: ClientReport = { type: 'up', ...tunnel, blocked };
const lost: ClientReport = { type: 'reconnecting', reason: 'the gateway is silent', inSeconds: 1 };

it('begins connecting', () => {
  const trying: ClientReport = { type: 'trying', carrier: 'nat-t', gateway: '192.0.2.1' };
  assert.equal(after(trying).state, 'connecting');
  const status = after(trying, lost);
  assert.deepEqual([status.state, status.reconnects, status.reason], ['connecting', 0, 'the gateway is silent']);
});

it('knows the tunnel that is up, and what was blocked', () => {
  const status = after(up);
  assert.deepEqual(status.tunnel, tunnel);
  assert.deepEqual(status.blocked, blocked);
  assert.deepEqual([status.state, status.upSince, status.reason], ['up', at(1).toISOString(), null]);
});

it('follows the carrier and the keys', () => {
  const changed: ClientReport = {
    type: 'carrier-changed',
    from: 'nat-t',
    carrier: 'cisco-tcp',
    gateway: '192.0.2.1:10000',
    reason: 'no packet came back',
  };
  const status = after(
    up,
    changed,
    { type: 'rekeyed', phase: 2, suite: 'aes256-sha1' },
    { type: 'rekeyed', phase: 1, suite: 'x' },
  );
  assert.deepEqual(status.tunnel, {
    ...tunnel,
    carrier: 'cisco-tcp',
    gateway: '192.0.2.1:10000',
    esp: 'aes256-sha1',
    phase1: 'x',
  });
  assert.equal(status.rekeys, 2);
});

it('counts a lost tunnel once, however often it is tried again', () => {
  const status = after(up, lost, lost, lost);
  assert.deepEqual([status.state, status.reconnects, status.upSince], ['reconnecting', 1, null]);
  assert.deepEqual(status.tunnel, tunnel, 'the last one');
  assert.equal(after(up, lost, up, lost, up).reconnects, 2);
  assert.equal(after(up, lost, up).reason, null);
});

it('has the latest traffic', () => {
  const traffic = { bytesIn: 1, bytesOut: 2, packetsIn: 3, packetsOut: 4 };
  const { bytesIn, bytesOut, packetsIn, packetsOut } = after(up, { type: 'traffic', ...traffic });
  assert.deepEqual({ bytesIn, bytesOut, packetsIn, packetsOut }, traffic);
});

it('is not changed by what is only told', () => {
  const told: readonly ClientReport[] = [
    { type: 'question', kind: 'password', prompt: '' },
    { type: 'notice', text: 'n' },
    { type: 'banner', text: 'b' },
  ];
  for (const event of told) assert.deepEqual(after(event), begin);
});
