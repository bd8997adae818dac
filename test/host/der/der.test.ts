/** DER, read strictly and written: vectors from X.690 and what goes round. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { MalformedError } from '../../../src/core/bytes/reader.ts';
import { fromHex, toHex } from '../../../src/core/bytes/text.ts';
import * as encode from '../../../src/host/der/encode.ts';
import { DerReader, readWhole, Tag } from '../../../src/host/der/reader.ts';
import { readTime } from '../../../src/host/pki/time.ts';

const reader = (hex: string) => new DerReader(fromHex(hex), 'test');
const refuses = (hex: string, read: (reader: DerReader) => unknown) =>
  assert.throws(() => read(reader(hex)), MalformedError, hex);

describe('the reader', () => {
  it('takes lengths in their shortest form alone', () => {
    assert.equal(reader('0400').any().content.length, 0);
    assert.equal(reader(`0481 80${'00'.repeat(128)}`).any().content.length, 128);
    for (const hex of [
      '',
      '04',
      '0401',
      '048100',
      '04817f',
      '04820001',
      '0480',
      '0485 0000000001 00',
      '0484ffffffff',
      '04ff',
      '1f0100',
    ])
      refuses(hex, (from) => from.any());
    refuses(`04820080${'00'.repeat(128)}`, (from) => from.any());
  });

  it('reads object identifiers, X.690 section 8.19', () => {
    assert.equal(reader('0603883703').oid(), '2.999.3');
    assert.equal(reader('06062a864886f70d').oid(), '1.2.840.113549');
    for (const hex of ['0600', '060180', '06022a80', '06032a8001', `0641${'01'.repeat(65)}`, '040101'])
      refuses(hex, (from) => from.oid());
  });

  it('reads numbers and booleans in their one form', () => {
    assert.equal(reader('02020080').smallInteger(), 128);
    assert.equal(toHex(reader('020900ffffffffffffffff').integer()), '00ffffffffffffffff');
    assert.deepEqual([reader('0101ff').boolean(), reader('010100').boolean()], [true, false]);
    for (const hex of ['0200', '02020001', '0202ff80']) refuses(hex, (from) => from.integer());
    for (const hex of ['020180', '02050080000000', '0201ff']) refuses(hex, (from) => from.smallInteger());
    for (const hex of ['010101', '0100', '01020000']) refuses(hex, (from) => from.boolean());
    refuses('03020700', (from) => from.bitStringBytes());
  });

  it('leaves nothing over', () => {
    assert.throws(() => readWhole(fromHex('300000'), 'test'), MalformedError);
    assert.throws(() => reader('3000').inside(Tag.SET), MalformedError);
    assert.equal(reader('3000').optional(Tag.SET), undefined);
  });

  it('reads times', () => {
    const time = (tag: string, text: string) =>
      readTime(reader(`${tag}${text.length.toString(16).padStart(2, '0')}${Buffer.from(text).toString('hex')}`));
    assert.equal(time('17', '491231235959Z'), Date.UTC(2049, 11, 31, 23, 59, 59));
    assert.equal(time('17', '500101000000Z'), Date.UTC(1950, 0, 1));
    assert.equal(time('18', '20500101000000Z'), Date.UTC(2050, 0, 1));
    for (const text of ['', '4912312359Z', '491331235959Z', '491231235959', '491231235959+0100', ' 91231235959Z'])
      assert.throws(() => time('17', text), MalformedError, text);
    assert.throws(() => time('04', '491231235959Z'), MalformedError);
    assert.throws(() => time('18', '20500101000000.5Z'), MalformedError);
  });
});

describe('the writer', () => {
  it('writes what the reader reads', () => {
    for (const oid of ['2.999.3', '1.2.840.113549.1.12.10.1.2', '0.9.2342.19200300.100.1.25', '2.5.29.37.0'])
      assert.equal(new DerReader(encode.oid(oid), 'test').oid(), oid);
    for (const number of [0, 1, 127, 128, 255, 256, 65_535, 2 ** 31 - 1])
      assert.equal(new DerReader(encode.smallInteger(number), 'test').smallInteger(), number);
    for (const at of [
      Date.UTC(1999, 0, 1),
      Date.UTC(2049, 11, 31, 23, 59, 59),
      Date.UTC(2050, 0, 1),
      Date.UTC(2126, 1, 2),
    ])
      assert.equal(readTime(new DerReader(encode.time(at), 'test')), at);
    for (const size of [0, 127, 128, 255, 256, 65_535, 65_536, 70_000])
      assert.equal(new DerReader(encode.octetString(new Uint8Array(size)), 'test').any().content.length, size);
  });
});
