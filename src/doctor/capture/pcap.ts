/** pcap, draft-ietf-opsawg-pcap: a header, then records with a packet each, in the byte order of whoever wrote it. */
import { type Bytes, readU32 } from '../../core/bytes/bytes.ts';
import { Damage } from './damage.ts';
import { type Format, type FrameHandler, MAX_PACKET, u32le } from './format.ts';

export const PCAP_HEADER_LENGTH = 24;
const RECORD_HEADER_LENGTH = 16;
const LINK_TYPE_OFFSET = 20;
/** Above it are the FCS's length and reserved bits. */
const LINK_TYPE_MASK = 0x03ff_ffff;

/** As read in network order. */
const MAGICS: Readonly<Record<number, { readonly isLittle: boolean; readonly unitsPerMillisecond: number }>> = {
  2712847316: { isLittle: false, unitsPerMillisecond: 1e3 }, // a1b2c3d4
  3569595041: { isLittle: true, unitsPerMillisecond: 1e3 }, // d4c3b2a1
  2712812621: { isLittle: false, unitsPerMillisecond: 1e6 }, // a1b23c4d
  1295823521: { isLittle: true, unitsPerMillisecond: 1e6 }, // 4d3cb2a1
};

export function isPcap(magic: number): boolean {
  return MAGICS[magic] !== undefined;
}

export class Pcap implements Format {
  readonly name = 'pcap';
  readonly #handler: FrameHandler;
  #isLittle = true;
  #unitsPerMillisecond = 1e3;
  /** Undefined: the file's header comes first. */
  #linkType: number | undefined;

  constructor(handler: FrameHandler) {
    this.#handler = handler;
  }

  read(bytes: Bytes, from: number, to: number): number {
    let at = from;
    if (this.#linkType === undefined) {
      if (from + PCAP_HEADER_LENGTH > to) return from;
      this.#linkType = this.#readHeader(bytes, from);
      at += PCAP_HEADER_LENGTH;
    }
    return this.#readRecords(bytes, at, to, this.#linkType);
  }

  #readHeader(bytes: Bytes, at: number): number {
    const { isLittle, unitsPerMillisecond } = MAGICS[readU32(bytes, at)]!;
    this.#isLittle = isLittle;
    this.#unitsPerMillisecond = unitsPerMillisecond;
    return (isLittle ? u32le : readU32)(bytes, at + LINK_TYPE_OFFSET) & LINK_TYPE_MASK;
  }

  /** Seconds, fraction, bytes captured, bytes on the wire; then the packet. */
  #readRecords(bytes: Bytes, at: number, to: number, linkType: number): number {
    const u32 = this.#isLittle ? u32le : readU32;
    while (at + RECORD_HEADER_LENGTH <= to) {
      const captured = u32(bytes, at + 8);
      if (captured > MAX_PACKET)
        throw new Damage(at, `a packet of ${captured} bytes, where at most ${MAX_PACKET} can be`);
      const begin = at + RECORD_HEADER_LENGTH;
      const end = begin + captured;
      if (end > to) break;
      const time = u32(bytes, at) * 1000 + u32(bytes, at + 4) / this.#unitsPerMillisecond;
      this.#handler.handleFrame(bytes, begin, end, Math.max(captured, u32(bytes, at + 12)), linkType, time);
      at = end;
    }
    return at;
  }
}
