/** Checks of single values in the field's own units: addresses, prefixes, ports, durations, names. */
import {
  type Endpoint,
  formatPrefix,
  type IpAddress,
  type Prefix,
  parseIp,
  parsePrefix,
  prefixOf,
} from '../core/net/address.ts';
import { type Check, integer, scalar, text } from './checks.ts';

export const ipAddress: Check<IpAddress> = scalar(
  'an IP address',
  (value) => (typeof value === 'string' ? parseIp(value) : undefined),
  (value) => (/^(\d+(\.\d+){3}|\[.*\]):\d+$/.test(String(value)) ? "without a port; 'ports' sets those" : undefined),
);

export const ipv4Address: Check<IpAddress> = scalar('an IPv4 address', (value) => {
  const address = typeof value === 'string' ? parseIp(value) : undefined;
  return address?.bytes.length === 4 ? address : undefined;
});

/** Inner traffic is IPv4: Cisco-style clients are given no other address. */
export const ipv4Prefix: Check<Prefix> = scalar(
  'an IPv4 network such as 10.1.0.0/24',
  (value) => {
    const prefix = typeof value === 'string' && !lacksLength(value) ? parsePrefix(value) : undefined;
    return prefix?.address.bytes.length === 4 ? prefix : undefined;
  },
  (value) => {
    const network = typeof value === 'string' ? networkAround(value) : undefined;
    return network && `did you mean ${network}?`;
  },
);

export const port = integer(1, 65535);

/** What others on the network can't reach, since it is given to whoever asks. */
export const loopbackEndpoint: Check<Endpoint> = scalar(
  'a loopback address with a port, such as 127.0.0.1:9464 or "[::1]:9464"',
  (value) => {
    const [, v6, v4, digits] = /^(?:\[([0-9a-f:]+)\]|(127(?:\.\d{1,3}){3})):(\d{1,5})$/i.exec(String(value)) ?? [];
    const address = parseIp(v6 ?? v4 ?? '');
    const number = Number(digits);
    const isLoopback = address !== undefined && (v6 === undefined || address.text === '::1');
    return isLoopback && number >= 1 && number <= 65535 ? { address, port: number } : undefined;
  },
);

/** Seconds, as a number or with a unit: 90, "90s", "15m", "8h", "1d". */
export function duration(minSeconds: number, maxSeconds: number): Check<number> {
  const what = `a duration such as 45s, 15m or 8h, from ${minSeconds} to ${maxSeconds} seconds`;
  const parse = (value: unknown) => {
    const seconds = typeof value === 'string' ? parseDuration(value) : value;
    const fits =
      typeof seconds === 'number' && Number.isInteger(seconds) && seconds >= minSeconds && seconds <= maxSeconds;
    return fits ? seconds : undefined;
  };
  return scalar(what, parse, (value) => {
    const [, count, unit] = /^(\d{1,9}) *([smhd])[a-z]*$/i.exec(String(value)) ?? [];
    const short = count && unit && `${count}${unit.toLowerCase()}`;
    return short && parse(short) ? `did you mean ${short}?` : undefined;
  });
}

export const path = text('a path', (value) => value !== '' && !value.includes('\0'));

/** Linux takes 15 bytes; ours also names an nftables table. */
export const INTERFACE_NAME = 'an interface name of at most 15 letters, digits, dots, dashes and underscores';
export const interfaceName = text(INTERFACE_NAME, (value) => isInterfaceName(value));

export function isInterfaceName(value: string): boolean {
  return /^[A-Za-z_][\w.-]{0,14}$/.test(value);
}

export const domainName = text('a domain name', (value) => value.length <= 253 && /^[\w-]+(\.[\w-]+)*\.?$/.test(value));

/** A name that a resolver can be asked for, or an address of either family. */
export function isHostName(value: string): boolean {
  return parseIp(value) !== undefined || (value.length <= 253 && /^[A-Za-z0-9_]([\w-]*)(\.[\w-]+)*\.?$/.test(value));
}

export const hostName = text('a host name or an IP address', (value) => isHostName(value));

/** What a person types and an attribute carries: names of groups, users, domains. */
export function isPlainText(value: string): boolean {
  return Buffer.byteLength(value) <= 255 && /^[^\p{Cc}]+$/u.test(value);
}

export const plainText = text('a text of 1 to 255 bytes without control characters', (value) => isPlainText(value));

/** One attribute of Mode-Config; clients show no more than a few hundred bytes. */
export const bannerText = text('a text of 1 to 1000 bytes', (value) => {
  const length = Buffer.byteLength(value);
  return length > 0 && length <= 1000;
});

/** Longer ones don't fit where clients let them be typed. */
export const MAX_PSK_BYTES = 256;
export const psk = text(`a text of 1 to ${MAX_PSK_BYTES} bytes`, (value) => isPsk(value));

export function isPsk(value: string): boolean {
  return value !== '' && Buffer.byteLength(value) <= MAX_PSK_BYTES;
}

export const userName = text('a user name: 1 to 64 visible characters without spaces', (value) => isUserName(value));

/** Letters, digits, marks, punctuation and symbols of any script; no spaces, no control or format characters. */
export function isUserName(name: string): boolean {
  return /^[\p{L}\p{N}\p{M}\p{P}\p{S}]{1,64}$/u.test(name);
}

/** What is wrong with a group's name, if anything. */
export function wrongGroupName(name: string): string | undefined {
  const length = Buffer.byteLength(name);
  return length < 1 || length > 255 ? 'a group name has 1 to 255 bytes' : undefined;
}

const UNITS: Readonly<Record<string, number>> = { s: 1, m: 60, h: 3600, d: 86400 };

function parseDuration(value: string): number | undefined {
  const [, count, unit] = /^(\d{1,9})([smhd])$/.exec(value) ?? [];
  return count && unit ? Number(count) * UNITS[unit]! : undefined;
}

/** "10.1.0.0" is hardly meant as a single address; whoever does mean it writes "10.1.0.0/32". */
function lacksLength(value: string): boolean {
  return /^\d+\.\d+\.\d+\.0$/.test(value);
}

/** "10.1.0.0/24" for "10.1.0.5/24", "10.1.0.0/16" for "10.1.0.0": host bits and no length are the usual mistakes. */
function networkAround(value: string): string | undefined {
  const zeros = lacksLength(value) ? /(\.0)*$/.exec(value)![0].length / 2 : 0;
  const guess = value === '0.0.0.0' ? 0 : 32 - 8 * zeros;
  const [host = '', bits = String(guess)] = value.split('/');
  const address = parseIp(host);
  if (address?.bytes.length !== 4 || !/^\d{1,2}$/.test(bits) || Number(bits) > 32) return undefined;
  return formatPrefix(prefixOf(address, Number(bits)));
}
