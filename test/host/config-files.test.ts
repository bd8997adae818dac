/** A configuration that root reads for a gateway that may not: all of it comes over, right or wrong, and nothing stays. */
import assert from 'node:assert/strict';
import {
  chmodSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { loadConfig } from '../../src/config/load.ts';
import { fromUtf8 } from '../../src/core/bytes/text.ts';
import { packConfig, unpackConfig } from '../../src/host/config-files.ts';
import { HostError } from '../../src/host/errors.ts';
import { temporaryFolder } from './temporary.ts';

const owner = { uid: process.getuid!(), gid: process.getgid!() };

function stage(test: TestContext, text: string): { folder: string; file: string; packed: string } {
  const folder = temporaryFolder(test);
  const file = join(folder, 'gateway.yaml');
  writeFileSync(file, text, { mode: 0o600 });
  mkdirSync(join(folder, 'state'));
  return { folder, file, packed: join(folder, 'state', 'start-1') };
}

describe('a packed configuration', () => {
  it('that is damaged is refused without a word of what it holds, and removed', (test) => {
    const { packed } = stage(test, '');
    writeFileSync(packed, '{"/etc/gateway.yaml": thesecretofthegroup');
    assert.throws(
      () => unpackConfig(packed),
      ({ code, message }: HostError) => code === 'CONFIG_FILES' && /it is damaged$/.test(message),
    );
    assert.ok(!existsSync(packed));
  });

  it('holds the file and its secrets, is private, and is taken once', async (test) => {
    const { folder, file, packed } = stage(test, 'groups: { a: { psk_file: a.secret } }\nauthorities: [ca.pem]\n');
    writeFileSync(join(folder, 'a.secret'), 'a secret in a file\n', { mode: 0o600 });
    writeFileSync(join(folder, 'ca.pem'), 'PEM', { mode: 0o644 });
    packConfig(file, packed, owner);
    assert.equal(statSync(packed).mode & 0o777, 0o600);
    const files = unpackConfig(packed);
    assert.ok(!existsSync(packed));
    for (const name of readdirSync(folder)) if (name !== 'state') writeFileSync(join(folder, name), 'changed since');
    const { config } = loadConfig(file, files.read);
    assert.equal(fromUtf8(config.policy.groups[0]!.psk!), 'a secret in a file');
    const lent = await files.lend(config.authorities, async (pathOf) => {
      const path = pathOf(config.authorities[0]!);
      assert.equal(statSync(join(path, '..')).mode & 0o077, 0);
      return { path, text: readFileSync(path, 'utf8') };
    });
    assert.equal(lent.text, 'PEM');
    assert.ok(!existsSync(lent.path));
    assert.deepEqual(readdirSync(join(folder, 'state')), []);
    assert.throws(() => unpackConfig(packed), { code: 'CONFIG_FILES' });
  });

  it('tells what is wrong by the names that the administrator knows', async (test) => {
    const { folder, file, packed } = stage(test, 'psk_file: open\ncertificate: { file: none.pem, key: none.key }\n');
    writeFileSync(join(folder, 'open'), 'a secret in a file\n');
    chmodSync(join(folder, 'open'), 0o644);
    packConfig(file, packed, owner);
    const files = unpackConfig(packed);
    assert.throws(() => loadConfig(file, files.read), new RegExp(`other users may read ${folder}/open`));
    const complaint = files.lend([file], async (pathOf) => {
      throw new HostError('CERTIFICATE', `${pathOf(file)} is wrong`);
    });
    await assert.rejects(complaint, { code: 'CERTIFICATE', message: `${file} is wrong` });
    assert.throws(() => files.read(join(folder, 'never-named')), { code: 'ENOENT' });
  });

  it('follows and overwrites nothing that lies in its place', (test) => {
    const { folder, file, packed } = stage(test, 'psk: a-long-secret\n');
    symlinkSync(join(folder, 'elsewhere'), packed);
    assert.throws(() => packConfig(file, packed, owner), { code: 'EEXIST' });
    assert.ok(!existsSync(join(folder, 'elsewhere')));
  });
});
