/** bin/sallyport of the published package, which brings no Node: an older one is told from one that serves, and said clearly. */
import assert from 'node:assert/strict';
import { copyFileSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { run } from '../lab/run.ts';
import { scratch } from '../lab/scratch.ts';

const BIN = join(import.meta.dirname, '../../bin/sallyport');

/** A package without sources, and a folder for a `node` that tells its version and the arguments it gets. */
const place = scratch('node-version');
mkdirSync(join(place, 'bin'));
mkdirSync(join(place, 'path'));
copyFileSync(BIN, join(place, 'bin/sallyport'));

function startWith(version: string) {
  const script = `#!/bin/sh\nif [ "$*" = --version ]; then echo ${version}; else echo "ran $*"; fi\n`;
  writeFileSync(join(place, 'path/node'), script, { mode: 0o755 });
  const env = { PATH: `${join(place, 'path')}:${process.env.PATH}` };
  return run([join(place, 'bin/sallyport'), 'sessions'], { env });
}

test('an older Node is refused with what is needed', async () => {
  for (const version of ['v8.17.0', 'v12.22.12', 'v18.20.4', 'v20.20.2', 'v23.11.1', 'v24.0.0', 'v24.6.0']) {
    const { status, stdout, stderr } = await startWith(version);
    assert.equal(status, 69, version);
    assert.equal(stdout, '');
    assert.ok(stderr.startsWith(`sallyport: needs Node 24.7 or later, found ${version}; `), stderr);
  }
});

test('a Node that is new enough runs what was built', async () => {
  for (const version of ['v24.7.0', 'v24.10.0', 'v24.21.0', 'v25.0.0', 'v26.10.0', 'v100.0.0']) {
    const { status, stdout } = await startWith(version);
    assert.equal(status, 0, version);
    assert.match(stdout, /^ran --disable-sigusr1 .*\/dist\/cli\/main\.js sessions\n$/);
  }
});

test('without any Node it says so', async () => {
  const { status, stderr } = await startWith('none-at-all; exit 127');
  assert.equal(status, 69);
  assert.match(stderr, /needs Node 24\.7 or later, found none; /);
});
