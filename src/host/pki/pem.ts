/** Writes PEM, RFC 7468. */
import type { Bytes } from '../../core/bytes/bytes.ts';

export function encodePem(label: string, der: Bytes): string {
  const lines =
    Buffer.from(der)
      .toString('base64')
      .match(/.{1,64}/g) ?? [];
  return [`-----BEGIN ${label}-----`, ...lines, `-----END ${label}-----`, ''].join('\n');
}
