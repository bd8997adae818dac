/** Values that .pcf and vpnc's files share. */
import type { DhGroup } from '../../core/crypto/algorithms.ts';
import { formatPrefix, type Prefix, parseIp, prefixOf } from '../../core/net/address.ts';
import { isHostName, isPlainText, MAX_PSK_BYTES } from '../values.ts';
import { parsed, type TextCheck } from './text-keys.ts';

export const gatewayHost = parsed('a host name or an IP address', (value) => (isHostName(value) ? value : undefined));

export const plainText: TextCheck<string> = parsed('a text of 1 to 255 bytes without control characters', (value) =>
  isPlainText(value) ? value : undefined,
);

/** What XAUTH can carry, whatever the characters. */
export const secretText: TextCheck<string> = parsed(`a text of 1 to ${MAX_PSK_BYTES} bytes`, (value) =>
  value !== '' && Buffer.byteLength(value) <= MAX_PSK_BYTES ? value : undefined,
);

export const filePath: TextCheck<string> = parsed('a path', (value) =>
  value !== '' && !value.includes('\0') ? value : undefined,
);

/** Group 1 (768 bits) is broken, 17 and 18 nobody could wait for. */
export const DH_WORDS = { 2: 2, 5: 5, 14: 14, 15: 15, 16: 16, 19: 19, 20: 20 } as const satisfies Record<
  DhGroup,
  DhGroup
>;

/** "10.1.0.0/24" or "10.1.0.0/255.255.255.0". */
export function parseTextPrefix(value: string): Prefix | undefined {
  const [host = '', bits = '32', extra] = value.trim().split('/');
  const address = parseIp(host);
  const length = /^\d{1,2}$/.test(bits) ? Number(bits) : maskLength(bits);
  if (address?.bytes.length !== 4 || extra !== undefined || length === undefined || length > 32) return undefined;
  return prefixOf(address, length);
}

function maskLength(mask: string): number | undefined {
  const bytes = parseIp(mask)?.bytes;
  if (bytes?.length !== 4) return undefined;
  const bits = [...bytes].map((byte) => byte.toString(2).padStart(8, '0')).join('');
  return /^1*0*$/.test(bits) ? bits.replaceAll('0', '').length : undefined;
}

export function isEverything(prefix: Prefix): boolean {
  return formatPrefix(prefix) === '0.0.0.0/0';
}
