/** The small tables under a gateway's sessions: deadlines of many, addresses of a pool, rates. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { type IpAddress, parseIp, parsePrefix } from '../../../src/core/net/address.ts';
import { Deadlines } from '../../../src/core/session/deadlines.ts';
import { Offers } from '../../../src/core/session/offers.ts';
import { AddressPool } from '../../../src/core/session/pool.ts';
import { Recently } from '../../../src/core/session/recently.ts';
import { KeyedBuckets, TokenBucket } from '../../../src/core/session/token-bucket.ts';
import { Seeded } from '../../seeded.ts';
import { seededCrypto } from '../../seeded-crypto.ts';

describe('Deadlines', () => {
  test('agree with a plain table under random changes', () => {
    const random = new Seeded(31);
    const deadlines = new Deadlines<string>();
    const plain = new Map<string, number>();
    for (let round = 0; round < 20_000; round++) {
      const owner = `o${random.below(50)}`;
      const at = random.chance(0.2) ? undefined : random.below(1000);
      deadlines.set(owner, at);
      if (at === undefined) plain.delete(owner);
      else plain.set(owner, at);
      const first = plain.size > 0 ? Math.min(...plain.values()) : undefined;
      if (random.chance(0.5)) assert.equal(deadlines.next(), first);
      if (!random.chance(0.1)) continue;
      const now = random.below(1000);
      const due = deadlines.takeDue(now);
      if (first === undefined || first > now) assert.equal(due, undefined);
      else {
        assert.equal(plain.get(due!), first);
        plain.delete(due!);
      }
    }
  });
});

describe('AddressPool', () => {
  const free = () => false;

  test('gives each address once around, without network and broadcast', () => {
    const pool = new AddressPool(parsePrefix('10.0.0.0/29')!);
    const given = Array.from({ length: 6 }, () => pool.choose(undefined, free)?.text);
    assert.deepEqual(given, ['10.0.0.1', '10.0.0.2', '10.0.0.3', '10.0.0.4', '10.0.0.5', '10.0.0.6']);
    assert.equal(pool.choose(undefined, free)?.text, '10.0.0.1');
  });

  test('gives the only ones of /31 and /32', () => {
    assert.equal(new AddressPool(parsePrefix('10.0.0.4/32')!).choose(undefined, free)?.text, '10.0.0.4');
    const two = new AddressPool(parsePrefix('10.0.0.4/31')!);
    assert.deepEqual([two.choose(undefined, free)?.text, two.choose(undefined, free)?.text], ['10.0.0.4', '10.0.0.5']);
  });

  test('gives what is preferred if it is of the pool and free', () => {
    const pool = new AddressPool(parsePrefix('10.0.0.0/29')!);
    const wish = (text: string, isTaken: (address: IpAddress) => boolean = free) =>
      pool.choose(parseIp(text), isTaken)?.text;
    assert.equal(wish('10.0.0.5'), '10.0.0.5');
    assert.equal(
      wish('10.0.0.5', (address) => address.text === '10.0.0.5'),
      '10.0.0.1',
    );
    for (const foreign of ['10.0.0.0', '10.0.0.7', '10.0.1.1', '::1']) assert.notEqual(wish(foreign), foreign);
  });

  test('gives nothing when all are taken', () => {
    assert.equal(
      new AddressPool(parsePrefix('10.0.0.0/24')!).choose(undefined, () => true),
      undefined,
    );
  });

  test('works at the end of the address space', () => {
    const pool = new AddressPool(parsePrefix('255.255.255.248/29')!);
    for (let i = 0; i < 13; i++) assert.match(pool.choose(undefined, free)!.text, /^255\.255\.255\.2(49|5[0-4])$/);
  });
});

describe('Recently', () => {
  test('remembers for a window, from the last time on', () => {
    const recently = new Recently(100, 10);
    recently.add('a', 1000);
    assert.ok(recently.has('a', 1099));
    assert.ok(!recently.has('a', 1100));
    recently.add('a', 1050);
    assert.ok(recently.has('a', 1149));
    recently.delete('a');
    assert.ok(!recently.has('a', 1060));
    assert.equal(recently.size, 0);
  });

  test('forgets what is past, and the oldest of too many', () => {
    const recently = new Recently(100, 3);
    for (const key of ['a', 'b', 'c']) recently.add(key, 0);
    recently.add('a', 1);
    recently.add('d', 2);
    assert.deepEqual(
      ['a', 'b', 'c', 'd'].filter((key) => recently.has(key, 3)),
      ['a', 'c', 'd'],
    );
    recently.add('e', 1000);
    assert.equal(recently.size, 1);
  });
});

describe('Offers', () => {
  test('keep equal ones once, for as long as somebody needs them', () => {
    const offers = new Offers(seededCrypto(new Seeded(1), 'cheap'));
    const [one, same, other] = [new Uint8Array(100), new Uint8Array(100), new Uint8Array(50).fill(1)];
    const kept = offers.share(one);
    assert.notEqual(kept, one, 'a copy: what it came in must not be held');
    assert.equal(offers.bytes, 0);
    offers.hold(kept);
    assert.equal(offers.share(same), kept);
    offers.hold(offers.share(same));
    offers.hold(offers.share(other));
    assert.deepEqual([offers.count, offers.bytes], [2, 150]);
    offers.release(kept);
    assert.deepEqual([offers.count, offers.bytes], [2, 150]);
    offers.release(kept);
    assert.deepEqual([offers.count, offers.bytes], [1, 50]);
    assert.notEqual(offers.share(same), kept, 'it was dropped with the last');
  });
});

describe('rates', () => {
  const rate = { perSecond: 2, burst: 3 };

  test('let a burst through, then as many a second', () => {
    const bucket = new TokenBucket(rate);
    const take = (count: number, now: number) =>
      Array.from({ length: count }, () => bucket.take(now)).filter(Boolean).length;
    assert.equal(take(10, 1000), 3);
    assert.equal(take(10, 1400), 0);
    assert.equal(take(10, 1500), 1);
    assert.equal(take(10, 2500), 2);
    assert.equal(take(10, 1_000_000), 3, 'never more than a burst');
  });

  test('are kept by key, for so many keys and no more', () => {
    const buckets = new KeyedBuckets({ perSecond: 0, burst: 1 }, 100);
    assert.ok(buckets.at('a').take(0));
    assert.ok(!buckets.at('a').take(0));
    assert.ok(buckets.at('b').take(0));
    for (let i = 0; i < 99; i++) buckets.at(`k${i}`).take(0);
    assert.ok(buckets.at('a').take(0), 'the one unused for longest was forgotten');
    assert.ok(!buckets.at('k98').take(0));
  });
});
