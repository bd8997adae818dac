/**
 * Where IP begins in a frame, for the link layers that captures of VPNs have. Numbers are tcpdump's LINKTYPE_ registry's,
 * https://www.tcpdump.org/linktypes.html. Read in place: most frames of a capture are looked at here and no further.
 */
import type { Bytes } from '../bytes/bytes.ts';

export const LinkType = {
  NULL: 0,
  ETHERNET: 1,
  /** DLT_RAW, which is another number on OpenBSD; files have both for what the registry calls RAW. */
  RAW_BSD: 12,
  RAW_OPENBSD: 14,
  RAW: 101,
  LOOP: 108,
  LINUX_SLL: 113,
  IPV4: 228,
  IPV6: 229,
  LINUX_SLL2: 276,
} as const;

const EtherType = {
  IPV4: 0x0800,
  /** 802.1Q */
  VLAN: 0x8100,
  /** 802.1ad, "QinQ" */
  SERVICE_VLAN: 0x88a8,
  /** What QinQ was before its standard. */
  OLD_SERVICE_VLAN: 0x9100,
  IPV6: 0x86dd,
  PPPOE_SESSION: 0x8864,
} as const;

/** What {@link findIp} says instead of an offset. */
export const NOT_IP = -1;
export const UNKNOWN_LINK_TYPE = -2;

const ETHERTYPE_OFFSET = 12;
const ETHERNET_HEADER_LENGTH = 14;
const VLAN_TAG_LENGTH = 4;
/** RFC 2516 section 4, then the PPP protocol. */
const PPPOE_HEADER_LENGTH = 6;
const PPP_IPV4 = 0x0021;
const PPP_IPV6 = 0x0057;
const FAMILY_LENGTH = 4;
const SLL_PROTOCOL_OFFSET = 14;
const SLL_HEADER_LENGTH = 16;
const SLL2_HEADER_LENGTH = 20;

/** The offset of the IP header in the frame from `at` to `end`, {@link NOT_IP} or {@link UNKNOWN_LINK_TYPE}. */
export function findIp(linkType: number, bytes: Bytes, at: number, end: number): number {
  switch (linkType) {
    case LinkType.ETHERNET:
      return behindEtherType(bytes, at + ETHERTYPE_OFFSET, at + ETHERNET_HEADER_LENGTH, end);
    case LinkType.LINUX_SLL:
      return behindEtherType(bytes, at + SLL_PROTOCOL_OFFSET, at + SLL_HEADER_LENGTH, end);
    case LinkType.LINUX_SLL2:
      return behindEtherType(bytes, at, at + SLL2_HEADER_LENGTH, end);
    // The family is in the byte order of whoever captured, and IPv6 has another number on each system: IP says what it is.
    case LinkType.NULL:
    case LinkType.LOOP:
      return ipAt(bytes, at + FAMILY_LENGTH, end);
    case LinkType.RAW:
    case LinkType.RAW_BSD:
    case LinkType.RAW_OPENBSD:
    case LinkType.IPV4:
    case LinkType.IPV6:
      return ipAt(bytes, at, end);
    default:
      return UNKNOWN_LINK_TYPE;
  }
}

/** @param type where the EtherType is; after a VLAN's tag comes the next one */
function behindEtherType(bytes: Bytes, type: number, next: number, end: number): number {
  while (next <= end) {
    switch ((bytes[type]! << 8) | bytes[type + 1]!) {
      case EtherType.IPV4:
      case EtherType.IPV6:
        return ipAt(bytes, next, end);
      case EtherType.VLAN:
      case EtherType.SERVICE_VLAN:
      case EtherType.OLD_SERVICE_VLAN:
        type = next + 2;
        next += VLAN_TAG_LENGTH;
        break;
      case EtherType.PPPOE_SESSION:
        return behindPppoe(bytes, next, end);
      default:
        return NOT_IP;
    }
  }
  return NOT_IP;
}

function behindPppoe(bytes: Bytes, at: number, end: number): number {
  const ip = at + PPPOE_HEADER_LENGTH + 2;
  if (ip > end) return NOT_IP;
  const protocol = (bytes[ip - 2]! << 8) | bytes[ip - 1]!;
  return protocol === PPP_IPV4 || protocol === PPP_IPV6 ? ipAt(bytes, ip, end) : NOT_IP;
}

function ipAt(bytes: Bytes, at: number, end: number): number {
  if (at >= end) return NOT_IP;
  const version = bytes[at]! >>> 4;
  return version === 4 || version === 6 ? at : NOT_IP;
}
