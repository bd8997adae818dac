/** What the formats of captures have in common: they are read from a window that moves over the file. */
import type { Bytes } from '../../core/bytes/bytes.ts';

/** Of one packet, as Wireshark and tcpdump have it: more is no packet but damage. */
export const MAX_PACKET = 256 * 1024;

export interface Format {
  readonly name: 'pcap' | 'pcapng';
  /**
   * Reads all that is whole between `from` and `to`, and gives where to go on: before `to` when more is needed from there,
   * behind it when what lies between is to be skipped. Throws {@link Damage}; nothing that it asks for is longer than
   * {@link MAX_BLOCK}.
   */
  read(bytes: Bytes, from: number, to: number): number;
}

/** The most that has to be in the window at once: a packet with room for what stands beside it. */
export const MAX_BLOCK = 2 * MAX_PACKET;

/** What the packets of a capture are given to. */
export interface FrameHandler {
  /** Takes the frame from `at` to `end`; `length` on the wire, `time` in milliseconds since the epoch. */
  handleFrame(bytes: Bytes, at: number, end: number, length: number, linkType: number, time: number | undefined): void;
  /** Something that isn't a packet has a packet's number. */
  handleOther(): void;
}

export function u32le(bytes: Bytes, at: number): number {
  return (bytes[at]! | (bytes[at + 1]! << 8) | (bytes[at + 2]! << 16) | (bytes[at + 3]! << 24)) >>> 0;
}
