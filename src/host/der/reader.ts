/**
 * Reads DER (X.690) strictly, from anybody: definite lengths in their shortest form, tags below 31, nothing left over. The
 * reader never descends by itself, so the depth of what it is given doesn't matter.
 */
import type { Bytes } from '../../core/bytes/bytes.ts';
import { Reader } from '../../core/bytes/reader.ts';

export const Tag = {
  BOOLEAN: 0x01,
  INTEGER: 0x02,
  BIT_STRING: 0x03,
  OCTET_STRING: 0x04,
  OID: 0x06,
  UTF8_STRING: 0x0c,
  PRINTABLE_STRING: 0x13,
  T61_STRING: 0x14,
  IA5_STRING: 0x16,
  UTC_TIME: 0x17,
  GENERALIZED_TIME: 0x18,
  BMP_STRING: 0x1e,
  SEQUENCE: 0x30,
  SET: 0x31,
} as const;

/** The tag [number] of a context, around another element or in place of a primitive one's own. */
export const explicitTag = (number: number): number => 0xa0 | number;
export const implicitTag = (number: number): number => 0x80 | number;

export interface DerValue {
  readonly tag: number;
  readonly content: Bytes;
  /** Tag, length and content. */
  readonly whole: Bytes;
}

/** The elements that follow each other in some bytes. Every method throws {@link MalformedError}. */
export class DerReader {
  readonly #reader: Reader;
  readonly #bytes: Bytes;
  readonly #what: string;

  /** @param what names the structure in errors */
  constructor(bytes: Bytes, what: string) {
    this.#reader = new Reader(bytes, what);
    this.#bytes = bytes;
    this.#what = what;
  }

  get atEnd(): boolean {
    return this.#reader.remaining === 0;
  }

  /** The tag of the next element. */
  get next(): number | undefined {
    return this.#bytes[this.#reader.offset];
  }

  /** All that is left, unparsed. */
  rest(): Bytes {
    return this.#reader.rest();
  }

  /** The next element, whatever it is. */
  any(): DerValue {
    const start = this.#reader.offset;
    const tag = this.#reader.u8();
    if ((tag & 0x1f) === 0x1f) this.#reader.fail('a tag of several bytes');
    const content = this.#reader.bytes(this.#length());
    return { tag, content, whole: this.#bytes.subarray(start, this.#reader.offset) };
  }

  #length(): number {
    const first = this.#reader.u8();
    if (first < 0x80) return first;
    const digits = this.#reader.bytes(
      first === 0x80 || first > 0x84 ? this.#reader.fail('a bad length') : first & 0x7f,
    );
    const length = digits.reduce((sum, digit) => sum * 256 + digit, 0);
    if (digits[0] === 0 || length < 0x80) this.#reader.fail('a length longer than need be');
    return length;
  }

  /** The next element, which has to be of this tag. */
  value(tag: number): DerValue {
    const value = this.any();
    return value.tag === tag ? value : this.fail(`tag ${value.tag} where ${tag} belongs`);
  }

  /** The next element if it is of this tag. */
  optional(tag: number): DerValue | undefined {
    return this.next === tag ? this.any() : undefined;
  }

  /** A reader of what the next element, of this tag, holds. Its owner ends it with {@link end}. */
  inside(tag: number = Tag.SEQUENCE): DerReader {
    return new DerReader(this.value(tag).content, this.#what);
  }

  optionalInside(tag: number): DerReader | undefined {
    const value = this.optional(tag);
    return value && new DerReader(value.content, this.#what);
  }

  /** In dotted form. */
  oid(): string {
    return parseOid(this.value(Tag.OID).content) ?? this.fail('a bad object identifier');
  }

  boolean(): boolean {
    const { content } = this.value(Tag.BOOLEAN);
    if (content.length !== 1 || (content[0] !== 0 && content[0] !== 0xff)) this.fail('a bad boolean');
    return content[0] !== 0;
  }

  /** An unsigned number below 2^31. */
  smallInteger(tag: number = Tag.INTEGER): number {
    const content = checkedInteger(this.value(tag).content);
    if (!content || content.length > 4 || content[0]! >= 0x80) this.fail('a number out of its range');
    return content.reduce((sum, digit) => sum * 256 + digit, 0);
  }

  /** The content of an INTEGER of any size. */
  integer(): Bytes {
    return checkedInteger(this.value(Tag.INTEGER).content) ?? this.fail('a bad number');
  }

  /** The bytes of a BIT STRING that holds whole ones. */
  bitStringBytes(): Bytes {
    const { content } = this.value(Tag.BIT_STRING);
    return content[0] === 0 ? content.subarray(1) : this.fail('a bit string of odd length');
  }

  /** Refuses what is left over. */
  end(): void {
    this.#reader.end();
  }

  fail(why: string): never {
    return this.#reader.fail(why);
  }
}

/** One element that fills `bytes`, of this tag: a reader of what it holds. */
export function readWhole(bytes: Bytes, what: string, tag: number = Tag.SEQUENCE): DerReader {
  const outer = new DerReader(bytes, what);
  const inner = outer.inside(tag);
  outer.end();
  return inner;
}

/** Not empty, and no needless byte in front (X.690 section 8.3.2). */
function checkedInteger(content: Bytes): Bytes | undefined {
  const [first, second] = content;
  if (first === undefined) return undefined;
  if (second !== undefined && ((first === 0 && second < 0x80) || (first === 0xff && second >= 0x80))) return undefined;
  return content;
}

/** Longer ones are nobody's. */
const MAX_OID_BYTES = 64;

/** X.690 section 8.19: base 128, the first number holding two. */
function parseOid(content: Bytes): string | undefined {
  if (content.length === 0 || content.length > MAX_OID_BYTES || content.at(-1)! >= 0x80) return undefined;
  const numbers: bigint[] = [];
  let number = 0n;
  for (const byte of content) {
    if (number === 0n && byte === 0x80) return undefined;
    number = (number << 7n) | BigInt(byte & 0x7f);
    if (byte >= 0x80) continue;
    numbers.push(number);
    number = 0n;
  }
  const [first = 0n, ...rest] = numbers;
  const root = first < 80n ? first / 40n : 2n;
  return [root, first - root * 40n, ...rest].join('.');
}
