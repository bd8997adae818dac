/**
 * IP headers of both families, RFC 791 section 3.1 and RFC 8200 section 3, read in place and as far as whoever looks on
 * from outside needs them: who, whom, what is in it, and whether it is a fragment. Checksums aren't looked at: where the
 * sender captured, the network card fills them in later.
 */
import { type Bytes, readU32 } from '../bytes/bytes.ts';

export const IpProtocol = {
  HOP_BY_HOP: 0,
  ICMP: 1,
  TCP: 6,
  UDP: 17,
  ROUTING: 43,
  FRAGMENT: 44,
  ESP: 50,
  AH: 51,
  ICMP6: 58,
  NO_NEXT_HEADER: 59,
  DESTINATION_OPTIONS: 60,
  MOBILITY: 135,
  HIP: 139,
  SHIM6: 140,
} as const;

export const IPV4_HEADER_LENGTH = 20;
export const IPV6_HEADER_LENGTH = 40;
/** Of what can be put together from fragments: lengths have 16 bits. */
export const MAX_DATAGRAM = 65_535;

const FRAGMENT_HEADER_LENGTH = 8;

/** What a header says; one object may serve for all. */
export interface IpHead {
  /** Bytes of an address: 4 or 16. */
  addressLength: number;
  /** Offset of the source; the destination follows it. */
  addresses: number;
  /** Of what is at `payload`: behind all extension headers, or of a fragment's content. */
  protocol: number;
  payload: number;
  /** As the header has it: may reach beyond what was captured. */
  payloadLength: number;
  isFragment: boolean;
  /** The next three count only for fragments. In bytes. */
  fragmentOffset: number;
  moreFragments: boolean;
  identification: number;
}

export function emptyIpHead(): IpHead {
  return {
    addressLength: 4,
    addresses: 0,
    protocol: 0,
    payload: 0,
    payloadLength: 0,
    isFragment: false,
    fragmentOffset: 0,
    moreFragments: false,
    identification: 0,
  };
}

/**
 * Reads the header at `at`; false when it isn't one, or not all of it lies before `end`.
 * @param wireEnd where the frame ended on the wire: it counts where the header has no length, as before segmentation offload
 */
export function readIp(bytes: Bytes, at: number, end: number, wireEnd: number, into: IpHead): boolean {
  return at < end && bytes[at]! >>> 4 === 4
    ? readIpv4(bytes, at, end, wireEnd, into)
    : readIpv6(bytes, at, end, wireEnd, into);
}

/** Goes on behind the extension headers of IPv6 from `into.payload`, where `into.protocol` is; false when they are cut. */
export function passExtensions(bytes: Bytes, end: number, into: IpHead): boolean {
  for (;;) {
    switch (into.protocol) {
      case IpProtocol.HOP_BY_HOP:
      case IpProtocol.ROUTING:
      case IpProtocol.DESTINATION_OPTIONS:
      case IpProtocol.MOBILITY:
      case IpProtocol.HIP:
      case IpProtocol.SHIM6: {
        const at = into.payload;
        if (at + 2 > end || !pass(bytes[at]!, (bytes[at + 1]! + 1) * 8, end, into)) return false;
        break;
      }
      case IpProtocol.FRAGMENT:
        if (!readFragmentHeader(bytes, end, into)) return false;
        if (into.isFragment) return true;
        break;
      default:
        return true;
    }
  }
}

function readIpv4(bytes: Bytes, at: number, end: number, wireEnd: number, into: IpHead): boolean {
  const header = (bytes[at]! & 15) << 2;
  if (header < IPV4_HEADER_LENGTH || at + header > end) return false;
  const total = (bytes[at + 2]! << 8) | bytes[at + 3]! || wireEnd - at;
  if (total < header) return false;
  const fragment = (bytes[at + 6]! << 8) | bytes[at + 7]!;
  into.addressLength = 4;
  into.addresses = at + 12;
  into.protocol = bytes[at + 9]!;
  into.payload = at + header;
  into.payloadLength = total - header;
  into.isFragment = (fragment & 0x3fff) !== 0;
  if (into.isFragment) {
    into.fragmentOffset = (fragment & 0x1fff) << 3;
    into.moreFragments = (fragment & 0x2000) !== 0;
    into.identification = (bytes[at + 4]! << 8) | bytes[at + 5]!;
  }
  return true;
}

function readIpv6(bytes: Bytes, at: number, end: number, wireEnd: number, into: IpHead): boolean {
  if (at + IPV6_HEADER_LENGTH > end || bytes[at]! >>> 4 !== 6) return false;
  into.addressLength = 16;
  into.addresses = at + 8;
  into.protocol = bytes[at + 6]!;
  into.payload = at + IPV6_HEADER_LENGTH;
  into.payloadLength = (bytes[at + 4]! << 8) | bytes[at + 5]! || Math.max(0, wireEnd - into.payload);
  into.isFragment = false;
  return passExtensions(bytes, end, into);
}

/** RFC 8200 section 4.5. One with neither offset nor more to come is whole (RFC 6946). */
function readFragmentHeader(bytes: Bytes, end: number, into: IpHead): boolean {
  const at = into.payload;
  if (at + FRAGMENT_HEADER_LENGTH > end) return false;
  const fragment = (bytes[at + 2]! << 8) | bytes[at + 3]!;
  into.fragmentOffset = fragment & 0xfff8;
  into.moreFragments = (fragment & 1) !== 0;
  into.isFragment = into.fragmentOffset > 0 || into.moreFragments;
  into.identification = readU32(bytes, at + 4);
  return pass(bytes[at]!, FRAGMENT_HEADER_LENGTH, end, into);
}

function pass(next: number, length: number, end: number, into: IpHead): boolean {
  if (into.payload + length > end || length > into.payloadLength) return false;
  into.protocol = next;
  into.payload += length;
  into.payloadLength -= length;
  return true;
}
