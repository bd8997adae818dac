/** Writes DER (X.690), of what we make ourselves: certificates, revocation lists, PKCS#12. */
import { type Bytes, concat } from '../../core/bytes/bytes.ts';
import { utf8 } from '../../core/bytes/text.ts';
import { explicitTag, implicitTag, Tag } from './reader.ts';

export function element(tag: number, ...parts: readonly Bytes[]): Bytes {
  const content = concat(...parts);
  return concat(Uint8Array.of(tag, ...lengthBytes(content.length)), content);
}

function lengthBytes(length: number): number[] {
  if (length < 0x80) return [length];
  const digits: number[] = [];
  for (let rest = length; rest > 0; rest = Math.floor(rest / 256)) digits.unshift(rest % 256);
  return [0x80 | digits.length, ...digits];
}

export const sequence = (...parts: readonly Bytes[]): Bytes => element(Tag.SEQUENCE, ...parts);
export const set = (...parts: readonly Bytes[]): Bytes => element(Tag.SET, ...parts);
export const explicit = (number: number, ...parts: readonly Bytes[]): Bytes => element(explicitTag(number), ...parts);
export const implicit = (number: number, content: Bytes): Bytes => element(implicitTag(number), content);
export const octetString = (content: Bytes): Bytes => element(Tag.OCTET_STRING, content);
export const utf8String = (text: string): Bytes => element(Tag.UTF8_STRING, utf8(text));
export const boolean = (value: boolean): Bytes => element(Tag.BOOLEAN, Uint8Array.of(value ? 0xff : 0));
export const NULL: Bytes = Uint8Array.of(5, 0);

/** @param unused bits at the end that don't count */
export const bitString = (content: Bytes, unused = 0): Bytes => element(Tag.BIT_STRING, Uint8Array.of(unused), content);

/** An unsigned number in network order. */
export function integer(value: Bytes): Bytes {
  const first = value.findIndex((byte) => byte !== 0);
  const digits = first < 0 ? Uint8Array.of(0) : value.subarray(first);
  return element(Tag.INTEGER, digits[0]! >= 0x80 ? concat(Uint8Array.of(0), digits) : digits);
}

/** An unsigned number below 2^32. */
export function smallInteger(value: number): Bytes {
  return integer(Uint8Array.of(value >>> 24, value >>> 16, value >>> 8, value));
}

/** From dotted form, each number below 2^31. */
export function oid(dotted: string): Bytes {
  const [root = 0, second = 0, ...rest] = dotted.split('.').map(Number);
  return element(Tag.OID, Uint8Array.from([root * 40 + second, ...rest].flatMap(base128)));
}

/** Seven bits a byte, all but the last marked. */
function base128(number: number): number[] {
  const digits = [number & 0x7f];
  for (let rest = number >>> 7; rest > 0; rest >>>= 7) digits.unshift(0x80 | (rest & 0x7f));
  return digits;
}

/** RFC 5280 section 4.1.2.5: UTCTime before 2050, GeneralizedTime from then on. To the second, cut off. */
export function time(at: number): Bytes {
  const text = `${new Date(at).toISOString().slice(0, 19).replace(/[-T:]/g, '')}Z`;
  return text < '2050' ? element(Tag.UTC_TIME, utf8(text.slice(2))) : element(Tag.GENERALIZED_TIME, utf8(text));
}
