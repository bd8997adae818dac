/** NT hashes lie sealed, each for its own user, and go with the user. */
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { it } from 'node:test';
import { toHex } from '../../src/core/bytes/text.ts';
import { ntPasswordHash } from '../../src/core/ppp/ms-chap-v2.ts';
import { NtHashes } from '../../src/host/nt-hashes.ts';
import { openStore } from '../../src/host/store/store.ts';
import { temporaryFolder } from './temporary.ts';

it('an NT hash is kept sealed, for the user who asked for it', (test) => {
  const store = openStore(join(temporaryFolder(test), 'state'));
  const hashes = new NtHashes(store);
  for (const name of ['alice', 'bob']) store.users.add(name, 'hash');
  hashes.set('alice', 'clientPass');
  const alice = store.users.find('alice')!;
  assert.equal(toHex(hashes.find(alice)!), '44ebba8d5312b8d611474411f56989ae');
  assert.ok(!toHex(alice.ntHash!).includes(toHex(ntPasswordHash('clientPass'))));
  assert.equal(hashes.find(store.users.find('bob')!), undefined);
  assert.throws(() => hashes.find({ ...alice, name: 'bob' }), { code: 'KEY_FILE' }, "one user's is no other's");
  assert.throws(() => hashes.set('carol', 'x'), { code: 'USER_NOT_FOUND' });
  store.close();
});
