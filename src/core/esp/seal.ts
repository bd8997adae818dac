/** Seals ESP packets, RFC 4303 section 3.3: the readable reference for the dataplane's fast path. */
import { type Bytes, concat, u32 } from '../bytes/bytes.ts';
import type { CryptoProvider } from '../crypto/provider.ts';
import { alignment, ESP_TRAILER_LENGTH, type EspContext, gcmNonce, hmacIcv, ivLength, padding } from './packet.ts';

/**
 * The whole packet, SPI to ICV.
 *
 * @param sequence 1 to 2^32-1
 * @param iv with CBC unpredictable, with GCM never used before under this key
 * @param nextHeader IP protocol of the payload: 4 or 41 in tunnel mode
 */
export function sealEsp(
  crypto: CryptoProvider,
  sa: EspContext,
  sequence: number,
  iv: Bytes,
  payload: Bytes,
  nextHeader: number,
): Uint8Array {
  if (!(sequence >= 1 && sequence <= 0xffffffff)) throw new RangeError(`ESP sequence number ${sequence}`);
  if (iv.length !== ivLength(sa.suite)) throw new RangeError(`ESP IV of ${iv.length} bytes`);
  const header = concat(u32(sa.spi), u32(sequence));
  const plaintext = concat(payload, trailer(payload.length, alignment(sa.suite), nextHeader));
  const { cipher } = sa.suite;
  if (cipher === 'aes-gcm') {
    return concat(header, iv, crypto.gcmSeal(sa.keys.encryption, gcmNonce(sa, iv), header, plaintext));
  }
  const authenticated = concat(header, iv, crypto.cbcEncrypt(cipher, sa.keys.encryption, iv, plaintext));
  return concat(authenticated, hmacIcv(crypto, sa, authenticated));
}

/** Padding, pad length, next header. */
function trailer(payloadLength: number, alignTo: number, nextHeader: number): Bytes {
  const over = (payloadLength + ESP_TRAILER_LENGTH) % alignTo;
  const pad = padding(over === 0 ? 0 : alignTo - over);
  return concat(pad, Uint8Array.of(pad.length, nextHeader));
}
