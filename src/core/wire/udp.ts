/** UDP, RFC 768, inside ESP: there the checksum says nothing that the ICV doesn't. */
import type { Bytes } from '../bytes/bytes.ts';
import { Reader } from '../bytes/reader.ts';
import { Writer } from '../bytes/writer.ts';

export const UDP_HEADER_LENGTH = 8;

export interface UdpDatagram {
  readonly source: number;
  readonly destination: number;
  readonly payload: Bytes;
}

/**
 * The checksum isn't looked at: behind a NAT it is wrong by nature, as it is made of addresses that were changed since
 * (RFC 3948 section 3.1.2). What lies behind the length is nobody's.
 */
export function parseUdp(bytes: Bytes): UdpDatagram {
  const r = new Reader(bytes, 'UDP datagram');
  const [source, destination, length] = [r.u16(), r.u16(), r.u16()];
  r.u16();
  if (length < UDP_HEADER_LENGTH) r.fail(`length ${length} is less than its own header`);
  return { source, destination, payload: r.bytes(length - UDP_HEADER_LENGTH) };
}

/** With a checksum of zero: none. */
export function encodeUdp({ source, destination, payload }: UdpDatagram): Uint8Array<ArrayBuffer> {
  const length = UDP_HEADER_LENGTH + payload.length;
  return new Writer().u16(source).u16(destination).u16(length).u16(0).bytes(payload).finish();
}
