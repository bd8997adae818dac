/** ISAKMP headers and payload chains: RFC 2408 sections 3.1 and 3.2. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { MalformedError } from '../../../src/core/bytes/reader.ts';
import { fromHex, toHex } from '../../../src/core/bytes/text.ts';
import {
  encodeMessage,
  encodePayloads,
  firstPayload,
  MAX_PAYLOADS,
  PayloadType,
  parseMessage,
  parsePayloads,
  parseWholeChain,
} from '../../../src/core/wire/isakmp.ts';

const HEADER = '0011223344556677 8899aabbccddeeff 01 10 02 00 00000000';

test('the header as RFC 2408 figure 2 draws it', () => {
  const bytes = fromHex(`${HEADER} 00000020 0000 0004`);
  const { header, body } = parseMessage(bytes);
  assert.equal(toHex(header.initiatorCookie), '0011223344556677');
  assert.equal(toHex(header.responderCookie), '8899aabbccddeeff');
  const { nextPayload, version, exchangeType, flags, messageId } = header;
  assert.deepEqual(
    { nextPayload, version, exchangeType, flags, messageId },
    {
      nextPayload: 1,
      version: 0x10,
      exchangeType: 2,
      flags: 0,
      messageId: 0,
    },
  );
  assert.equal(toHex(body), '00000004');
  assert.equal(toHex(encodeMessage(header, body)), toHex(bytes));
});

test('the length field must be that of the datagram', () => {
  for (const length of ['00000000', '0000001b', '0000001d', 'ffffffff'])
    assert.throws(() => parseMessage(fromHex(`${HEADER} ${length}`)), MalformedError, length);
  assert.equal(parseMessage(fromHex(`${HEADER} 0000001c`)).body.length, 0);
});

test('a payload no longer than its own header is refused, so a chain always ends', () => {
  for (const length of ['0000', '0001', '0003'])
    assert.throws(() => parsePayloads(1, fromHex(`01 00 ${length} 00000004`)), /less than its own header/);
  assert.equal(parsePayloads(1, fromHex('00 00 0004')).payloads[0]!.body.length, 0);
});

test('the reserved byte is zero, as it is not when the key is wrong', () => {
  assert.throws(() => parsePayloads(1, fromHex('00 01 0004')), /reserved/);
});

test('what lies behind a chain is padding under encryption and an error in clear', () => {
  const padded = fromHex('00 00 0004 0000');
  assert.equal(parsePayloads(1, padded).length, 4);
  assert.throws(() => parseWholeChain(1, padded), /2 bytes left over/);
});

test('a chain of no payloads is empty', () => {
  assert.deepEqual(parsePayloads(PayloadType.NONE, fromHex('0102')), { payloads: [], length: 0 });
  assert.equal(encodePayloads([]).length, 0);
  assert.equal(firstPayload([]), PayloadType.NONE);
});

test('a payload names the type of the next one', () => {
  const payloads = [
    { type: PayloadType.SA, body: fromHex('aa') },
    { type: PayloadType.KE, body: fromHex('') },
    { type: PayloadType.NONCE, body: fromHex('bbcc') },
  ];
  assert.equal(toHex(encodePayloads(payloads)), '04000005aa0a000004000000' + '06bbcc');
  assert.deepEqual(parseWholeChain(firstPayload(payloads), encodePayloads(payloads)), payloads);
});

test(`a message has up to ${MAX_PAYLOADS} payloads`, () => {
  const chain = (count: number) =>
    encodePayloads(new Array(count).fill({ type: PayloadType.VID, body: fromHex('00') }));
  assert.equal(parseWholeChain(PayloadType.VID, chain(MAX_PAYLOADS)).length, MAX_PAYLOADS);
  assert.throws(() => parseWholeChain(PayloadType.VID, chain(MAX_PAYLOADS + 1)), MalformedError);
});
