/** Opens ESP packets, RFC 4303 section 3.4: the readable reference for the dataplane's fast path. */
import { type Bytes, bytesEqual, constantTimeEqual, readU32 } from '../bytes/bytes.ts';
import type { EspSuite } from '../crypto/algorithms.ts';
import type { CryptoProvider } from '../crypto/provider.ts';
import {
  alignment,
  ESP_HEADER_LENGTH,
  ESP_TRAILER_LENGTH,
  type EspContext,
  gcmNonce,
  hmacIcv,
  icvLength,
  ivLength,
  padding,
  SEQUENCE_OFFSET,
} from './packet.ts';
import type { ReplayWindow } from './replay.ts';

type OpenedEsp =
  | { readonly ok: true; readonly sequence: number; readonly nextHeader: number; readonly payload: Bytes }
  | { readonly ok: false; readonly reason: EspDrop };

/**
 * Why a packet is dropped, in the order of the checks:
 * - `length`: too short for its suite, or its ciphertext isn't whole blocks (4 bytes with GCM)
 * - `replay`: sequence 0, seen before, or older than the window
 * - `authentication`: ICV or tag is wrong
 * - `padding`: authentic, but pad length exceeds what is there, or the padding isn't 1, 2, 3 ...
 */
type EspDrop = 'length' | 'replay' | 'authentication' | 'padding';

/** `packet` is SPI to ICV. The SPI led here and is authenticated with the rest, so it isn't compared again. */
export function openEsp(crypto: CryptoProvider, sa: EspContext, window: ReplayWindow, packet: Bytes): OpenedEsp {
  if (!isWhole(sa.suite, packet.length)) return { ok: false, reason: 'length' };
  const sequence = readU32(packet, SEQUENCE_OFFSET);
  if (!window.accepts(sequence)) return { ok: false, reason: 'replay' };
  const plaintext = decrypt(crypto, sa, packet);
  if (!plaintext) return { ok: false, reason: 'authentication' };
  const content = withoutTrailer(plaintext);
  if (!content) return { ok: false, reason: 'padding' };
  window.record(sequence);
  return { ok: true, sequence, ...content };
}

function isWhole(suite: EspSuite, packetLength: number): boolean {
  const ciphertextLength = packetLength - ESP_HEADER_LENGTH - ivLength(suite) - icvLength(suite);
  return ciphertextLength > 0 && ciphertextLength % alignment(suite) === 0;
}

/** Undefined when the packet isn't authentic. */
function decrypt(crypto: CryptoProvider, sa: EspContext, packet: Bytes): Bytes | undefined {
  const { cipher } = sa.suite;
  const { encryption } = sa.keys;
  const ciphertextAt = ESP_HEADER_LENGTH + ivLength(sa.suite);
  const icvAt = packet.length - icvLength(sa.suite);
  const header = packet.subarray(0, ESP_HEADER_LENGTH);
  const iv = packet.subarray(ESP_HEADER_LENGTH, ciphertextAt);
  if (cipher === 'aes-gcm') return crypto.gcmOpen(encryption, gcmNonce(sa, iv), header, packet.subarray(ciphertextAt));
  const icv = hmacIcv(crypto, sa, packet.subarray(0, icvAt));
  if (!constantTimeEqual(icv, packet.subarray(icvAt))) return undefined;
  return crypto.cbcDecrypt(cipher, encryption, iv, packet.subarray(ciphertextAt, icvAt));
}

/** Undefined when the padding is wrong. */
function withoutTrailer(plaintext: Bytes): { nextHeader: number; payload: Bytes } | undefined {
  const trailerAt = plaintext.length - ESP_TRAILER_LENGTH;
  const padLength = plaintext[trailerAt]!;
  const padAt = trailerAt - padLength;
  if (padAt < 0) return undefined;
  if (!bytesEqual(plaintext.subarray(padAt, trailerAt), padding(padLength))) return undefined;
  return { nextHeader: plaintext[trailerAt + 1]!, payload: plaintext.slice(0, padAt) };
}
