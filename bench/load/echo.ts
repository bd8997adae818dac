/** ICMP echo requests in their IPv4 packets, and their answers, RFC 791 and RFC 792. */
import { bytesEqual } from '../../src/core/bytes/bytes.ts';
import type { IpAddress } from '../../src/core/net/address.ts';

const LENGTH = 84;
const HEADER = 20;

export function echoRequest(from: IpAddress, to: IpAddress, sequence: number): Uint8Array {
  const packet = new Uint8Array(LENGTH);
  const view = new DataView(packet.buffer);
  view.setUint8(0, 0x45);
  view.setUint16(2, LENGTH);
  view.setUint8(8, 64);
  view.setUint8(9, 1);
  packet.set(from.bytes, 12);
  packet.set(to.bytes, 16);
  view.setUint16(10, checksum(view, 0, HEADER));
  view.setUint8(HEADER, 8);
  view.setUint16(HEADER + 6, sequence);
  view.setUint16(HEADER + 2, checksum(view, HEADER, LENGTH));
  return packet;
}

/** Whether an IPv4 packet is an answer to one of that client: some gateways send everybody's to all. */
export function isEchoReply(packet: Uint8Array, to: IpAddress): boolean {
  const header = (packet[0]! & 0x0f) * 4;
  return packet[9] === 1 && packet[header] === 0 && bytesEqual(packet.subarray(16, 20), to.bytes);
}

/** RFC 1071, over an even number of bytes. */
function checksum(view: DataView, from: number, to: number): number {
  let sum = 0;
  for (let at = from; at < to; at += 2) sum += view.getUint16(at);
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >>> 16);
  return sum ^ 0xffff;
}
