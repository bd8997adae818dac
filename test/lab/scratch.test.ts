/** What killed runs left behind goes; what belongs to somebody, or may, stays. */
import assert from 'node:assert/strict';
import { mkdirSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { missing } from './requirements.ts';
import { must } from './run.ts';
import { owner, scratch, sweepScratch } from './scratch.ts';

/** More than the kernel counts to. */
const NOBODY = 2 ** 22 + 1;

test('only what a process of this process namespace left behind is swept', () => {
  const folder = scratch('sweep');
  const namespace = owner.split('-')[1];
  const ours = `sallyport-lab-${owner}-bare-a`;
  const orphan = `sallyport-lab-${NOBODY}-${namespace}-bare-b`;
  const elsewhere = `sallyport-lab-${NOBODY}-${namespace}0-bare-c`;
  const foreign = 'sallyport-lab-notes';
  for (const name of [ours, orphan, elsewhere, foreign]) mkdirSync(join(folder, name));
  const { TMPDIR } = process.env;
  process.env.TMPDIR = folder;
  try {
    sweepScratch();
  } finally {
    if (TMPDIR === undefined) delete process.env.TMPDIR;
    else process.env.TMPDIR = TMPDIR;
  }
  assert.deepEqual(readdirSync(folder).sort(), [ours, elsewhere, foreign].sort());
});

test('nothing is swept where /proc shows the processes of another namespace', {
  skip: missing('root', 'unshare') ?? false,
}, async () => {
  const program = `
    const { isOrphaned, owner } = await import('${import.meta.dirname}/scratch.ts');
    console.log(isOrphaned('${NOBODY}-' + owner.split('-')[1] + '-bare-a'));`;
  const child = [process.execPath, '--no-warnings', '--input-type=module', '-e', program];
  assert.equal(await must(['unshare', '--pid', '--fork', ...child]), 'false\n');
  assert.equal(await must(['unshare', '--pid', '--fork', '--mount-proc', ...child]), 'true\n');
});
