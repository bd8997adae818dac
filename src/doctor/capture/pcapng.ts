/**
 * pcapng, draft-ietf-opsawg-pcapng: sections of blocks. Packets come in three kinds of block and belong to interfaces, which
 * have a link layer and a clock. Other blocks, secrets among them, are passed by unread.
 */
import { type Bytes, readU32 } from '../../core/bytes/bytes.ts';
import { Damage } from './damage.ts';
import { type Format, type FrameHandler, MAX_BLOCK, MAX_PACKET, u32le } from './format.ts';

/** Of one section. */
export const MAX_INTERFACES = 65_536;

export const SECTION_HEADER = 0x0a0d0d0a;
const INTERFACE = 1;
const OLD_PACKET = 2;
const SIMPLE_PACKET = 3;
const ENHANCED_PACKET = 6;

/** What Wireshark counts as if it were packets: custom blocks, the journal of systemd, events of Sysdig. */
const NUMBERED: ReadonlySet<number> = new Set([
  ...[0x0bad, 0x4000_0bad, 9],
  ...[0x204, 0x208, 0x216, 0x217, 0x221, 0x222],
]);

/** Type and length before, length again behind. */
const BLOCK_FRAME = 12;
const BODY = 8;
const MAGIC = 0x1a2b3c4d;
const SECTION_LEAST = 16;
const OPTION_TSRESOL = 9;
const OPTION_TSOFFSET = 14;
const MICROSECONDS = 6;
const NO_LIMIT = 0xffff_ffff;

interface Interface {
  readonly linkType: number;
  readonly snapLength: number;
  /** Of its timestamps. */
  readonly unitsPerMillisecond: number;
  /** Milliseconds to add to them. */
  readonly offset: number;
}

export class Pcapng implements Format {
  readonly name = 'pcapng';
  readonly #handler: FrameHandler;
  #u32 = u32le;
  #interfaces: Interface[] = [];

  constructor(handler: FrameHandler) {
    this.#handler = handler;
  }

  read(bytes: Bytes, from: number, to: number): number {
    let at = from;
    while (at + BLOCK_FRAME <= to) {
      const type = this.#u32(bytes, at);
      if (type === SECTION_HEADER) this.#beginSection(bytes, at);
      const length = this.#u32(bytes, at + 4);
      if (length < BLOCK_FRAME || length % 4 !== 0)
        throw new Damage(at, `a block of ${length} bytes, which no block has`);
      const end = at + length;
      if (isRead(type)) {
        if (length > MAX_BLOCK) throw new Damage(at, `a block of ${length} bytes, where at most ${MAX_BLOCK} can be`);
        if (end > to) return at;
        const again = this.#u32(bytes, end - 4);
        if (again !== length) throw new Damage(at, `a block of ${length} bytes that ends saying ${again}`);
        this.#readBlock(type, bytes, at, end - 4);
      } else if (NUMBERED.has(type)) this.#handler.handleOther();
      if (end > to) return end;
      at = end;
    }
    return at;
  }

