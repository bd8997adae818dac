/** Where a profile is looked for. */
import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { it, type TestContext } from 'node:test';
import { findProfile, profileSearch } from '../../../src/config/profile/find.ts';

function places(test: TestContext, ...files: readonly string[]) {
  const root = mkdtempSync(join(tmpdir(), 'sallyport-find-'));
  test.after(() => rmSync(root, { recursive: true }));
  for (const file of files) {
    mkdirSync(dirname(join(root, file)), { recursive: true });
    writeFileSync(join(root, file), '');
  }
  const extensions = ['.yaml', '.yml', '.pcf', '.conf'];
  const search = {
    userFolder: join(root, 'home'),
    system: [
      { folder: join(root, 'etc'), extensions },
      { folder: join(root, 'vpnc'), extensions: ['.conf'] },
    ],
  };
  return { find: (argument: string) => findProfile(argument, search).replace(`${root}/`, ''), root };
}

it('a path is taken as it is', (test) => {
  const { find } = places(test);
  assert.equal(find('./work'), './work');
  assert.equal(find('/none/work.pcf'), '/none/work.pcf');
});

it("the user's comes first, then the system's, then vpnc's", (test) => {
  const all = ['home/sallyport/work.pcf', 'etc/work.yaml', 'etc/work.pcf', 'vpnc/work.conf'];
  for (let from = 0; from < all.length; from++) {
    assert.equal(places(test, ...all.slice(from)).find('work'), all[from]);
  }
});

it('a name with its extension is that file alone', (test) => {
  const { find } = places(test, 'etc/work.yaml', 'vpnc/work.conf');
  assert.equal(find('work.conf'), 'vpnc/work.conf');
  assert.equal(find('work.yaml'), 'etc/work.yaml');
  assert.throws(() => find('work.pcf'), /there is no such profile/);
});

it('what is not there is said with the folders that were searched', (test) => {
  const { find, root } = places(test, 'vpnc/work.pcf', 'etc/folder.yaml/x');
  assert.throws(() => find('work'), {
    code: 'CONFIG',
    message: `work: there is no such profile; searched ${root}/home/sallyport, ${root}/etc, ${root}/vpnc`,
  });
  assert.throws(() => find('folder'), /no such profile/);
});

it("the user's folder is where XDG has it", () => {
  assert.equal(profileSearch({ HOME: '/home/sally' }).userFolder, '/home/sally/.config');
  assert.equal(profileSearch({ HOME: '/home/sally', XDG_CONFIG_HOME: '/config' }).userFolder, '/config');
  assert.equal(profileSearch({ XDG_CONFIG_HOME: 'relative' }).userFolder, undefined);
});
