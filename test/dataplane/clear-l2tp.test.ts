/** L2TP outside of IPsec is nobody's, and is counted. */
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test } from 'node:test';
import { Netns } from '../lab/netns.ts';
import { lacking } from '../lab/requirements.ts';

test('what comes to UDP 1701 in clear is dropped and counted, over IPv4 and IPv6', { skip: lacking() }, async (t) => {
  const netns = await Netns.create('clear');
  t.after(() => netns.remove());
  const stdout = await netns.must([process.execPath, join(import.meta.dirname, 'lab/clear-l2tp.ts')]);
  assert.deepEqual(JSON.parse(stdout), {
    sockets: 2,
    before: 0,
    after: 7,
    // where another program has the port, its packets are not ours to count
    second: 0,
    taken: 0,
    beside: 1,
  });
});
