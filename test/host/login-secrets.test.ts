/** What challenges need of a password lies sealed, each for its own user and method, and goes with the user. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { it } from 'node:test';
import { fromUtf8, toHex, utf8 } from '../../src/core/bytes/text.ts';
import { ntPasswordHash } from '../../src/core/ppp/ms-chap-v2.ts';
import { LoginSecrets } from '../../src/host/login-secrets.ts';
import { openStore } from '../../src/host/store/store.ts';
import { temporaryFolder } from './temporary.ts';

it('NT hash and password are kept sealed, for the user who asked for them', (test) => {
  const store = openStore(join(temporaryFolder(test), 'state'));
  const secrets = new LoginSecrets(store);
  for (const name of ['alice', 'bob']) store.users.add(name, 'hash');
  secrets.set('alice', 'ntHash', 'clientPass');
  assert.equal(secrets.find(store.users.find('alice')!, 'chapPassword'), undefined, 'one opts in to each');
  secrets.set('alice', 'chapPassword', 'clientPäss');
  const alice = store.users.find('alice')!;
  assert.equal(toHex(secrets.find(alice, 'ntHash')!), '44ebba8d5312b8d611474411f56989ae');
  assert.equal(fromUtf8(secrets.find(alice, 'chapPassword')!), 'clientPäss');
  assert.ok(!toHex(alice.ntHash!).includes(toHex(ntPasswordHash('clientPass'))));
  assert.ok(!toHex(alice.chapPassword!).includes(toHex(utf8('client'))));
  for (const secret of ['ntHash', 'chapPassword'] as const) {
    assert.equal(secrets.find(store.users.find('bob')!, secret), undefined);
    assert.throws(
      () => secrets.find({ ...alice, name: 'bob' }, secret),
      { code: 'KEY_FILE' },
      "one user's is no other's",
    );
    assert.throws(() => secrets.set('carol', secret, 'x'), { code: 'USER_NOT_FOUND' });
  }
  const swapped = { ...alice, chapPassword: alice.ntHash };
  assert.throws(() => secrets.find(swapped, 'chapPassword'), { code: 'KEY_FILE' }, 'the one is not the other');
  secrets.remove('alice', 'ntHash');
  const left = store.users.find('alice')!;
  assert.deepEqual([left.ntHash, left.chapPassword], [undefined, alice.chapPassword], 'each is taken away alone');
  store.users.remove('alice');
  store.close();
  const file = readFileSync(join(store.folder, 'sallyport.db'));
  for (const sealed of [alice.ntHash!, alice.chapPassword!])
    assert.ok(!file.includes(Buffer.from(sealed)), 'and nothing of it stays on the disk');
});
