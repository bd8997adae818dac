import assert from 'node:assert/strict';
import { linkSync, readFileSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { makePrivateFolder, writePrivateFile } from '../../src/host/private-folder.ts';
import { temporaryFolder } from './temporary.ts';

const mode = (path: string) => statSync(path).mode & 0o777;

test('a private folder is its owner’s; what had to be made above it lets him through and shows nothing', (t) => {
  const folder = temporaryFolder(t);
  const umask = process.umask(0o077);
  t.after(() => process.umask(umask));
  assert.ok(makePrivateFolder(join(folder, 'a', 'b', 'c')));
  assert.deepEqual(
    [mode(join(folder, 'a')), mode(join(folder, 'a/b')), mode(join(folder, 'a/b/c'))],
    [0o711, 0o711, 0o700],
  );
  assert.ok(!makePrivateFolder(join(folder, 'a', 'b')));
  assert.equal(mode(join(folder, 'a/b')), 0o711, 'what is there stays as it is');
});

test('a private file takes the place of a link, and what that led to stays', (t) => {
  const folder = temporaryFolder(t);
  const [file, victim] = [join(folder, 'file'), join(folder, 'victim')];
  for (const link of [symlinkSync, linkSync]) {
    writeFileSync(victim, 'as it was', { mode: 0o644 });
    link(victim, file);
    writePrivateFile(file, 'new');
    assert.equal(readFileSync(victim, 'utf8'), 'as it was');
    assert.equal(readFileSync(file, 'utf8'), 'new');
    assert.equal(mode(file), 0o600);
    writePrivateFile(file, 'newer');
    assert.equal(readFileSync(file, 'utf8'), 'newer');
    rmSync(file);
  }
});
