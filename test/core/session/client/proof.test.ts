/** The proof that a carrier carries: when it is asked for, and whom. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseIp, parsePrefix } from '../../../../src/core/net/address.ts';
import type { GivenConfiguration } from '../../../../src/core/session/client/configuration.ts';
import { echoRequests, innerNeighbours, MAX_NEIGHBOURS, Proof } from '../../../../src/core/session/client/proof.ts';

const GATEWAY = parseIp('192.0.2.1')!;
const ANYWHERE = [parsePrefix('0.0.0.0/0')!];
const given = (...dns: readonly string[]) =>
  ({ dns: dns.map((text) => parseIp(text)!) }) as Partial<GivenConfiguration> as GivenConfiguration;

test('an answer is asked for four times a second, until the time is over', () => {
  const proof = new Proof(1000);
  const rounds: number[] = [];
  let now = 1000;
  for (; !proof.isOver(now); now = proof.pollTimeout()) {
    const round = proof.takeRound(now);
    if (round !== undefined) rounds.push(round);
    assert.equal(proof.takeRound(now), undefined, 'once each time');
  }
  assert.deepEqual(rounds, [0, 1, 2, 3, 4, 5, 6]);
  assert.equal(now, 2600);
});

test('neighbours are the gateway, who goes beyond, its servers, its networks: no more than the bound', () => {
  const servers = given('10.0.0.53', '10.0.0.54', '10.0.0.55');
  const found = innerNeighbours(GATEWAY, servers, [parsePrefix('10.1.0.0/16')!], ANYWHERE);
  assert.equal(found.length, MAX_NEIGHBOURS);
  assert.deepEqual(
    found.map(({ text }) => text),
    ['192.0.2.1', '198.18.0.1', '10.0.0.53', '10.0.0.54'],
  );
  assert.equal(echoRequests(parseIp('10.0.0.2')!, found, 0).length, MAX_NEIGHBOURS);
});

test('only what a pair carries is a neighbour, and no address of IPv6', () => {
  const [inside, outside] = [parsePrefix('10.1.0.0/16')!, parsePrefix('10.2.0.0/16')!];
  const found = innerNeighbours(parseIp('2001:db8::1')!, given('10.1.0.53', '10.3.0.53'), [inside, outside], [inside]);
  assert.deepEqual(
    found.map(({ text }) => text),
    ['10.1.0.53', '10.1.0.0'],
  );
});
