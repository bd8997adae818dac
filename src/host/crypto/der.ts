/** As much of DER (X.690) as a Diffie-Hellman public key needs. It reads only what OpenSSL wrote, so it doesn't check. */
import { type Bytes, concat } from '../../core/bytes/bytes.ts';

export const INTEGER = 0x02;
export const BIT_STRING = 0x03;
export const SEQUENCE = 0x30;

export interface DerElement {
  readonly content: Bytes;
  /** Tag, length and content. */
  readonly whole: Bytes;
}

/** The elements that follow each other in `bytes`. */
export function readDer(bytes: Bytes): DerElement[] {
  const elements: DerElement[] = [];
  for (let at = 0; at < bytes.length; ) {
    const lengthBytes = bytes[at + 1]! < 0x80 ? 0 : bytes[at + 1]! & 0x7f;
    let length = lengthBytes === 0 ? bytes[at + 1]! : 0;
    for (let i = 0; i < lengthBytes; i++) length = length * 256 + bytes[at + 2 + i]!;
    const start = at + 2 + lengthBytes;
    elements.push({ content: bytes.subarray(start, start + length), whole: bytes.subarray(at, start + length) });
    at = start + length;
  }
  return elements;
}

/** One element of up to 65,535 bytes. */
export function derElement(tag: number, ...parts: readonly Bytes[]): Uint8Array<ArrayBuffer> {
  const content = concat(...parts);
  const { length } = content;
  if (length < 0x80) return concat(Uint8Array.of(tag, length), content);
  if (length < 0x100) return concat(Uint8Array.of(tag, 0x81, length), content);
  return concat(Uint8Array.of(tag, 0x82, length >> 8, length), content);
}

/** An INTEGER of an unsigned number: no needless zeros in front, but one before a set top bit. */
export function derInteger(value: Bytes): Uint8Array<ArrayBuffer> {
  const digits = withoutLeadingZeros(value);
  return digits[0]! & 0x80 ? derElement(INTEGER, Uint8Array.of(0), digits) : derElement(INTEGER, digits);
}

/** The unsigned number in the content of an INTEGER. */
export function withoutLeadingZeros(number: Bytes): Bytes {
  const first = number.findIndex((byte) => byte !== 0);
  return number.subarray(first < 0 ? number.length - 1 : first);
}
