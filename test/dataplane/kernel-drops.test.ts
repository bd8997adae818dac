/** What the kernel drops before the dataplane sees it is counted too. */
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test } from 'node:test';
import type { KernelDrops } from '../../src/dataplane/kernel-drops.ts';
import { Netns } from '../lab/netns.ts';
import { lacking } from '../lab/requirements.ts';

test('queues that nobody empties are seen to overflow', { skip: lacking() }, async (t) => {
  const netns = await Netns.create('kdrops');
  t.after(() => netns.remove());
  const stdout = await netns.must([process.execPath, join(import.meta.dirname, 'lab/overflow.ts')]);
  const told = JSON.parse(stdout) as Record<'before' | 'after' | 'unknown', KernelDrops>;
  const none = { drop_socket_full: 0, drop_tun_queue_full: 0, drop_l2tp_clear: 0 };
  assert.deepEqual(told.before, none);
  assert.equal(told.after.drop_tun_queue_full, 500, 'a queue of 1000 got 1500');
  assert.ok(told.after.drop_socket_full > 50 && told.after.drop_socket_full < 100, JSON.stringify(told.after));
  assert.deepEqual(told.unknown, none);
});
