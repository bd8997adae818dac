/**
 * Which packets a diagnosis wants to see: IPsec on any of its ways, and the network's complaints about it. All others of a
 * capture cost no more than this look. Where IPsec turns out to be on a port of its own, all of that endpoint is wanted from
 * then on.
 */
import type { Bytes } from '../../core/bytes/bytes.ts';
import { readU32 } from '../../core/bytes/bytes.ts';
import { IPSEC_PORTS } from '../../core/diagnosis/ports.ts';
import { hasCiscoTrailer, hasStreamPrefix } from '../../core/diagnosis/tcp-payload.ts';
import { emptyIpHead, type IpHead, IpProtocol, readIp } from '../../core/wire/ip.ts';
import { ISAKMP_HEADER_LENGTH } from '../../core/wire/isakmp.ts';
import { TCP_HEADER_LENGTH } from '../../core/wire/tcp.ts';
import { UDP_HEADER_LENGTH } from '../../core/wire/udp.ts';

/** Of a port in the tables. */
const KNOWN = 1;
const LEARNT = 2;

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

/** Our own limit on the endpoints that turn out to be IPsec's; where a gateway's is known, its clients need none. */
export const MAX_LEARNT = 1024;

/** What was found on a port of its own. */
export interface LearntPort {
  readonly protocol: 'udp' | 'tcp';
  readonly port: number;
  /** The packet that showed it; and how many of that port had been passed over, whosever they were. */
  readonly packet: number;
  readonly before: number;
}

export class Interest {
  readonly learnt: LearntPort[] = [];
  /** By port: a look-up is all that most packets cost. */
  readonly #ports = { udp: portSet(IPSEC_PORTS.udp), tcp: portSet(IPSEC_PORTS.tcp) };
  /** Packets by port that were passed over. */
  readonly #passed = { udp: new Uint32Array(0x10000), tcp: new Uint32Array(0x10000) };
  /** Addresses with ports. */
  readonly #endpoints = new Set<string>();

  /**
   * @param end where what was captured ends
   * @param packet its number
   */
  includes(bytes: Bytes, head: IpHead, end: number, packet: number): boolean {
    switch (head.protocol) {
      case IpProtocol.ICMP:
        return this.#isAbout(ICMP_ERRORS, bytes, head, end);
      case IpProtocol.ICMP6:
        return this.#isAbout(ICMP6_ERRORS, bytes, head, end);
      case IpProtocol.UDP:
        return this.#includesUdp(bytes, head, end, packet);
      case IpProtocol.TCP:
        return this.#includesTcp(bytes, head, end, packet);
      default:
        return head.protocol === IpProtocol.ESP || head.protocol === IpProtocol.AH;
    }
  }

  #includesUdp(bytes: Bytes, head: IpHead, end: number, packet: number): boolean {
    const { payload: at, payloadLength } = head;
    if (at + UDP_HEADER_LENGTH > end) return false;
    if (this.#hasPort('udp', bytes, head)) return true;
    const [begin, length] = [at + UDP_HEADER_LENGTH, payloadLength - UDP_HEADER_LENGTH];
    if (isIke(bytes, begin, end, length)) return true;
    // ESP goes the same way then
    if (isIke(bytes, begin + MARKER_LENGTH, end, length - MARKER_LENGTH))
      return this.#learn('udp', bytes, head, packet);
    return this.#pass('udp', bytes, at);
  }

  #includesTcp(bytes: Bytes, head: IpHead, end: number, packet: number): boolean {
    const at = head.payload;
    if (at + 4 > end) return false;
    if (this.#hasPort('tcp', bytes, head)) return true;
    if (carriesIpsec(bytes, head, end)) return this.#learn('tcp', bytes, head, packet);
    return this.#pass('tcp', bytes, at);
  }

