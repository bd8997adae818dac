/** Traffic selectors as quick mode's ID payloads carry them, RFC 2407 section 4.6.2. */
import { type Bytes, concat } from '../bytes/bytes.ts';
import { formatPrefix, type IpAddress, ipFromBytes, type Prefix, prefixMask, prefixOf } from '../net/address.ts';
import { type Identification, IdType } from '../wire/ikev1.ts';

export interface Selector {
  readonly prefix: Prefix;
  /** IP protocol, 0: any. */
  readonly protocol: number;
  /** 0: any. */
  readonly port: number;
}

/** What an ID payload selects; undefined when it is no address, subnet or range that is a subnet. */
export function parseSelector({ type, protocol, port, data }: Identification): Selector | undefined {
  const prefix = parsePrefixOf(type, data);
  return prefix && { prefix, protocol, port };
}

/** A single address goes out as an address, anything wider as a subnet. */
export function encodeSelector({ prefix, protocol, port }: Selector): Identification {
  const { bytes } = prefix.address;
  const v4 = bytes.length === 4;
  if (prefix.length === bytes.length * 8) {
    return { type: v4 ? IdType.IPV4_ADDR : IdType.IPV6_ADDR, protocol, port, data: bytes };
  }
  const data = concat(bytes, prefixMask(prefix.length, bytes.length));
  return { type: v4 ? IdType.IPV4_ADDR_SUBNET : IdType.IPV6_ADDR_SUBNET, protocol, port, data };
}

export function hostSelector(address: IpAddress): Selector {
  return { prefix: prefixOf(address, address.bytes.length * 8), protocol: 0, port: 0 };
}

/** A host that names itself instead (ID_FQDN, as Windows XP does behind a NAT) is the one that is seen at `address`. */
export function parseNamedHost({ type, protocol, port }: Identification, address: IpAddress): Selector | undefined {
  return type === IdType.FQDN ? { ...hostSelector(address), protocol, port } : undefined;
}

export function formatSelector({ prefix, protocol, port }: Selector): string {
  return formatPrefix(prefix) + (protocol || port ? `[${protocol}/${port || 'any'}]` : '');
}

function parsePrefixOf(type: number, data: Bytes): Prefix | undefined {
  switch (type) {
    case IdType.IPV4_ADDR:
      return data.length === 4 ? prefixOf(ipFromBytes(data), 32) : undefined;
    case IdType.IPV6_ADDR:
      return data.length === 16 ? prefixOf(ipFromBytes(data), 128) : undefined;
    case IdType.IPV4_ADDR_SUBNET:
      return data.length === 8 ? fromMask(data.subarray(0, 4), data.subarray(4)) : undefined;
    case IdType.IPV6_ADDR_SUBNET:
      return data.length === 32 ? fromMask(data.subarray(0, 16), data.subarray(16)) : undefined;
    case IdType.IPV4_ADDR_RANGE:
      return data.length === 8 ? fromRange(data.subarray(0, 4), data.subarray(4)) : undefined;
    case IdType.IPV6_ADDR_RANGE:
      return data.length === 32 ? fromRange(data.subarray(0, 16), data.subarray(16)) : undefined;
    default:
      return undefined;
  }
}

function fromMask(address: Bytes, mask: Bytes): Prefix | undefined {
  const length = leadingOnes(mask);
  const contiguous = prefixMask(length, mask.length).every((byte, i) => byte === mask[i]);
  return contiguous ? prefixOf(ipFromBytes(address), length) : undefined;
}

/** First and last address of a whole subnet. */
function fromRange(first: Bytes, last: Bytes): Prefix | undefined {
  const mask = first.map((byte, i) => 255 - (byte ^ last[i]!));
  const prefix = fromMask(first, mask);
  return prefix?.address.bytes.every((byte, i) => byte === first[i]) ? prefix : undefined;
}

function leadingOnes(mask: Bytes): number {
  let length = 0;
  for (const byte of mask) {
    if (byte !== 255) return length + Math.clz32(~(byte << 24));
    length += 8;
  }
  return length;
}
