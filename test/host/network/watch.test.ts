/** Watching the network where the programs for it are missing. */
import assert from 'node:assert/strict';
import { it } from 'node:test';
import { setImmediate as turn } from 'node:timers/promises';
import { run } from '../../../src/host/network/run.ts';
import { watchNetwork } from '../../../src/host/network/watch.ts';

it('a watch goes on where ip cannot be run', async (test) => {
  const { PATH = '' } = process.env;
  test.after(() => Object.assign(process.env, { PATH }));
  process.env.PATH = '/nowhere';
  const rejections: unknown[] = [];
  const note = (reason: unknown) => rejections.push(reason);
  process.on('unhandledRejection', note);
  test.after(() => process.off('unhandledRejection', note));
  const watch = watchNetwork(() => {});
  // What the watch asked for has failed by then, too.
  await assert.rejects(run('ip', []), { code: 'NETWORK_PROGRAM' });
  await turn();
  watch.close();
  assert.deepEqual(rejections, []);
});
