/** Why root's rights are kept, where they can't be given up. test/peers/least-rights.test.ts gives them up. */
import assert from 'node:assert/strict';
import { chmodSync, mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { giveUpRoot } from '../../src/gateway/least-rights.ts';

const skip = process.geteuid?.() === 0 ? false : 'run as root';
const main = join(import.meta.dirname, '../../src/cli/main.ts');

describe('rights that cannot be given up', { skip }, () => {
  const folder = mkdtempSync(join(tmpdir(), 'sallyport-rights-'));
  process.once('exit', () => rmSync(folder, { recursive: true, force: true }));
  const state = join(folder, 'state');

  it('because setpriv is missing', () => {
    const { PATH } = process.env;
    chmodSync(folder, 0o755);
    process.env.PATH = folder;
    try {
      assert.match(giveUpRoot({ state }, main), /^setpriv is missing; install it/);
    } finally {
      process.env.PATH = PATH;
    }
    assert.equal(statSync(state).uid, 0, 'the folder stays what it was');
  });

  it('because another user could not reach the state folder, or read the program', () => {
    chmodSync(folder, 0o700);
    assert.equal(
      giveUpRoot({ state }, main),
      `its user could not reach what is in ${folder}; open the way to it (chmod o+x)`,
    );
    chmodSync(folder, 0o755);
    assert.match(giveUpRoot({ state }, join(state, 'main.ts')), /^its user could not read .*; open the way/);
  });

  it('for all reasons that there are, told at once', () => {
    chmodSync(folder, 0o700);
    const hidden = join(state, 'main.ts');
    const how = 'open the way to it (chmod o+x)';
    assert.equal(
      giveUpRoot({ state }, hidden),
      `its user could not reach what is in ${folder}; ${how}; its user could not read ${hidden}; ${how}`,
    );
    chmodSync(folder, 0o755);
  });
});
