/** Every ESP suite, with keys that differ in each byte. */
import type { EspSuite, HashName } from '../../../src/core/crypto/algorithms.ts';
import type { EspContext } from '../../../src/core/esp/packet.ts';
import { keymatLength, splitKeymat } from '../../../src/core/esp/suites.ts';

const HASHES: readonly HashName[] = ['md5', 'sha1', 'sha256', 'sha384', 'sha512'];
const AES_BITS = [128, 192, 256];

export const ALL_SUITES: readonly EspSuite[] = [
  ...AES_BITS.map((keyBits) => ({ cipher: 'aes-gcm', keyBits }) as const),
  ...HASHES.flatMap((integrity) => [
    ...AES_BITS.map((keyBits) => ({ cipher: 'aes-cbc', keyBits, integrity }) as const),
    { cipher: '3des-cbc', keyBits: 192, integrity } as const,
  ]),
];

export function exampleSa(suite: EspSuite): EspContext {
  const keymat = Uint8Array.from({ length: keymatLength(suite) }, (_, i) => i * 7 + 1);
  return { spi: 0xc0ffee01, suite, keys: splitKeymat(suite, keymat) };
}
