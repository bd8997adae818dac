/** IP addresses, endpoints and prefixes, of both families. */
import { type Bytes, bytesEqual, readU16, readU32 } from '../bytes/bytes.ts';

/** 4 or 16 bytes in network order; immutable by convention. */
export interface IpAddress {
  readonly bytes: Bytes;
  /** Canonical text, RFC 5952; fit as a map key. */
  readonly text: string;
}

/** A UDP or TCP endpoint; for raw ESP the port is 0. */
export interface Endpoint {
  readonly address: IpAddress;
  readonly port: number;
}

export interface Prefix {
  /** The network address: host bits are zero. */
  readonly address: IpAddress;
  /** 0-32 or 0-128 */
  readonly length: number;
}

/** Our own limit on the IPv4 addresses remembered. */
export const MAX_REMEMBERED = 4096;
/** A session keeps several of few different addresses: equal ones are the same object. */
const remembered = new Map<number, IpAddress>();

export function ipFromBytes(bytes: Bytes): IpAddress {
  if (bytes.length === 16) return { bytes: bytes.slice(), text: formatIpv6(bytes) };
  if (bytes.length !== 4) throw new RangeError(`an address has 4 or 16 bytes, not ${bytes.length}`);
  const number = readU32(bytes);
  const known = remembered.get(number);
  if (known) return known;
  if (remembered.size >= MAX_REMEMBERED) remembered.clear();
  const address = { bytes: bytes.slice(), text: bytes.join('.') };
  remembered.set(number, address);
  return address;
}

/** The address in `text`, or undefined when it is none. IPv4 in IPv6 ("::ffff:192.0.2.1") stays IPv6. */
export function parseIp(text: string): IpAddress | undefined {
  const bytes = text.includes(':') ? parseIpv6(text) : parseIpv4(text);
  return bytes && ipFromBytes(bytes);
}

/** "10.1.0.0/24", or a lone address as its /32 or /128; undefined when malformed or when host bits are set. */
export function parsePrefix(text: string): Prefix | undefined {
  const [host = '', bits, extra] = text.split('/');
  const address = parseIp(host);
  if (!address || extra !== undefined) return undefined;
  const width = address.bytes.length * 8;
  if (bits !== undefined && !/^(0|[1-9]\d{0,2})$/.test(bits)) return undefined;
  const length = bits === undefined ? width : Number(bits);
  if (length > width) return undefined;
  const prefix = prefixOf(address, length);
  return prefix.address.text === address.text ? prefix : undefined;
}

/** The network of `length` bits around `address`. */
export function prefixOf(address: IpAddress, length: number): Prefix {
  if (length === address.bytes.length * 8) return { address, length };
  const mask = prefixMask(length, address.bytes.length);
  return { address: ipFromBytes(address.bytes.map((byte, i) => byte & mask[i]!)), length };
}

export function formatPrefix(prefix: Prefix): string {
  return `${prefix.address.text}/${prefix.length}`;
}

export function prefixContains(prefix: Prefix, address: IpAddress): boolean {
  if (prefix.address.bytes.length !== address.bytes.length) return false;
  return bytesEqual(prefixOf(address, prefix.length).address.bytes, prefix.address.bytes);
}

export function prefixCovers(outer: Prefix, inner: Prefix): boolean {
  return inner.length >= outer.length && prefixContains(outer, inner.address);
}

/** The netmask of a prefix, for example ffffff00 for length 24 and 4 bytes. */
export function prefixMask(length: number, bytes: number): Uint8Array<ArrayBuffer> {
  return Uint8Array.from({ length: bytes }, (_, i) => (0xff00 >> Math.min(8, Math.max(0, length - 8 * i))) & 0xff);
}

export function formatEndpoint(endpoint: Endpoint): string {
  const { text, bytes } = endpoint.address;
  return `${bytes.length === 16 ? `[${text}]` : text}:${endpoint.port}`;
}

export function sameEndpoint(a: Endpoint, b: Endpoint): boolean {
  return a.port === b.port && a.address.text === b.address.text;
}

function parseIpv4(text: string): Bytes | undefined {
  const parts = text.split('.');
  if (parts.length !== 4 || !parts.every((part) => /^(0|[1-9]\d{0,2})$/.test(part) && Number(part) <= 255))
    return undefined;
  return Uint8Array.from(parts, Number);
}

function parseIpv6(text: string): Bytes | undefined {
  const halves = text.split('::');
  if (halves.length > 2) return undefined;
  const [head, tail] = halves.map((half, i) => parseGroups(half, i === halves.length - 1));
  if (!head) return undefined;
  if (halves.length === 1) return head.length === 16 ? Uint8Array.from(head) : undefined;
  if (!tail || head.length + tail.length > 14) return undefined;
  return Uint8Array.from([...head, ...new Array<number>(16 - head.length - tail.length).fill(0), ...tail]);
}

function parseGroups(text: string, mayEndInIpv4: boolean): number[] | undefined {
  if (text === '') return [];
  const bytes: number[] = [];
  const groups = text.split(':');
  for (const [i, group] of groups.entries()) {
    if (mayEndInIpv4 && i === groups.length - 1 && group.includes('.')) {
      const v4 = parseIpv4(group);
      if (!v4) return undefined;
      bytes.push(...v4);
    } else {
      if (!/^[0-9a-f]{1,4}$/i.test(group)) return undefined;
      const value = Number.parseInt(group, 16);
      bytes.push(value >> 8, value & 255);
    }
  }
  return bytes;
}

/** RFC 5952: lower case, the longest run of two or more zero groups (the first of equals) as "::". */
function formatIpv6(bytes: Bytes): string {
  const groups = Array.from({ length: 8 }, (_, i) => readU16(bytes, 2 * i).toString(16));
  let start = 0;
  let longest = 1;
  for (let i = 0; i < 8; i++) {
    let run = 0;
    while (groups[i + run] === '0') run++;
    if (run > longest) {
      start = i;
      longest = run;
    }
  }
  if (longest === 1) return groups.join(':');
  return `${groups.slice(0, start).join(':')}::${groups.slice(start + longest).join(':')}`;
}
