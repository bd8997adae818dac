/** `npm run demo` tells the story that it is there to tell. */
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { it } from 'node:test';
import { lacking } from '../lab/requirements.ts';
import { run } from '../lab/run.ts';

const root = join(import.meta.dirname, '../..');

it('the demo: the client finds the one carrier that passes; three Vistas behind one NAT get in', {
  skip: lacking(),
  timeout: 900_000,
}, async () => {
  const { status, stdout, stderr } = await run([join(root, 'tools/node'), join(root, 'demo/main.ts')], {
    timeout: 840_000,
  });
  assert.equal(status, 0, stdout + stderr);
  const [, nothing = '', one = '', auto = '', wrong = '', right = ''] = stdout.split(/^\d\. /m);
  assert.match(nothing, /no carrier gets through[\s\S]*NAT-T: needs UDP 4500/);
  assert.match(one, /^ +NAT-T +no /m);
  assert.match(one, /^ +native ESP +no +needs UDP 500 \(open\) and IP protocol 50 \(no answer\)$/m);
  assert.match(one, /^ +Cisco IPsec over UDP +yes .*3 of 3 pings/m);
  assert.match(one, /^ +Cisco IPsec over TCP +no /m);
  assert.match(auto, /Cisco IPsec over UDP, to 192\.0\.2\.1:10000/);
  assert.match(auto, /Blocked: NAT-T \(UDP 4500\)/);
  assert.match(auto, /3 of 3 pings/);
  assert.match(wrong, /The first +laptop is in.*3 of 3 pings/);
  for (const name of ['second', 'third'])
    assert.match(wrong, new RegExp(`The ${name} +laptop didn't get in: the gateway left quick mode unanswered`));
  assert.match(wrong, /quick mode 1 was another client's before/);
  for (const name of ['first', 'second', 'third'])
    assert.match(right, new RegExp(`The ${name} +laptop is in.*3 of 3 pings`));
  assert.equal(right.match(/ 198\.51\.100\.2:\d+ +l2tp nat-t$/gm)?.length, 3);
});
