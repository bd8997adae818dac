/** ICMP's errors, RFC 792, RFC 1191, RFC 4443: what somebody on the way says about a packet of which it quotes the beginning. */
import { type Bytes, readU16, readU32 } from '../bytes/bytes.ts';
import { type IpAddress, ipFromBytes } from '../net/address.ts';
import { IPV4_HEADER_LENGTH, IPV6_HEADER_LENGTH, IpProtocol } from '../wire/ip.ts';

export type IcmpReason =
  | 'no route'
  | 'host unreachable'
  | 'protocol unreachable'
  | 'port unreachable'
  | 'too big'
  | 'prohibited'
  | 'fragments incomplete'
  | 'time exceeded'
  | 'unreachable';

export interface IcmpError {
  readonly reason: IcmpReason;
  /** Of the packet that it is about. */
  readonly source: IpAddress;
  readonly destination: IpAddress;
  /** Its IP protocol: 17 UDP, 6 TCP, 50 ESP. */
  readonly protocol: number;
  /** 0: it has none, or the quotation is too short. */
  readonly sourcePort: number;
  readonly destinationPort: number;
  /** Of the link that it didn't fit, with `too big`; 0: not said. */
  readonly mtu: number;
}

const IPV4_REASONS: Readonly<Record<number, IcmpReason>> = {
  0: 'no route',
  1: 'host unreachable',
  2: 'protocol unreachable',
  3: 'port unreachable',
  4: 'too big',
  9: 'prohibited',
  10: 'prohibited',
  13: 'prohibited',
};
const IPV6_REASONS: Readonly<Record<number, IcmpReason>> = {
  0: 'no route',
  1: 'prohibited',
  3: 'host unreachable',
  4: 'port unreachable',
  5: 'prohibited',
  6: 'prohibited',
};

const ICMP_HEADER = 8;
/** RFC 4443: a next header that can't be reached. */
const PARAMETER_PROBLEM_NEXT_HEADER = 1;

/** Undefined: no error, or it quotes too little to know what it is about. */
export function readIcmpError(protocol: 'icmp' | 'icmp6', bytes: Bytes): IcmpError | undefined {
  if (bytes.length < ICMP_HEADER) return undefined;
  const [type, code] = [bytes[0]!, bytes[1]!];
  const quoted = bytes.subarray(ICMP_HEADER);
  if (protocol === 'icmp') {
    const reason = type === 3 ? (IPV4_REASONS[code] ?? 'unreachable') : type === 11 ? exceeded(code) : undefined;
    const mtu = reason === 'too big' ? readU16(bytes, 6) : 0;
    return reason && quotedIpv4(reason, mtu, quoted);
  }
  const reason = ipv6Reason(type, code);
  return reason && quotedIpv6(reason, reason === 'too big' ? readU32(bytes, 4) : 0, quoted);
}

function exceeded(code: number): IcmpReason {
  return code === 1 ? 'fragments incomplete' : 'time exceeded';
}

function ipv6Reason(type: number, code: number): IcmpReason | undefined {
  if (type === 1) return IPV6_REASONS[code] ?? 'unreachable';
  if (type === 2) return 'too big';
  if (type === 3) return exceeded(code);
  return type === 4 && code === PARAMETER_PROBLEM_NEXT_HEADER ? 'protocol unreachable' : undefined;
}

function quotedIpv4(reason: IcmpReason, mtu: number, quoted: Bytes): IcmpError | undefined {
  if (quoted.length < IPV4_HEADER_LENGTH || quoted[0]! >> 4 !== 4) return undefined;
  const header = (quoted[0]! & 15) * 4;
  return {
    reason,
    mtu,
    source: ipFromBytes(quoted.subarray(12, 16)),
    destination: ipFromBytes(quoted.subarray(16, 20)),
    protocol: quoted[9]!,
    ...portsOf(quoted[9]!, quoted.subarray(header)),
  };
}

function quotedIpv6(reason: IcmpReason, mtu: number, quoted: Bytes): IcmpError | undefined {
  if (quoted.length < IPV6_HEADER_LENGTH || quoted[0]! >> 4 !== 6) return undefined;
  return {
    reason,
    mtu,
    source: ipFromBytes(quoted.subarray(8, 24)),
    destination: ipFromBytes(quoted.subarray(24, 40)),
    protocol: quoted[6]!,
    ...portsOf(quoted[6]!, quoted.subarray(IPV6_HEADER_LENGTH)),
  };
}

function portsOf(protocol: number, behind: Bytes): { sourcePort: number; destinationPort: number } {
  if ((protocol !== IpProtocol.UDP && protocol !== IpProtocol.TCP) || behind.length < 4)
    return { sourcePort: 0, destinationPort: 0 };
  return { sourcePort: readU16(behind), destinationPort: readU16(behind, 2) };
}
