/** Our inbound SPIs, RFC 4303 section 2.1. */
import { readU32 } from '../bytes/bytes.ts';
import type { CryptoProvider } from '../crypto/provider.ts';
import { MIN_SPI } from '../ikev1/phase2-proposal.ts';

/** Random, none of the reserved ones, and none for which `isTaken` is true. */
export function newSpi(crypto: CryptoProvider, isTaken: (spi: number) => boolean): number {
  for (;;) {
    const spi = readU32(crypto.random(4));
    if (spi >= MIN_SPI && !isTaken(spi)) return spi;
  }
}
