/** IP headers of both families, as a capture shows them. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { concat } from '../../../src/core/bytes/bytes.ts';
import { fromHex } from '../../../src/core/bytes/text.ts';
import { emptyIpHead, IpProtocol, readIp } from '../../../src/core/wire/ip.ts';
import { Seeded } from '../../seeded.ts';

const V4_ADDRESSES = 'c0000207 c6336409';
const V6_ADDRESSES = '20010db8000000000000000000000007 20010db8000100000000000000000009';

function read(hex: string, wire?: number) {
  const bytes = fromHex(hex);
  const head = emptyIpHead();
  return readIp(bytes, 0, bytes.length, wire ?? bytes.length, head) ? head : undefined;
}

test('IPv4, with options and longer than what was captured', () => {
  const head = read(`46 00 05dc 1234 4000 40 11 0000 ${V4_ADDRESSES} 01010100 0000`);
  assert.deepEqual(
    { ...head },
    {
      ...emptyIpHead(),
      ...{ addressLength: 4, addresses: 12, protocol: IpProtocol.UDP, payload: 24, payloadLength: 1500 - 24 },
    },
  );
});

test('a length of zero is what was on the wire: the sender captured before its network card cut it up', () => {
  assert.equal(read(`45 00 0000 1234 4000 40 06 0000 ${V4_ADDRESSES} 0000`, 9000)?.payloadLength, 8980);
  assert.equal(read(`60000000 0000 06 40 ${V6_ADDRESSES} 0000`, 9000)?.payloadLength, 8960);
});

test('fragments of IPv4', () => {
  const first = read(`45 00 05dc 1234 2000 40 11 0000 ${V4_ADDRESSES}`);
  assert.deepEqual([first?.isFragment, first?.fragmentOffset, first?.moreFragments], [true, 0, true]);
  const last = read(`45 00 0200 1234 00b9 40 11 0000 ${V4_ADDRESSES}`);
  assert.deepEqual([last?.isFragment, last?.fragmentOffset, last?.moreFragments], [true, 1480, false]);
  assert.equal(last?.identification, 0x1234);
});

test('IPv6: extension headers are passed, AH is what it carries', () => {
  const behind = `3c00050200000000 2b00010400000000 1100010400000000 01f401f4`;
  const head = read(`60000000 001c 00 40 ${V6_ADDRESSES} ${behind}`);
  assert.deepEqual([head?.protocol, head?.payload, head?.payloadLength], [IpProtocol.UDP, 64, 4]);
  assert.equal(read(`60000000 0018 33 40 ${V6_ADDRESSES} 11040000`)?.protocol, IpProtocol.AH);
});

test('fragments of IPv6, and one that is whole in spite of its header', () => {
  const head = read(`60000000 0018 2c 40 ${V6_ADDRESSES} 1100 05a9 deadbeef 01f4`);
  assert.deepEqual(
    [head?.isFragment, head?.fragmentOffset, head?.moreFragments, head?.identification, head?.protocol],
    [true, 1448, true, 0xdeadbeef, IpProtocol.UDP],
  );
  assert.equal(head?.payloadLength, 16);
  const whole = read(`60000000 0018 2c 40 ${V6_ADDRESSES} 1100 0000 deadbeef 01f4`);
  assert.deepEqual([whole?.isFragment, whole?.protocol, whole?.payload], [false, IpProtocol.UDP, 48]);
});

test('headers that are no headers', () => {
  assert.equal(read(`44 00 0014 1234 4000 40 11 0000 ${V4_ADDRESSES}`), undefined);
  assert.equal(read(`45 00 0013 1234 4000 40 11 0000 ${V4_ADDRESSES}`), undefined);
  assert.equal(read(`60000000 0004 3c 40 ${V6_ADDRESSES} 11ff0000`), undefined, 'longer than the packet');
  assert.equal(read('75'), undefined);
});

test('cut at every length: nothing is read behind the end', () => {
  const whole = fromHex(`60000000 0020 00 40 ${V6_ADDRESSES} 3c00050200000000 2c00010400000000 1100 05a9 deadbeef`);
  const head = emptyIpHead();
  const long = concat(whole, new Uint8Array(64).fill(0x3c));
  for (let end = 0; end < whole.length; end++) assert.equal(readIp(long, 0, end, long.length, head), false, `${end}`);
  assert.equal(readIp(whole, 0, whole.length, whole.length, head), true);
});

test('noise never leads outside', () => {
  const random = new Seeded(7);
  const head = emptyIpHead();
  for (let i = 0; i < 20_000; i++) {
    const noise = random.bytes(1 + random.below(120));
    noise[0] = random.pick([0x45, 0x4f, 0x60]);
    if (random.chance(0.5)) noise[6] = random.pick([0, 43, 44, 60]);
    if (!readIp(noise, 0, noise.length, noise.length, head)) continue;
    assert.ok(head.payload <= noise.length && head.payloadLength >= 0);
    assert.ok(head.addresses + 2 * head.addressLength <= noise.length);
  }
});
