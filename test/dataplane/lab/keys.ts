/** Fixed keys for lab tunnels: both ends know them, nobody negotiates. */
import type { EspSuite } from '../../../src/core/crypto/algorithms.ts';
import type { EspKeys } from '../../../src/core/esp/sa.ts';
import { keymatLength, splitKeymat } from '../../../src/core/esp/suites.ts';

/** @param side who sends: 0 or 1 */
export function spiOf(session: number, side: number): number {
  return 0xc0de0000 + session * 2 + side;
}

export function keysOf(suite: EspSuite, session: number, side: number): EspKeys {
  const seed = session * 2 + side;
  return splitKeymat(
    suite,
    Uint8Array.from({ length: keymatLength(suite) }, (_, i) => (i * 7 + seed * 31 + 1) & 255),
  );
}
