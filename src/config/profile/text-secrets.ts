/** Passwords in profiles that other programs wrote: plain, or as Cisco's client hides them. */
import type { Bytes } from '../../core/bytes/bytes.ts';
import type { CryptoProvider } from '../../core/crypto/provider.ts';
import type { Report } from '../report.ts';
import { MAX_PSK_BYTES } from '../values.ts';
import { revealSecret } from './cisco-secret.ts';
import { decodeText } from './text-file.ts';
import type { TextValue } from './text-keys.ts';

/** The hidden one counts: Cisco's client writes it and empties the other. */
export function textSecret(
  plain: TextValue<string> | undefined,
  hidden: TextValue<string> | undefined,
  bytesOf: (part: string) => Bytes,
  crypto: CryptoProvider,
  report: Report,
): Bytes | undefined {
  if (!hidden) return plain && bytesOf(plain.value);
  const secret = revealSecret(hidden.value, crypto);
  if (!secret) return report.error(hidden.at, 'is cut or changed: its checksum is wrong', 'copy it anew, all of it');
  if (secret.length < 1 || secret.length > MAX_PSK_BYTES) {
    return report.error(hidden.at, `must hide 1 to ${MAX_PSK_BYTES} bytes`);
  }
  return secret;
}

/** A password that is sent as text. */
export function secretAsText(secret: Bytes | undefined): string | undefined {
  return secret && decodeText(secret).text;
}
