/** What both versions of IKE share: timers, when to send again, what vendor IDs say. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { concat } from '../../../src/core/bytes/bytes.ts';
import { fromHex } from '../../../src/core/bytes/text.ts';
import { MAX_ATTEMPTS, nextAttempt } from '../../../src/core/ike/retransmission.ts';
import { SparseMap } from '../../../src/core/ike/sparse-map.ts';
import { Timers } from '../../../src/core/ike/timers.ts';
import {
  NAT_T_PREFERENCE,
  NO_TRAITS,
  ownVendorIds,
  readVendorIds,
  VendorId,
} from '../../../src/core/ike/vendor-ids.ts';

describe('SparseMap', () => {
  test('is a Map, also when it was empty meanwhile', () => {
    const sparse = new SparseMap<number, string>();
    const plain = new Map<number, string>();
    for (const [key, value] of [
      [1, 'a'],
      [2, 'b'],
      [1, undefined],
      [7, undefined],
      [2, undefined],
      [3, 'c'],
      [1, 'd'],
    ] as const) {
      if (value === undefined) assert.equal(sparse.delete(key), plain.delete(key));
      else {
        sparse.set(key, value);
        plain.set(key, value);
      }
      assert.deepEqual([...sparse.entries()], [...plain]);
      assert.deepEqual([...sparse.values()], [...plain.values()]);
      assert.deepEqual([sparse.size, sparse.has(1), sparse.get(1)], [plain.size, plain.has(1), plain.get(1)]);
    }
  });

  test('what is deleted while it is gone through is skipped', () => {
    const sparse = new SparseMap<number, string>();
    for (const key of [1, 2, 3]) sparse.set(key, `${key}`);
    const seen: string[] = [];
    for (const value of sparse.values()) {
      seen.push(value);
      for (const key of [1, 2, 3]) sparse.delete(key);
    }
    assert.deepEqual(seen, ['1']);
  });
});

describe('Timers', () => {
  test('come due in the order of their deadlines, whatever the order they were set in', () => {
    const timers = new Timers<string>();
    for (const [name, at] of [
      ['c', 30],
      ['a', 10],
      ['b', 20],
      ['d', 40],
    ] as const)
      timers.set(name, at);
    assert.equal(timers.next(), 10);
    assert.deepEqual(
      [timers.takeDue(9), timers.takeDue(30), timers.takeDue(30), timers.takeDue(30), timers.takeDue(30)],
      [undefined, 'a', 'b', 'c', undefined],
    );
    assert.equal(timers.next(), 40);
  });

  test('of one name replace each other; cleared ones never come', () => {
    const timers = new Timers<string>();
    timers.set('a', 10);
    timers.set('a', 50);
    timers.set('b', 20);
    timers.clear('b');
    timers.clear('unknown');
    assert.equal(timers.takeDue(49), undefined);
    assert.equal(timers.takeDue(50), 'a');
    timers.set('a', 60);
    timers.clearAll();
    assert.equal(timers.next(), undefined);
    assert.equal(timers.takeDue(Number.POSITIVE_INFINITY), undefined);
  });

  test('of the same moment all come, one by one', () => {
    const timers = new Timers<string>();
    for (const name of ['a', 'b', 'c']) timers.set(name, 10);
    assert.deepEqual([timers.takeDue(10), timers.takeDue(10), timers.takeDue(10)].sort(), ['a', 'b', 'c']);
    assert.equal(timers.takeDue(10), undefined);
  });
});

test('a message goes out after 2, 4, 8, 16 and 16 seconds, then no more', () => {
  const waits = Array.from({ length: MAX_ATTEMPTS }, (_, i) => nextAttempt(i + 1, 1000)! - 1000);
  assert.deepEqual(waits, [2000, 4000, 8000, 16_000, 16_000]);
  assert.equal(nextAttempt(MAX_ATTEMPTS + 1, 1000), undefined);
});

describe('vendor IDs', () => {
  test('none or unknown ones mean nothing', () => {
    assert.deepEqual(readVendorIds([]), NO_TRAITS);
    assert.deepEqual(readVendorIds([fromHex(''), fromHex('00'), new Uint8Array(16), new Uint8Array(300)]), NO_TRAITS);
  });

  test('of NAT-T the best that is known counts, whatever the order', () => {
    const all = [...NAT_T_PREFERENCE];
    for (const [i, best] of all.entries()) {
      const traits = readVendorIds(all.slice(i).reverse());
      assert.deepEqual(traits.natTraversalVendorId, best);
      assert.equal(traits.natTraversal, best === VendorId.NAT_T_RFC3947 ? 'rfc3947' : 'draft');
    }
    assert.equal(readVendorIds([VendorId.NAT_T_00, VendorId.NAT_T_01]).natTraversal, undefined);
  });

  test('are whole: a piece of one, or one with more behind it, is another', () => {
    assert.equal(readVendorIds([VendorId.XAUTH.subarray(0, 7)]).xauth, false);
    assert.equal(readVendorIds([concat(VendorId.XAUTH, fromHex('00'))]).xauth, false);
    assert.equal(readVendorIds([concat(VendorId.NAT_T_RFC3947, fromHex('00'))]).natTraversal, undefined);
  });

  test('of DPD, Unity and fragmentation may carry a version', () => {
    const version = (id: Uint8Array) => concat(id.subarray(0, 14), fromHex('0905'));
    const traits = readVendorIds([version(VendorId.DPD), version(VendorId.CISCO_UNITY), VendorId.FRAGMENTATION]);
    assert.deepEqual([traits.dpd, traits.unity, traits.fragmentation], [true, true, true]);
    assert.ok(readVendorIds([concat(VendorId.FRAGMENTATION, fromHex('80000000'))]).fragmentation);
  });

  test('of Microsoft count message IDs from Vista on', () => {
    const microsoft = (version: number) =>
      readVendorIds([concat(VendorId.MS_NT5_ISAKMPOAKLEY, Uint8Array.of(0, 0, 0, version))]).countingMessageIds;
    assert.deepEqual([2, 3, 4, 5, 6, 9].map(microsoft), [false, false, false, true, true, true]);
    assert.equal(readVendorIds([VendorId.MS_NT5_ISAKMPOAKLEY]).countingMessageIds, false);
  });

  test('of our own are read as what we can do', () => {
    const traits = readVendorIds(ownVendorIds(NAT_T_PREFERENCE));
    assert.ok(traits.natTraversal === 'rfc3947' && traits.xauth && traits.dpd && traits.unity && traits.fragmentation);
    assert.ok(!traits.countingMessageIds);
  });
});
