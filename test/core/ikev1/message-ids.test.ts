/** Quick mode message IDs: served once, held to a floor where a peer counts, remembered within a bound. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { QuickModeIds } from '../../../src/core/ikev1/message-ids.ts';
import { Seeded } from '../../seeded.ts';

const REMEMBERED = 1024;
const WINDOW = 64;

for (const counting of [false, true]) {
  describe(counting ? 'a peer that counts' : 'a peer with random IDs', () => {
    test('may use each ID once', () => {
      const ids = new QuickModeIds(counting);
      for (const id of [1, 2, 0xffffffff]) {
        assert.equal(ids.check(id), 'fresh');
        assert.equal(ids.check(id), 'fresh', 'asking changes nothing');
        ids.complete(id);
        assert.equal(ids.check(id), 'ike_message_id_reused');
      }
    });

    test('may begin anywhere', () => {
      for (const id of [1, 0x80000000, 0xfffffff0]) assert.equal(new QuickModeIds(counting).check(id), 'fresh');
    });

    test(`is remembered for the last ${REMEMBERED}`, () => {
      const ids = new QuickModeIds(counting);
      for (let id = 1; id <= 3 * REMEMBERED; id++) ids.complete(id);
      assert.equal(ids.check(3 * REMEMBERED), 'ike_message_id_reused');
      assert.equal(ids.check(2 * REMEMBERED + 1), 'ike_message_id_reused');
      const forgotten = counting ? 'ike_message_id_floor' : 'fresh';
      assert.equal(ids.check(2 * REMEMBERED), forgotten);
      assert.equal(ids.check(1), forgotten);
    });
  });
}

test('a counting peer may be out of order within the window, and no further', () => {
  const ids = new QuickModeIds(true);
  ids.complete(1000);
  assert.equal(ids.check(1000 - WINDOW + 1), 'fresh');
  assert.equal(ids.check(1000 - WINDOW), 'ike_message_id_floor');
  assert.equal(ids.check(1), 'ike_message_id_floor');
  assert.equal(ids.check(0xffffffff), 'fresh');
});

test('an ID that was only tried raises no floor', () => {
  const ids = new QuickModeIds(true);
  ids.complete(1);
  ids.check(0xffffffff);
  assert.equal(ids.check(2), 'fresh');
});

test('random IDs are neither early nor late', () => {
  const random = new Seeded(5);
  const ids = new QuickModeIds(false);
  const used = new Set<number>();
  for (let i = 0; i < 900; i++) {
    const id = random.u32();
    assert.equal(ids.check(id), used.has(id) ? 'ike_message_id_reused' : 'fresh');
    ids.complete(id);
    used.add(id);
  }
  for (const id of used) assert.equal(ids.check(id), 'ike_message_id_reused');
});
