/** Which format a file has, who may read it, and what its profile is called. */
import assert from 'node:assert/strict';
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { ConfigError } from '../../../src/config/problem.ts';
import { profileName } from '../../../src/config/profile/draft.ts';
import { checkProfileFile, loadProfile } from '../../../src/config/profile/load.ts';
import { nodeCrypto } from '../../../src/host/crypto/node-crypto.ts';
import { check, contentOf, pcf, vpnc, yaml } from './profiles.ts';

describe('the format', () => {
  it('is known by what a file holds, else by its name', () => {
    for (const name of ['a', 'a.txt', 'a.yaml', 'a.conf', 'a.pcf']) {
      assert.equal(check(name, pcf()).profile!.format, 'pcf');
      assert.equal(check(name, vpnc()).profile!.format, 'vpnc');
    }
    assert.equal(check('a', yaml()).profile!.format, 'yaml');
  });
});

describe('a file with a secret that others may read', () => {
  it('is refused if it is ours, and a warning if it was handed out like that', (test) => {
    const ours = written(test, 'work.yaml', yaml(), 0o644);
    const { profile, problems } = checkProfileFile(ours, nodeCrypto);
    assert.equal(profile, undefined);
    assert.deepEqual(
      problems.map(({ severity, what, hint }) => [severity, what, hint]),
      [['error', 'it holds a secret, and other users may read it', `run: chmod 600 ${ours}`]],
    );
    assert.throws(() => loadProfile(ours, nodeCrypto), ConfigError);
    chmodSync(ours, 0o600);
    assert.deepEqual(loadProfile(ours, nodeCrypto).warnings, []);
    for (const [name, text] of [
      ['work.pcf', pcf()],
      ['work.conf', vpnc()],
    ] as const) {
      const { warnings } = loadProfile(written(test, name, text, 0o644), nodeCrypto);
      assert.deepEqual(
        warnings.map(({ severity }) => severity),
        ['warning'],
      );
    }
    const without = written(test, 'peer.yaml', contentOf('peer.yaml').toString(), 0o644);
    assert.deepEqual(loadProfile(without, nodeCrypto).warnings, []);
  });

  it('that is not there says so', () => {
    assert.throws(() => loadProfile('/none/work.pcf', nodeCrypto), /can't be read \(no such file or folder\)/);
  });
});

describe("a profile's name", () => {
  for (const [file, name] of [
    ['/a/work.pcf', 'work'],
    ['work', 'work'],
    ['v1.2', 'v1.2'],
    ['Academic Network.PCF', 'Academic_Network'],
    ['Zürich.yaml', 'Zurich'],
    ['...conf', 'profile'],
    ['/a/../b/.hidden.yml', 'hidden'],
    [`${'x'.repeat(200)}.yaml`, 'x'.repeat(64)],
  ] as const) {
    it(`of ${file.slice(0, 30)} is ${name.slice(0, 30)}`, () => assert.equal(profileName(file), name));
  }
});

function written(test: TestContext, name: string, text: string, mode: number): string {
  const folder = mkdtempSync(join(tmpdir(), 'sallyport-profile-'));
  test.after(() => rmSync(folder, { recursive: true }));
  const file = join(folder, name);
  writeFileSync(file, text);
  chmodSync(file, mode);
  return file;
}
