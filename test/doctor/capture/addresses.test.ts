/** Addresses are the same objects as long as they stay, and the right ones however many there are. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ADDRESS_PLACES, Addresses } from '../../../src/doctor/capture/addresses.ts';
import { Seeded } from '../../seeded.ts';

test('of both families, more than there are places', () => {
  const random = new Seeded(1);
  const addresses = new Addresses();
  for (let i = 0; i < 3 * ADDRESS_PLACES; i++) {
    const bytes = random.bytes(random.pick([4, 16]));
    const address = addresses.read(bytes, 0, bytes.length);
    assert.deepEqual(address.bytes, bytes);
    assert.equal(addresses.read(bytes, 0, bytes.length), address);
  }
});
