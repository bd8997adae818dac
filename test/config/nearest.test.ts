import assert from 'node:assert/strict';
import { test } from 'node:test';
import { editDistance, nearest } from '../../src/config/nearest.ts';

test('edits are insertions, deletions, substitutions and swaps of neighbours', () => {
  assert.equal(editDistance('psk', 'psk'), 0);
  assert.equal(editDistance('pks', 'psk'), 1);
  assert.equal(editDistance('', 'abc'), 3);
  assert.equal(editDistance('kitten', 'sitting'), 3);
});

test('the nearest key is near, or there is none', () => {
  const keys = ['pool', 'psk', 'psk_file', 'max_sessions', 'nat-t'];
  assert.equal(nearest('maxsessions', keys), 'max_sessions');
  assert.equal(nearest('NAT_T', keys), 'nat-t');
  assert.equal(nearest('pskfile', keys), 'psk_file');
  assert.equal(nearest('unrelated', keys), undefined);
  assert.equal(nearest('x'.repeat(1000), keys), undefined);
});
