/** TCP headers: written and read back, cut at every length, and options that lie. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { fromHex, toHex } from '../../../src/core/bytes/text.ts';
import {
  DEFAULT_MSS,
  emptySegment,
  readSegment,
  readSynOptions,
  SYN_OPTIONS_LENGTH,
  TCP_HEADER_LENGTH,
  TcpFlag,
  tcpChecksum,
  writeHeader,
  writeSynOptions,
} from '../../../src/core/wire/tcp.ts';
import { Seeded } from '../../seeded.ts';

/** In a SYN of Linux: MSS, SACK permitted, timestamps, NOP, window scale. */
const LINUX_OPTIONS = '020405b40402080a0f0f0f0f0000000001030307';

function segmentOf(bytes: Uint8Array, at = 0, length = bytes.length - at) {
  const segment = emptySegment();
  return readSegment(bytes, at, length, segment) ? segment : undefined;
}

test('a header is read as it was written, wherever it lies', () => {
  const random = new Seeded(1);
  for (let i = 0; i < 200; i++) {
    const segment = {
      sourcePort: random.below(65536),
      destinationPort: random.below(65536),
      sequence: random.below(2 ** 32),
      acknowledgment: random.below(2 ** 32),
      flags: random.below(64),
      window: random.below(65536),
      headerLength: TCP_HEADER_LENGTH + 4 * random.below(11),
      payloadLength: random.below(100),
    };
    const at = random.below(9);
    const bytes = new Uint8Array(at + segment.headerLength + segment.payloadLength);
    writeHeader(bytes, at, segment);
    assert.deepEqual(segmentOf(bytes, at), segment);
  }
});

test('what is cut is no segment until its header is whole', () => {
  const bytes = new Uint8Array(28);
  writeHeader(bytes, 0, { ...emptySegment(), headerLength: 24, flags: TcpFlag.ACK });
  for (let length = 0; length <= bytes.length; length++)
    assert.equal(segmentOf(bytes, 0, length)?.payloadLength, length < 24 ? undefined : length - 24);
  for (const words of [0, 1, 4]) assert.equal(segmentOf(Uint8Array.from(bytes.with(12, words << 4))), undefined);
});

test('options of a SYN', () => {
  const options = (hex: string) => {
    const bytes = new Uint8Array([...new Uint8Array(TCP_HEADER_LENGTH), ...fromHex(hex)]);
    return readSynOptions(bytes, 0, bytes.length);
  };
  assert.deepEqual(options(LINUX_OPTIONS), { mss: 1460, windowShift: 7 });
  assert.deepEqual(options('020404ec'), { mss: 1260, windowShift: undefined });
  assert.deepEqual(options(''), { mss: DEFAULT_MSS, windowShift: undefined });
  assert.equal(options('0303ff00').windowShift, 14, 'RFC 7323 section 2.3');
  for (const lie of ['0200', '0201', '02', '020505b4', '03', '0302', '00020405b4', '01010102'])
    assert.deepEqual(options(lie), { mss: DEFAULT_MSS, windowShift: undefined }, lie);
  for (const windowShift of [undefined, 7]) {
    const bytes = new Uint8Array(SYN_OPTIONS_LENGTH);
    writeSynOptions(bytes, 0, { mss: 1440, windowShift });
    assert.deepEqual(options(toHex(bytes)), { mss: 1440, windowShift });
  }
});

test('random options never throw', () => {
  const random = new Seeded(2);
  for (let i = 0; i < 2000; i++) {
    const bytes = random.bytes(TCP_HEADER_LENGTH + random.below(41));
    const { mss } = readSynOptions(bytes, 0, bytes.length);
    assert.ok(mss >= 0 && mss <= 65535);
  }
});

test('the checksum over both families', () => {
  const v4 = fromHex('9c4001bb00000000000000005002ffff00000000');
  assert.equal(tcpChecksum(fromHex('c0000201'), fromHex('c6336407'), v4), byHand('c0000201c6336407', v4));
  const addresses = 'fd090001000000000000000000000001fd090002000000000000000000000001';
  const odd = new Uint8Array([...v4, 7]);
  assert.equal(tcpChecksum(fromHex(addresses.slice(0, 32)), fromHex(addresses.slice(32)), odd), byHand(addresses, odd));
  const right = odd.slice();
  const sum = byHand(addresses, odd);
  right.set([sum >> 8, sum & 255], 16);
  assert.equal(tcpChecksum(fromHex(addresses.slice(0, 32)), fromHex(addresses.slice(32)), right), 0);
});

/** The definition, with a big number for the sum. */
function byHand(addresses: string, segment: Uint8Array): number {
  const even = toHex(segment) + (segment.length % 2 ? '00' : '');
  const words = `${addresses}0006${segment.length.toString(16).padStart(4, '0')}${even}`.match(/.{4}/g)!;
  const sum = words.reduce((total, word) => total + BigInt(`0x${word}`), 0n);
  return Number(0xffffn - (sum % 0xffffn)) % 0x10000;
}
