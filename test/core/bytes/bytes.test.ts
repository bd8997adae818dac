/** The reader that never leaves its bytes, the writer that grows, and the small operations around them. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import {
  bytesEqual,
  concat,
  constantTimeEqual,
  isZero,
  readU16,
  readU32,
  startsWith,
  u16,
  u32,
} from '../../../src/core/bytes/bytes.ts';
import { MalformedError, Reader } from '../../../src/core/bytes/reader.ts';
import { fromHex, fromUtf8, toHex, utf8 } from '../../../src/core/bytes/text.ts';
import { Writer } from '../../../src/core/bytes/writer.ts';
import { Seeded } from '../../seeded.ts';

describe('Reader', () => {
  test('reads numbers in network order, the greatest unsigned', () => {
    const r = new Reader(fromHex('ff fffe fffffffd 00'), 'test');
    assert.deepEqual([r.u8(), r.u16(), r.u32(), r.remaining, r.offset], [0xff, 0xfffe, 0xfffffffd, 1, 7]);
  });

  test('refuses what lies behind the end, and says what was read', () => {
    const r = new Reader(new Uint8Array(3), 'SA payload');
    assert.throws(() => r.u32(), {
      name: 'MalformedError',
      message: /^SA payload: 4 bytes wanted at offset 0, 3 left$/,
    });
    assert.equal(r.offset, 0, 'a refused read takes nothing');
  });

  test('refuses a negative length, as a lying length field makes it', () => {
    assert.throws(() => new Reader(new Uint8Array(3), 'test').bytes(-1), MalformedError);
    assert.throws(() => new Reader(new Uint8Array(3), 'test').sub(-4, 'inner'), MalformedError);
  });

  test('a sub-reader sees its part alone and must end empty', () => {
    const r = new Reader(Uint8Array.of(1, 2, 3, 4), 'outer');
    const sub = r.sub(2, 'inner');
    assert.deepEqual([sub.u8(), sub.u8(), r.u8()], [1, 2, 3]);
    assert.throws(() => sub.u8(), MalformedError);
    sub.end();
    assert.throws(() => r.end(), { message: 'outer: 1 bytes left over' });
  });

  test('reads a view in the middle of a greater buffer', () => {
    const r = new Reader(Uint8Array.of(9, 9, 1, 2, 9).subarray(2, 4), 'test');
    assert.equal(r.u16(), 0x0102);
    assert.equal(r.rest().length, 0);
  });
});

describe('Writer', () => {
  test('writes what the reader reads, of any size', () => {
    const random = new Seeded(1);
    for (let round = 0; round < 50; round++) {
      const w = new Writer();
      const written: (number | Uint8Array)[] = [];
      for (let i = random.below(200); i > 0; i--) {
        const value = random.u32();
        const bytes = random.bytes(random.below(40));
        w.u8(value & 0xff)
          .u16(value & 0xffff)
          .u32(value)
          .bytes(bytes)
          .zeros(3);
        written.push(value, bytes);
      }
      const r = new Reader(w.finish(), 'test');
      for (let i = 0; i < written.length; i += 2) {
        const [value, bytes] = [written[i] as number, written[i + 1] as Uint8Array];
        assert.deepEqual([r.u8(), r.u16(), r.u32()], [value & 0xff, value & 0xffff, value]);
        assert.deepEqual(r.bytes(bytes.length), bytes);
        assert.ok(isZero(r.bytes(3)));
      }
      r.end();
    }
  });

  test('fills a length in later', () => {
    assert.equal(toHex(new Writer().u8(1).u16(0).u8(2).patchU16(1, 0xabcd).finish()), '01abcd02');
  });

  test('gives a copy: what is written later changes nothing, by itself or by another', () => {
    const w = new Writer().u8(1);
    const first = w.finish();
    w.patchU16(0, 0xffff).u8(2);
    const [outer, inner] = [new Writer().u8(3), new Writer().u8(4)];
    assert.deepEqual(inner.finish(), Uint8Array.of(4));
    assert.deepEqual(new Writer().u8(5).zeros(2000).finish().subarray(0, 2), Uint8Array.of(5, 0));
    assert.deepEqual(outer.u8(6).finish(), Uint8Array.of(3, 6));
    assert.deepEqual(w.finish(), Uint8Array.of(2));
    assert.deepEqual(first, Uint8Array.of(1));
  });
});

describe('Bytes', () => {
  test('16-bit numbers stand in network order, wherever they stand', () => {
    assert.deepEqual([...u16(0xfe01)], [0xfe, 0x01]);
    for (const value of [0, 1, 0x7fff, 0x8000, 0xffff]) assert.equal(readU16(concat(u16(7), u16(value)), 2), value);
  });

  test('32-bit numbers keep their top bit', () => {
    for (const value of [0, 1, 0x7fffffff, 0x80000000, 0xffffffff]) assert.equal(readU32(u32(value)), value);
  });

  test('comparisons see length and every byte', () => {
    for (const equal of [bytesEqual, constantTimeEqual]) {
      assert.ok(equal(fromHex('0102'), fromHex('0102')));
      assert.ok(!equal(fromHex('0102'), fromHex('010200')));
      assert.ok(!equal(fromHex('0102'), fromHex('0103')));
      assert.ok(!equal(fromHex('0102'), fromHex('8102')));
      assert.ok(equal(new Uint8Array(0), new Uint8Array(0)));
    }
  });

  test('a prefix is no longer than the whole', () => {
    assert.ok(startsWith(fromHex('0102'), fromHex('01')));
    assert.ok(!startsWith(fromHex('01'), fromHex('0102')));
    assert.ok(!startsWith(fromHex('0202'), fromHex('01')));
  });

  test('joins parts in order', () => {
    assert.equal(toHex(concat(fromHex('01'), new Uint8Array(0), fromHex('0203'))), '010203');
  });

  test('hex skips spaces and refuses all else', () => {
    assert.equal(toHex(fromHex('00 FF a5')), '00ffa5');
    for (const wrong of ['0', 'zz', '0x00', '00 1']) assert.throws(() => fromHex(wrong), RangeError);
  });

  test('what is not UTF-8 becomes U+FFFD', () => {
    assert.equal(fromUtf8(utf8('häßlich ☃')), 'häßlich ☃');
    assert.equal(fromUtf8(fromHex('41ff42')), 'A\ufffdB');
  });
});
