/** `npm run demo` tells the story that it is there to tell. */
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { it } from 'node:test';
import { lacking } from '../lab/requirements.ts';
import { run } from '../lab/run.ts';

const root = join(import.meta.dirname, '../..');

it('the demo: one carrier of four passes, and the client finds it', { skip: lacking(), timeout: 180_000 }, async () => {
  const { status, stdout, stderr } = await run([join(root, 'tools/node'), join(root, 'demo/main.ts')], {
    timeout: 150_000,
  });
  assert.equal(status, 0, stdout + stderr);
  const [, nothing = '', one = '', auto = ''] = stdout.split(/^\d\. /m);
  assert.match(nothing, /no carrier gets through[\s\S]*NAT-T: needs UDP 4500/);
  assert.match(one, /^ +NAT-T +no /m);
  assert.match(one, /^ +native ESP +no +needs UDP 500 \(open\) and IP protocol 50 \(no answer\)$/m);
  assert.match(one, /^ +Cisco IPsec over UDP +yes .*3 of 3 pings/m);
  assert.match(one, /^ +Cisco IPsec over TCP +no /m);
  assert.match(auto, /Cisco IPsec over UDP, to 192\.0\.2\.1:10000/);
  assert.match(auto, /Blocked: NAT-T \(UDP 4500\)/);
  assert.match(auto, /3 of 3 pings/);
});
