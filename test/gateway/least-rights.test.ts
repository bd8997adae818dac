/** Why root's rights are kept, where they can't be given up. test/peers/least-rights.test.ts gives them up. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import {
  chmodSync,
  linkSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { giveTree, giveUpRoot } from '../../src/gateway/least-rights.ts';
import { missing } from '../lab/requirements.ts';

const skip = missing('root') ?? false;
const main = join(import.meta.dirname, '../../src/cli/main.ts');

describe('the state folder that is given', { skip }, () => {
  const other = { uid: 61_001, gid: 61_001 };

  it('with folders and files, but not what links lead to, has a second name, or is the authority’s', (test) => {
    const folder = mkdtempSync(join(tmpdir(), 'sallyport-give-'));
    test.after(() => rmSync(folder, { recursive: true, force: true }));
    const [state, outside] = [join(folder, 'state'), join(folder, 'outside')];
    for (const path of [state, outside, join(state, 'keys'), join(state, 'ca'), join(state, 'keys', 'ca')])
      mkdirSync(path);
    for (const path of ['secret', 'twice']) writeFileSync(join(outside, path), '');
    for (const path of ['sallyport.db', 'keys/totp.key', 'ca/authority.key']) writeFileSync(join(state, path), '');
    symlinkSync(outside, join(state, 'folder'));
    symlinkSync(join(outside, 'secret'), join(state, 'file'));
    linkSync(join(outside, 'twice'), join(state, 'hard'));
    spawnSync('mkfifo', [join(state, 'pipe')]);
    const script = "require('net').createServer().listen(process.argv[1], () => process.kill(process.pid, 'SIGKILL'))";
    spawnSync(process.execPath, ['-e', script, join(state, 'keys', 'control.sock')]);
    assert.ok(lstatSync(join(state, 'keys', 'control.sock')).isSocket());
    giveTree(state, other, 'ca');
    const uid = (path: string) => lstatSync(join(folder, path)).uid;
    for (const path of ['state', 'state/sallyport.db', 'state/keys', 'state/keys/totp.key', 'state/keys/ca'])
      assert.equal(uid(path), other.uid, path);
    for (const path of [
      'outside',
      'outside/secret',
      'outside/twice',
      'state/ca',
      'state/ca/authority.key',
      'state/pipe',
    ])
      assert.equal(uid(path), 0, path);
    assert.ok(!lstatSync(join(state, 'keys', 'control.sock'), { throwIfNoEntry: false }));
    assert.throws(() => giveTree(join(state, 'folder'), other), { code: 'ELOOP' });
    assert.equal(uid('outside'), 0);
  });
});

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

  /** What was said; of a checkout below /root, that it can't be reached is said as well. */
  const reasons = (script: string) => giveUpRoot({ state }, script).split(/; (?=its user)/);

  it('because another user could not reach the state folder, or read the program', () => {
    chmodSync(folder, 0o700);
    const way = `its user could not reach what is in ${folder}; open the way to it (chmod o+x)`;
    assert.ok(reasons(main).includes(way));
    chmodSync(folder, 0o755);
    const hidden = join(folder, 'main.ts');
    assert.ok(reasons(hidden).includes(`its user could not read ${hidden}; open it (chmod o+r)`));
  });

  it('for all reasons that there are, each told once', () => {
    const [hidden, other] = [join(folder, 'hidden'), join(folder, 'other')];
    for (const path of [hidden, other]) mkdirSync(path, { mode: 0o700 });
    const told = giveUpRoot({ state: join(other, 'state') }, join(hidden, 'deep', 'main.ts')).split(/; (?=its user)/);
    const ways = [other, hidden].map(
      (path) => `its user could not reach what is in ${path}; open the way to it (chmod o+x)`,
    );
    assert.deepEqual(
      told.filter((reason) => reason.includes(folder)),
      ways,
    );
    chmodSync(folder, 0o700);
    const shut = reasons(join(hidden, 'main.ts')).filter((reason) => reason.includes(folder));
    assert.deepEqual(shut, [`its user could not reach what is in ${folder}; open the way to it (chmod o+x)`]);
    chmodSync(folder, 0o755);
  });
});
