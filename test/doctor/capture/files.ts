/** Captures made by hand: files of each format and byte order, and frames to put in them. */
import { type Bytes, concat } from '../../../src/core/bytes/bytes.ts';
import { Writer } from '../../../src/core/bytes/writer.ts';
import { type IpAddress, parseIp } from '../../../src/core/net/address.ts';

export interface Frame {
  readonly bytes: Bytes;
  /** Of the capture's clock. */
  readonly units?: bigint;
  /** On the wire; without it as many as were captured. */
  readonly length?: number;
}

export interface PcapKind {
  readonly isLittle?: boolean;
  readonly isNano?: boolean;
  readonly linkType?: number;
}

/** A second of 2026, as the frames' `units` begin. */
export const EPOCH_SECONDS = 1_795_250_000n;

export function pcapFile(
  frames: readonly Frame[],
  { isLittle = true, isNano = false, linkType = 1 }: PcapKind = {},
): Bytes {
  const file = new Fields(isLittle);
  file
    .u32(isNano ? 0xa1b23c4d : 0xa1b2c3d4)
    .u16(2)
    .u16(4)
    .u32(0)
    .u32(0)
    .u32(262144)
    .u32(linkType);
  const perSecond = isNano ? 1_000_000_000n : 1_000_000n;
  for (const { bytes, units = EPOCH_SECONDS * perSecond, length = bytes.length } of frames)
    file
      .u32(Number(units / perSecond))
      .u32(Number(units % perSecond))
      .u32(bytes.length)
      .u32(length)
      .bytes(bytes);
  return file.finish();
}

/** Blocks of a pcapng file, in one byte order. */
export class Blocks {
  readonly #isLittle: boolean;

  constructor(isLittle = true) {
    this.#isLittle = isLittle;
  }

  section(): Bytes {
    return this.block(0x0a0d0d0a, this.fields().u32(0x1a2b3c4d).u16(1).u16(0).u32(0xffffffff).u32(0xffffffff));
  }

  interface(linkType: number, { options = this.fields(), snapLength = 0 } = {}): Bytes {
    return this.block(1, this.fields().u16(linkType).u16(0).u32(snapLength).bytes(options.finish()));
  }

  option(code: number, value: Bytes): Fields {
    return this.fields().u16(code).u16(value.length).padded(value);
  }

  enhanced(
    { bytes, units = EPOCH_SECONDS * 1_000_000n, length = bytes.length }: Frame,
    index = 0,
    options = this.fields(),
  ): Bytes {
    const body = this.fields()
      .u32(index)
      .u32(Number(units >> 32n))
      .u32(Number(units & 0xffffffffn));
    return this.block(6, body.u32(bytes.length).u32(length).padded(bytes).bytes(options.finish()));
  }

  old({ bytes, units = EPOCH_SECONDS * 1_000_000n, length = bytes.length }: Frame, index = 0): Bytes {
    const body = this.fields()
      .u16(index)
      .u16(3)
      .u32(Number(units >> 32n))
      .u32(Number(units & 0xffffffffn));
    return this.block(2, body.u32(bytes.length).u32(length).padded(bytes));
  }

  simple({ bytes, length = bytes.length }: Frame): Bytes {
    return this.block(3, this.fields().u32(length).padded(bytes));
  }

  block(type: number, body: Fields): Bytes {
    const content = body.finish();
    const length = content.length + 12;
    return this.fields().u32(type).u32(length).bytes(content).u32(length).finish();
  }

  fields(): Fields {
    return new Fields(this.#isLittle);
  }
}

/** Numbers in the byte order of whoever captured. */
export class Fields {
  readonly #isLittle: boolean;
  readonly #parts: Bytes[] = [];

  constructor(isLittle: boolean) {
    this.#isLittle = isLittle;
  }

  u16(value: number): this {
    return this.#number(Uint8Array.of(value >>> 8, value));
  }

  u32(value: number): this {
    return this.#number(Uint8Array.of(value >>> 24, value >>> 16, value >>> 8, value));
  }

  bytes(bytes: Bytes): this {
    this.#parts.push(bytes);
    return this;
  }

  /** To a multiple of four. */
  padded(bytes: Bytes): this {
    return this.bytes(bytes).bytes(new Uint8Array(-bytes.length & 3));
  }

  finish(): Bytes {
    return concat(...this.#parts);
  }

  #number(bytes: Uint8Array): this {
    return this.bytes(this.#isLittle ? bytes.reverse() : bytes);
  }
}

export const A = '192.0.2.7';
export const B = '198.51.100.9';
const A6 = '2001:db8::7';
const B6 = '2001:db8:1::9';

export interface IpOptions {
  readonly source?: string;
  readonly destination?: string;
  readonly identification?: number;
  /** In bytes. */
  readonly offset?: number;
  readonly more?: boolean;
}

export function ip4(protocol: number, payload: Bytes, options: IpOptions = {}): Bytes {
  const { source = A, destination = B, identification = 1, offset = 0, more = false } = options;
  const packet = new Writer()
    .u8(0x45)
    .u8(0)
    .u16(20 + payload.length)
    .u16(identification);
  packet
    .u16((more ? 0x2000 : 0) | (offset >> 3))
    .u8(64)
    .u8(protocol)
    .u16(0);
  return packet.bytes(address(source).bytes).bytes(address(destination).bytes).bytes(payload).finish();
}

export function ip6(protocol: number, payload: Bytes, { source = A6, destination = B6 }: IpOptions = {}): Bytes {
  const packet = new Writer().u32(0x60000000).u16(payload.length).u8(protocol).u8(64);
  return packet.bytes(address(source).bytes).bytes(address(destination).bytes).bytes(payload).finish();
}

/** The fragment header of IPv6 and what follows it. */
export function fragment6(
  next: number,
  payload: Bytes,
  { identification = 1, offset = 0, more = false }: IpOptions,
): Bytes {
  return new Writer()
    .u8(next)
    .u8(0)
    .u16(offset | (more ? 1 : 0))
    .u32(identification)
    .bytes(payload)
    .finish();
}

export function udp(sourcePort: number, destinationPort: number, payload: Bytes): Bytes {
  return new Writer()
    .u16(sourcePort)
    .u16(destinationPort)
    .u16(8 + payload.length)
    .u16(0)
    .bytes(payload)
    .finish();
}

export function tcp(sourcePort: number, destinationPort: number, flags: number, payload: Bytes): Bytes {
  const segment = new Writer().u16(sourcePort).u16(destinationPort).u32(1000).u32(2000);
  return segment.u8(0x60).u8(flags).u16(65535).u32(0).u32(0x020405b4).bytes(payload).finish();
}

/** A first message as long as its header says, with nothing in it that anybody could read. */
export function ike(length = 40, version = 0x10, cookie = 0x11223344): Bytes {
  const message = new Writer().u32(cookie).u32(0x55667788).u32(0).u32(0);
  return message
    .u8(1)
    .u8(version)
    .u8(version === 0x10 ? 2 : 34)
    .u8(0)
    .u32(0)
    .u32(length)
    .zeros(length - 28)
    .finish();
}

export function ethernet(packet: Bytes, ...tags: readonly number[]): Bytes {
  const frame = new Writer().zeros(12);
  for (const tag of tags) frame.u16(tag).u16(100);
  return frame.u16(etherType(packet)).bytes(packet).finish();
}

export function etherType(packet: Bytes): number {
  return packet[0]! >>> 4 === 6 ? 0x86dd : 0x0800;
}

function address(text: string): IpAddress {
  const found = parseIp(text);
  if (!found) throw new RangeError(text);
  return found;
}