  /** An error quotes the packet that it is about, from its IP header on. */
  #isAbout(errors: ReadonlySet<number>, bytes: Bytes, head: IpHead, end: number): boolean {
    const quote = head.payload + ICMP_HEADER_LENGTH;
    if (quote >= end || !errors.has(bytes[head.payload]!) || !readIp(bytes, quote, end, end, quoted)) return false;
    const { protocol, payload: at, payloadLength } = quoted;
    switch (protocol) {
      case IpProtocol.TCP:
        return at + 4 <= end && this.#hasPort('tcp', bytes, quoted);
      case IpProtocol.UDP:
        if (at + UDP_HEADER_LENGTH > end) return false;
        return this.#hasPort('udp', bytes, quoted) || holdsIke(bytes, at + UDP_HEADER_LENGTH, end, payloadLength);
      default:
        return protocol === IpProtocol.ESP || protocol === IpProtocol.AH;
    }
  }

  #hasPort(protocol: 'udp' | 'tcp', bytes: Bytes, head: IpHead): boolean {
    const ports = this.#ports[protocol];
    const at = head.payload;
    const flags = ports[u16(bytes, at)]! | ports[u16(bytes, at + 2)]!;
    if (flags === 0) return false;
    if ((flags & KNOWN) !== 0 || head.addresses < 0) return true;
    return ENDS.some((side) => this.#endpoints.has(endpointAt(protocol, bytes, head, side)));
  }

  #learn(protocol: 'udp' | 'tcp', bytes: Bytes, head: IpHead, packet: number): true {
    // of what was put together from fragments only ports are known
    if (head.addresses < 0 || this.#endpoints.size + ENDS.length > MAX_LEARNT) return true;
    for (const side of ENDS) {
      this.#endpoints.add(endpointAt(protocol, bytes, head, side));
      this.#ports[protocol][u16(bytes, head.payload + 2 * side)]! |= LEARNT;
    }
    // a client's port is any, and high
    const port = Math.min(...ENDS.map((side) => u16(bytes, head.payload + 2 * side)));
    if (!this.learnt.some((known) => known.protocol === protocol && known.port === port))
      this.learnt.push({ protocol, port, packet, before: this.#passed[protocol][port]! });
    return true;
  }

  #pass(protocol: 'udp' | 'tcp', bytes: Bytes, at: number): false {
    const passed = this.#passed[protocol];
    passed[u16(bytes, at)]!++;
    passed[u16(bytes, at + 2)]!++;
    return false;
  }
}

/** Source and destination. */
const ENDS = [0, 1] as const;

function endpointAt(
  protocol: string,
  bytes: Bytes,
  { addresses, addressLength, payload }: IpHead,
  side: 0 | 1,
): string {
  const address = addresses + side * addressLength;
  return `${protocol} ${u16(bytes, payload + 2 * side)} ${bytes.subarray(address, address + addressLength).join('.')}`;
}

/** RFC 9329's prefix begins the segment, or Cisco's trailer ends it. */
function carriesIpsec(bytes: Bytes, { payload: at, payloadLength }: IpHead, end: number): boolean {
  if (at + TCP_HEADER_LENGTH > end || at + payloadLength > end) return false;
  const begin = at + ((bytes[at + DATA_OFFSET_AT]! >>> 4) << 2);
  const till = at + payloadLength;
  // the prefix begins with I, the trailer ends with zero: that spares most packets the rest
  if (begin >= till || (bytes[begin] !== 0x49 && bytes[till - 1] !== 0)) return false;
  const payload = bytes.subarray(begin, till);
  return hasStreamPrefix(payload) || hasCiscoTrailer(payload);
}

const DATA_OFFSET_AT = 12;

function u16(bytes: Bytes, at: number): number {
  return (bytes[at]! << 8) | bytes[at + 1]!;
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

function portSet(ports: readonly number[]): Uint8Array {
  const set = new Uint8Array(0x10000);
  for (const port of ports) set[port] = KNOWN;
  return set;
}
