import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { concat, u32 } from '../../../../src/core/bytes/bytes.ts';
import { Stage } from '../stage.ts';

const SPI = u32(0x1234_5678);

/** ESP in UDP from the gateway; of `length` bytes, of which the numbers after the first are on the wire too. */
function flow(steps: readonly number[], length: number) {
  const stage = new Stage();
  for (const sequence of steps) stage.down(concat(SPI, u32(sequence), new Uint8Array(length - 8)), 4500);
  return stage.observer.finish().findings.map(({ rule, severity }) => `${rule} ${severity}`);
}

const every = (step: number) => Array.from({ length: 200 }, (_, i) => 1 + i * step);

describe('loss', () => {
  it('is told where numbers are missing', () => {
    assert.ok(flow(every(2), 1400).includes('loss warning'));
  });

  it('is not told where packets were joined on the host of the capture', () => {
    assert.deepEqual(flow(every(3), 4200), []);
  });

  it('is not told where all came', () => {
    assert.deepEqual(flow(every(1), 1400), []);
  });
});