  /** Its type reads the same in both byte orders; the magic behind its length tells which one the section has. */
  #beginSection(bytes: Bytes, at: number): void {
    if (readU32(bytes, at + BODY) === MAGIC) this.#u32 = readU32;
    else if (u32le(bytes, at + BODY) === MAGIC) this.#u32 = u32le;
    else throw new Damage(at, 'a section in no known byte order');
    this.#interfaces = [];
  }

  /** @param end of its body and options */
  #readBlock(type: number, bytes: Bytes, at: number, end: number): void {
    switch (type) {
      case SECTION_HEADER:
        if (end < at + BODY + SECTION_LEAST) throw new Damage(at, 'a section header cut short');
        return;
      case INTERFACE:
        return this.#addInterface(bytes, at, end);
      case ENHANCED_PACKET:
        return this.#readPacket(bytes, at, end, this.#u32(bytes, at + BODY));
      case OLD_PACKET:
        return this.#readPacket(bytes, at, end, this.#u16(bytes, at + BODY));
      case SIMPLE_PACKET:
        return this.#readSimplePacket(bytes, at, end);
    }
  }

  /** Link type, 16 reserved bits, snapshot length, options. */
  #addInterface(bytes: Bytes, at: number, end: number): void {
    const body = at + BODY;
    if (body + 8 > end) throw new Damage(at, 'an interface cut short');
    if (this.#interfaces.length >= MAX_INTERFACES) throw new Damage(at, `more than ${MAX_INTERFACES} interfaces`);
    const options = this.#readOptions(bytes, body + 8, end);
    const linkType = this.#u16(bytes, body);
    this.#interfaces.push({ linkType, snapLength: this.#u32(bytes, body + 4) || NO_LIMIT, ...options });
  }

  /** Of an interface's options those about its clock. Options that lie about their length end the list. */
  #readOptions(bytes: Bytes, at: number, end: number): Pick<Interface, 'unitsPerMillisecond' | 'offset'> {
    let resolution = MICROSECONDS;
    let offset = 0;
    while (at + 4 <= end) {
      const [code, length] = [this.#u16(bytes, at), this.#u16(bytes, at + 2)];
      const value = at + 4;
      if (code === 0 || value + length > end) break;
      if (code === OPTION_TSRESOL && length === 1) resolution = bytes[value]!;
      if (code === OPTION_TSOFFSET && length === 8) offset = this.#i64(bytes, value) * 1000;
      at = value + ((length + 3) & ~3);
    }
    return { unitsPerMillisecond: (resolution & 0x80 ? 2 ** (resolution & 0x7f) : 10 ** resolution) / 1000, offset };
  }

  /** Interface (the old block has 16 bits of it, then its drops), time in two halves, bytes captured, on the wire, packet. */
  #readPacket(bytes: Bytes, at: number, end: number, index: number): void {
    const begin = at + BODY + 20;
    if (begin > end) throw new Damage(at, 'a packet block cut short');
    const its = this.#interfaceOf(index, at);
    const captured = this.#u32(bytes, begin - 8);
    this.#checkCaptured(captured, begin, end, at);
    const units = this.#u32(bytes, begin - 16) * 0x1_0000_0000 + this.#u32(bytes, begin - 12);
    const length = Math.max(captured, this.#u32(bytes, begin - 4));
    this.#handler.handleFrame(
      bytes,
      begin,
      begin + captured,
      length,
      its.linkType,
      units / its.unitsPerMillisecond + its.offset,
    );
  }

  /** Bytes on the wire, packet: of the first interface, cut at its snapshot length. */
  #readSimplePacket(bytes: Bytes, at: number, end: number): void {
    const begin = at + BODY + 4;
    if (begin > end) throw new Damage(at, 'a packet block cut short');
    const its = this.#interfaceOf(0, at);
    const length = this.#u32(bytes, begin - 4);
    const captured = Math.min(length, its.snapLength);
    this.#checkCaptured(captured, begin, end, at);
    this.#handler.handleFrame(bytes, begin, begin + captured, length, its.linkType, undefined);
  }

  #interfaceOf(index: number, at: number): Interface {
    const found = this.#interfaces[index];
    if (!found)
      throw new Damage(at, `a packet of interface ${index}, where ${this.#interfaces.length} have been named`);
    return found;
  }

  #checkCaptured(captured: number, begin: number, end: number, at: number): void {
    if (captured > MAX_PACKET)
      throw new Damage(at, `a packet of ${captured} bytes, where at most ${MAX_PACKET} can be`);
    if (begin + captured > end)
      throw new Damage(at, `a packet of ${captured} bytes in a block that has ${end - begin}`);
  }

  #u16(bytes: Bytes, at: number): number {
    const [low, high] = this.#u32 === u32le ? [at, at + 1] : [at + 1, at];
    return bytes[low]! | (bytes[high]! << 8);
  }

  #i64(bytes: Bytes, at: number): number {
    const [low, high] = this.#u32 === u32le ? [at, at + 4] : [at + 4, at];
    return (this.#u32(bytes, high) | 0) * 0x1_0000_0000 + this.#u32(bytes, low);
  }
}

function isRead(type: number): boolean {
  return (
    type === ENHANCED_PACKET ||
    type === SIMPLE_PACKET ||
    type === OLD_PACKET ||
    type === INTERFACE ||
    type === SECTION_HEADER
  );
}
