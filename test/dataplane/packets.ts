/** IPv4 packets for tests, built and judged without the dataplane's own code. */
import { concat } from '../../src/core/bytes/bytes.ts';
import { Writer } from '../../src/core/bytes/writer.ts';

export interface Ip4Fields {
  readonly source: string;
  readonly destination: string;
  readonly protocol?: number;
  readonly id?: number;
  readonly flags?: number;
  readonly ttl?: number;
}

export const DF = 0x4000;

export function ip4(fields: Ip4Fields, payload: Uint8Array): Uint8Array<ArrayBuffer> {
  const { protocol = 17, id = 7, flags = 0, ttl = 64 } = fields;
  const header = new Writer()
    .u8(0x45)
    .u8(0)
    .u16(20 + payload.length)
    .u16(id)
    .u16(flags)
    .u8(ttl)
    .u8(protocol)
    .u16(0);
  const bytes = concat(header.finish(), address(fields.source), address(fields.destination));
  setU16(bytes, 10, checksum(bytes));
  return concat(bytes, payload);
}

export interface TcpFields {
  readonly sequence?: number;
  readonly flags?: number;
  readonly options?: Uint8Array;
}

export const PSH_ACK = 0x18;
export const ACK = 0x10;
export const SYN = 0x02;

/** An IPv4 packet with TCP in it, checksums right. */
export function tcp4(fields: Ip4Fields, tcp: TcpFields, payload: Uint8Array): Uint8Array<ArrayBuffer> {
  const options = tcp.options ?? new Uint8Array(0);
  const header = new Writer()
    .u16(40000)
    .u16(80)
    .u32(tcp.sequence ?? 1000)
    .u32(0x01020304)
    .u8((5 + options.length / 4) << 4)
    .u8(tcp.flags ?? ACK)
    .u16(512)
    .u32(0)
    .bytes(options);
  const segment = concat(header.finish(), payload);
  setU16(segment, 16, tcpChecksum(fields, segment));
  return ip4({ ...fields, protocol: 6 }, segment);
}

export function tcpChecksum(fields: Ip4Fields, segment: Uint8Array): number {
  const pseudo = new Writer().bytes(address(fields.source)).bytes(address(fields.destination)).u16(6);
  return checksum(concat(pseudo.u16(segment.length).finish(), segment));
}

/** True when the IPv4 header's checksum is right and, in TCP, the segment's as well. */
export function checksumsRight(packet: Uint8Array): boolean {
  if (checksum(packet.subarray(0, 20)) !== 0) return false;
  if (packet[9] !== 6) return true;
  const pseudo = new Writer()
    .bytes(packet.subarray(12, 20))
    .u16(6)
    .u16(packet.length - 20);
  return checksum(concat(pseudo.finish(), packet.subarray(20))) === 0;
}

/** RFC 1071, the plain way. */
export function checksum(bytes: Uint8Array): number {
  let sum = 0;
  for (let i = 0; i < bytes.length; i += 2) sum += (bytes[i]! << 8) | (bytes[i + 1] ?? 0);
  while (sum > 0xffff) sum = (sum & 0xffff) + Math.floor(sum / 65536);
  return ~sum & 0xffff;
}

export function address(text: string): Uint8Array<ArrayBuffer> {
  return Uint8Array.from(text.split('.'), Number);
}

export function u16(bytes: Uint8Array, at: number): number {
  return (bytes[at]! << 8) | bytes[at + 1]!;
}

export function setU16(bytes: Uint8Array, at: number, value: number): void {
  bytes[at] = value >> 8;
  bytes[at + 1] = value;
}
