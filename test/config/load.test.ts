/** A configuration on disk: who may read it, and secrets in files of their own. */
import assert from 'node:assert/strict';
import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { checkConfigFile, embeddedConfig, loadConfig } from '../../src/config/load.ts';
import { ConfigError, formatProblem } from '../../src/config/problem.ts';
import { fromUtf8 } from '../../src/core/bytes/text.ts';

describe('a configuration file', () => {
  let folder: string;
  before(() => {
    folder = mkdtempSync(join(tmpdir(), 'sallyport-config-'));
  });
  after(() => rmSync(folder, { recursive: true }));

  function file(name: string, text: string, mode: number): string {
    const path = join(folder, name);
    writeFileSync(path, text);
    chmodSync(path, mode);
    return path;
  }

  it('with a secret that others may read is refused with what to do', () => {
    for (const mode of [0o644, 0o604, 0o602]) {
      const path = file('open.yaml', 'psk: longenoughsecret\n', mode);
      assert.throws(
        () => loadConfig(path),
        new RegExp(`open.yaml: it holds a secret, and other users may read it; run: chmod 600 ${path}`),
      );
    }
    for (const mode of [0o600, 0o640]) loadConfig(file('closed.yaml', 'psk: longenoughsecret\n', mode));
  });

  it('without a secret may be read by anybody', () => {
    assert.equal(loadConfig(file('public.yaml', 'tun: vpn0\n', 0o644)).config.tun, 'vpn0');
  });

  it('takes secrets from files beside it, closed to others', () => {
    file('psk', 'secret in a file\n', 0o600);
    const path = file('beside.yaml', 'psk_file: psk\nkeylog: keys\nstate: state\n', 0o644);
    const { config } = loadConfig(path);
    assert.equal(fromUtf8(config.policy.groups[0]!.psk!), 'secret in a file');
    assert.deepEqual([config.keylog, config.state], [join(folder, 'keys'), join(folder, 'state')]);
    file('psk', 'secret in a file\n', 0o644);
    assert.deepEqual(checkConfigFile(path).problems.map(formatProblem), [
      `psk_file: other users may read ${join(folder, 'psk')} at line 1, column 11; run: chmod 600 ${join(folder, 'psk')}`,
    ]);
  });

  it('a secret file that is empty, long or a folder is refused', () => {
    const path = file('odd.yaml', 'psk_file: odd\n', 0o600);
    const problem = () => formatProblem(checkConfigFile(path).problems[0]!);
    file('odd', '\n', 0o600);
    assert.match(problem(), /must hold one secret of 1 to 256 bytes at line 1, column 11/);
    file('odd', 'x'.repeat(300), 0o600);
    assert.match(problem(), /must hold one secret/);
    rmSync(join(folder, 'odd'));
    mkdirSync(join(folder, 'odd'));
    assert.match(problem(), /it is a folder/);
  });

  it('that is missing is an error with its name', () => {
    assert.throws(
      () => loadConfig(join(folder, 'missing.yaml')),
      (error: Error) => {
        assert.ok(error instanceof ConfigError);
        assert.equal(error.message, `${join(folder, 'missing.yaml')}: can't be read (no such file or folder)`);
        return true;
      },
    );
  });

  it('not given at all: the embedded default, with NAT where it is possible', () => {
    assert.equal(embeddedConfig().nat, 'if-possible');
    assert.equal(embeddedConfig().file, undefined);
  });
});
