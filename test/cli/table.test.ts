import assert from 'node:assert/strict';
import { test } from 'node:test';
import { alignTable, formatAge, formatBytes } from '../../src/cli/table.ts';

test('bytes in units of a thousand', () => {
  const cases: [number, string][] = [
    [0, '0 B'],
    [999, '999 B'],
    [1000, '1.0 kB'],
    [1449, '1.4 kB'],
    [23_456, '23 kB'],
    [999_999, '999 kB'],
    [1e6, '1.0 MB'],
    [7.5e12, '7.5 TB'],
    [2e18, '2000 PB'],
  ];
  for (const [bytes, text] of cases) assert.equal(formatBytes(bytes), text);
});

test('ages in the two largest units', () => {
  const ago = (seconds: number) => formatAge(new Date(1e12 - seconds * 1000).toISOString(), 1e12);
  assert.deepEqual([0, 59, 60, 3599, 3600, 11_460, 86_400, 187_200, -5].map(ago), [
    '0s',
    '59s',
    '1m',
    '59m',
    '1h0m',
    '3h11m',
    '1d0h',
    '2d4h',
    '0s',
  ]);
});

test('columns are as wide as their widest cell', () => {
  assert.equal(
    alignTable([
      ['A', 'LONG', 'C'],
      ['wide', 'x', ''],
      ['1', '2', '3'],
    ]),
    'A     LONG  C\nwide  x\n1     2     3',
  );
});
