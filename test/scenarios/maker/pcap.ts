/** Classic captures as tcpdump writes them here: little-endian, microseconds. */
import type { Packet } from './scenario.ts';

const MAGIC = 0xa1b2c3d4;
const FILE_HEADER = 24;
const RECORD_HEADER = 16;
const SNAP = 262_144;

export function readPcap(file: Uint8Array): { linkType: number; packets: Packet[] } {
  const view = new DataView(file.buffer, file.byteOffset, file.byteLength);
  if (view.getUint32(0, true) !== MAGIC) throw new Error('not a capture of tcpdump');
  const packets: Packet[] = [];
  for (let at = FILE_HEADER; at + RECORD_HEADER <= file.length; ) {
    const length = view.getUint32(at + 8, true);
    const start = at + RECORD_HEADER;
    packets.push({
      at: view.getUint32(at, true) * 1e6 + view.getUint32(at + 4, true),
      bytes: file.slice(start, start + length),
    });
    at = start + length;
  }
  return { linkType: view.getUint32(20, true), packets };
}

/** Of longer packets only the first `snap` bytes are kept, as tcpdump -s does. */
export function writePcap(linkType: number, whole: readonly Packet[], snap = SNAP): Uint8Array {
  const packets = whole.map(({ at, bytes }) => ({ at, bytes: bytes.subarray(0, snap), length: bytes.length }));
  const size = packets.reduce((sum, { bytes }) => sum + RECORD_HEADER + bytes.length, FILE_HEADER);
  const file = new Uint8Array(size);
  const view = new DataView(file.buffer);
  view.setUint32(0, MAGIC, true);
  view.setUint16(4, 2, true);
  view.setUint16(6, 4, true);
  view.setUint32(16, snap, true);
  view.setUint32(20, linkType, true);
  let at = FILE_HEADER;
  for (const { at: time, bytes, length } of packets) {
    view.setUint32(at, Math.floor(time / 1e6), true);
    view.setUint32(at + 4, time % 1e6, true);
    view.setUint32(at + 8, bytes.length, true);
    view.setUint32(at + 12, length, true);
    file.set(bytes, at + RECORD_HEADER);
    at += RECORD_HEADER + bytes.length;
  }
  return file;
}
