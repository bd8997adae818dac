/** ICMP echo in IPv4, RFC 792: what a host answers if packets reach it and come back. */
import type { Bytes } from '../bytes/bytes.ts';
import { Writer } from '../bytes/writer.ts';
import type { IpAddress } from '../net/address.ts';
import { IPV4_HEADER_LENGTH, IpProtocol } from './ip.ts';

interface EchoRequest {
  /** IPv4, as `destination`. */
  readonly source: IpAddress;
  readonly destination: IpAddress;
  readonly ttl: number;
  readonly identifier: number;
  readonly sequence: number;
}

const IPV4_CHECKSUM = 10;
const ECHO_REQUEST = 8;
const ECHO_LENGTH = 8;
const ECHO_CHECKSUM = 2;
const VERSION_AND_LENGTH = 0x45;

/** A whole IPv4 packet of 28 bytes. */
export function encodeEchoRequest({ source, destination, ttl, identifier, sequence }: EchoRequest): Bytes {
  const packet = new Writer();
  packet
    .u8(VERSION_AND_LENGTH)
    .u8(0)
    .u16(IPV4_HEADER_LENGTH + ECHO_LENGTH)
    .u32(0);
  packet.u8(ttl).u8(IpProtocol.ICMP).u16(0).bytes(source.bytes).bytes(destination.bytes);
  packet.u8(ECHO_REQUEST).u8(0).u16(0).u16(identifier).u16(sequence);
  const bytes = packet.finish();
  putChecksum(bytes.subarray(0, IPV4_HEADER_LENGTH), IPV4_CHECKSUM);
  putChecksum(bytes.subarray(IPV4_HEADER_LENGTH), ECHO_CHECKSUM);
  return bytes;
}

/** RFC 1071, over an even number of bytes. */
function putChecksum(bytes: Bytes, at: number): void {
  let sum = 0;
  for (let i = 0; i < bytes.length; i += 2) sum += (bytes[i]! << 8) | bytes[i + 1]!;
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >>> 16);
  bytes[at] = (~sum >>> 8) & 0xff;
  bytes[at + 1] = ~sum & 0xff;
}
