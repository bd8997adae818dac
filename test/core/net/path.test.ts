/** Paths: what makes two the same. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseIp } from '../../../src/core/net/address.ts';
import { type Path, samePath } from '../../../src/core/net/path.ts';

const at = (text: string, port: number) => ({ address: parseIp(text)!, port });
const path: Path<string> = { carrier: 'nat-t', local: at('203.0.113.1', 4500), remote: at('198.51.100.7', 31_007) };

test('carrier, both addresses and both ports tell paths apart', () => {
  assert.ok(samePath(path, { ...path, remote: at('198.51.100.7', 31_007) }));
  for (const other of [
    { ...path, carrier: 'udp' },
    { ...path, local: at('203.0.113.1', 500) },
    { ...path, local: at('203.0.113.2', 4500) },
    { ...path, remote: at('198.51.100.7', 31_008) },
    { ...path, remote: at('198.51.100.8', 31_007) },
  ])
    assert.ok(!samePath(path, other));
});
