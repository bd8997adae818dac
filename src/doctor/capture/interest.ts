/**
 * Which packets a diagnosis wants to see: IPsec on any of its ways, and the network's complaints about it. All others of a
 * capture cost no more than this look.
 */
import type { Bytes } from '../../core/bytes/bytes.ts';
import { readU32 } from '../../core/bytes/bytes.ts';
import { CISCO_UDP_PORT, STANDARD_PORTS } from '../../core/openings/openings.ts';
import { emptyIpHead, type IpHead, IpProtocol, readIp } from '../../core/wire/ip.ts';
import { ISAKMP_HEADER_LENGTH } from '../../core/wire/isakmp.ts';
import { L2TP_PORT } from '../../core/wire/l2tp.ts';
import { UDP_HEADER_LENGTH } from '../../core/wire/udp.ts';

/** Where administrators put Cisco's IPsec over UDP when something else has the default port. */
const SECOND_CISCO_UDP_PORT = 10001;

/** By port: a look-up is all that most packets cost. */
const UDP_PORTS = portSet(STANDARD_PORTS.ike, STANDARD_PORTS.natT, L2TP_PORT, CISCO_UDP_PORT, SECOND_CISCO_UDP_PORT);
const TCP_PORTS = portSet(STANDARD_PORTS.ciscoTcp, STANDARD_PORTS.natT);

const ICMP_HEADER_LENGTH = 8;
/** Unreachable, source quench, redirect, time exceeded, parameter problem: RFC 792. */
const ICMP_ERRORS: ReadonlySet<number> = new Set([3, 4, 5, 11, 12]);
/** Unreachable, too big, time exceeded, parameter problem: RFC 4443. */
const ICMP6_ERRORS: ReadonlySet<number> = new Set([1, 2, 3, 4]);

const MARKER_LENGTH = 4;
const VERSION_OFFSET = 17;
const LENGTH_OFFSET = 24;
const IKEV1 = 0x10;
const IKEV2 = 0x20;

/** @param end where what was captured ends */
export function isOfInterest(bytes: Bytes, head: IpHead, end: number): boolean {
  switch (head.protocol) {
    case IpProtocol.ICMP:
      return isAboutInterest(ICMP_ERRORS, bytes, head, end);
    case IpProtocol.ICMP6:
      return isAboutInterest(ICMP6_ERRORS, bytes, head, end);
    default:
      return isIpsec(bytes, head, end);
  }
}

function isIpsec(bytes: Bytes, { protocol, payload: at, payloadLength }: IpHead, end: number): boolean {
  switch (protocol) {
    case IpProtocol.TCP:
      return at + 4 <= end && hasPort(TCP_PORTS, bytes, at);
    case IpProtocol.UDP:
      if (at + UDP_HEADER_LENGTH > end) return false;
      return hasPort(UDP_PORTS, bytes, at) || holdsIke(bytes, at + UDP_HEADER_LENGTH, end, payloadLength);
    case IpProtocol.ESP:
    case IpProtocol.AH:
      return true;
    default:
      return false;
  }
}

function hasPort(ports: Uint8Array, bytes: Bytes, at: number): boolean {
  return (ports[(bytes[at]! << 8) | bytes[at + 1]!]! | ports[(bytes[at + 2]! << 8) | bytes[at + 3]!]!) === 1;
}

/** An error quotes the packet that it is about, from its IP header on. */
function isAboutInterest(errors: ReadonlySet<number>, bytes: Bytes, head: IpHead, end: number): boolean {
  const quote = head.payload + ICMP_HEADER_LENGTH;
  if (quote >= end || !errors.has(bytes[head.payload]!)) return false;
  return readIp(bytes, quote, end, end, quoted) && isIpsec(bytes, quoted, end);
}

const quoted = emptyIpHead();

/** IKE on a port of its own: version and length are where IKE has them, with or without the non-ESP marker before. */
function holdsIke(bytes: Bytes, at: number, end: number, udpLength: number): boolean {
  const length = udpLength - UDP_HEADER_LENGTH;
  return isIke(bytes, at, end, length) || isIke(bytes, at + MARKER_LENGTH, end, length - MARKER_LENGTH);
}

function isIke(bytes: Bytes, at: number, end: number, length: number): boolean {
  if (length < ISAKMP_HEADER_LENGTH || at + ISAKMP_HEADER_LENGTH > end) return false;
  const version = bytes[at + VERSION_OFFSET]!;
  return (version === IKEV1 || version === IKEV2) && readU32(bytes, at + LENGTH_OFFSET) === length;
}

function portSet(...ports: readonly number[]): Uint8Array {
  const set = new Uint8Array(0x10000);
  for (const port of ports) set[port] = 1;
  return set;
}
