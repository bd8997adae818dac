/** The bounds on one session's ESP pairs. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { hostSelector } from '../../../src/core/ikev1/selector.ts';
import type { EspPair } from '../../../src/core/ikev1/types.ts';
import { parseIp } from '../../../src/core/net/address.ts';
import { Children, MAX_CHILDREN, MAX_REPLACED } from '../../../src/core/session/children.ts';

const LOCAL = hostSelector(parseIp('10.0.0.1')!);
const REMOTE = hostSelector(parseIp('10.0.0.2')!);

function pair(spi: number): EspPair {
  const half = { spi, keys: {} };
  const lifetime = { seconds: 3600, kilobytes: undefined };
  return { inbound: half, outbound: half, local: LOCAL, remote: REMOTE, lifetime } as unknown as EspPair;
}

test('of replaced pairs for the same traffic few linger: the oldest is too many', () => {
  const children = new Children();
  const surplus: number[] = [];
  for (let spi = 1; spi <= MAX_REPLACED + 3; spi++) {
    const done = children.establish(children.prepare(pair(spi), 0), 0);
    for (const old of done.surplus) {
      surplus.push(old.pair.inbound.spi);
      children.remove(old);
    }
  }
  assert.deepEqual(surplus, [1, 2]);
  assert.equal(children.all.length, MAX_REPLACED + 1);
  assert.equal(children.current?.pair.inbound.spi, MAX_REPLACED + 3);
});

test('they are full at the bound', () => {
  const children = new Children();
  for (let spi = 1; spi < MAX_CHILDREN; spi++) children.prepare(pair(spi), 0);
  assert.equal(children.isFull, false);
  children.prepare(pair(MAX_CHILDREN), 0);
  assert.equal(children.isFull, true);
});
