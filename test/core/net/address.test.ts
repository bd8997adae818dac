/** Addresses and prefixes as text and bytes: RFC 4291 section 2.2, RFC 5952. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { fromHex, toHex } from '../../../src/core/bytes/text.ts';
import {
  formatEndpoint,
  formatPrefix,
  ipFromBytes,
  MAX_REMEMBERED,
  parseIp,
  parsePrefix,
  prefixContains,
  prefixCovers,
  prefixMask,
  prefixOf,
  sameEndpoint,
} from '../../../src/core/net/address.ts';
import { earliest } from '../../../src/core/net/time.ts';
import { Seeded } from '../../seeded.ts';

/** Text as it comes in, and its canonical form by RFC 5952 section 4. */
const IPV6 = [
  ['2001:db8::1', '2001:db8::1'],
  ['2001:0db8::0001', '2001:db8::1'],
  ['2001:db8:0:0:0:0:2:1', '2001:db8::2:1'],
  ['2001:db8::1:1:1:1:1', '2001:db8:0:1:1:1:1:1'],
  ['2001:db8:0:1:1:1:1:1', '2001:db8:0:1:1:1:1:1'],
  ['2001:0:0:1:0:0:0:1', '2001:0:0:1::1'],
  ['2001:db8:0:0:1:0:0:1', '2001:db8::1:0:0:1'],
  ['2001:DB8::ABCD', '2001:db8::abcd'],
  ['::', '::'],
  ['::1', '::1'],
  ['1::', '1::'],
  ['0:0:0:0:0:0:0:0', '::'],
  ['1:2:3:4:5:6:7:8', '1:2:3:4:5:6:7:8'],
  ['1:2:3:4:5:6:7::', '1:2:3:4:5:6:7:0'],
  ['::2:3:4:5:6:7:8', '0:2:3:4:5:6:7:8'],
  ['::ffff:192.0.2.1', '::ffff:c000:201'],
  ['64:ff9b::192.0.2.33', '64:ff9b::c000:221'],
  ['1:2:3:4:5:6:192.0.2.1', '1:2:3:4:5:6:c000:201'],
] as const;

const NO_ADDRESS = [
  ...[
    '',
    ' ',
    '1',
    '1.2.3',
    '1.2.3.4.5',
    '256.1.1.1',
    '01.2.3.4',
    '1.2.3.04',
    '1.2.3.-4',
    '1.2.3.4 ',
    '0x1.2.3.4',
    '1..2.3',
  ],
  ...[
    ':',
    ':::',
    '1::2::3',
    '1:2:3:4:5:6:7',
    '1:2:3:4:5:6:7:8:9',
    '12345::',
    'g::',
    '::1.2.3',
    '::1.2.3.4:5',
    '1.2.3.4::',
  ],
  ...['1:2:3:4:5:6:7:1.2.3.4', ':1::2', '1:2:3:4:5:6:7:8::', '::1%eth0', 'fe80::1/64', '[::1]'],
];

test('IPv6 text is read in all its forms and written in the one of RFC 5952', () => {
  for (const [text, canonical] of IPV6) assert.equal(parseIp(text)?.text, canonical, text);
});

test('what is no address gives undefined', () => {
  for (const text of NO_ADDRESS) assert.equal(parseIp(text), undefined, JSON.stringify(text));
});

test('text and bytes of random addresses lead to each other', () => {
  const random = new Seeded(2);
  for (let i = 0; i < 5000; i++) {
    const bytes = random.bytes(random.pick([4, 16]));
    // zeros are what the short form is about
    for (let at = 0; at < bytes.length; at++) if (random.chance(0.5)) bytes[at] = 0;
    const address = ipFromBytes(bytes);
    assert.equal(toHex(parseIp(address.text)!.bytes), toHex(bytes), address.text);
  }
});

test('an address keeps its bytes when the buffer it was read from is used again', () => {
  const buffer = fromHex('c0000201');
  const address = ipFromBytes(buffer);
  buffer.fill(0);
  assert.equal(toHex(address.bytes), 'c0000201');
});

test('an address has 4 or 16 bytes', () => {
  for (const length of [0, 3, 5, 15, 17]) assert.throws(() => ipFromBytes(new Uint8Array(length)), RangeError);
});

test('a prefix has no host bits, and a lone address is its own network', () => {
  const text = (value: string) => {
    const prefix = parsePrefix(value);
    return prefix && formatPrefix(prefix);
  };
  assert.equal(text('10.1.0.0/24'), '10.1.0.0/24');
  assert.equal(text('10.1.0.1'), '10.1.0.1/32');
  assert.equal(text('2001:DB8::'), '2001:db8::/128');
  assert.equal(text('0.0.0.0/0'), '0.0.0.0/0');
  assert.equal(text('::/0'), '::/0');
  assert.equal(text('2001:db8::/33'), '2001:db8::/33');
  for (const wrong of [
    '10.1.0.1/24',
    '10.1.0.0/33',
    '10.1.0.0/',
    '10.1.0.0/024',
    '10.1.0.0/-1',
    '10.0.0.0/8/8',
    '/8',
    '2001:db8::1/64',
    '::/129',
  ])
    assert.equal(text(wrong), undefined, wrong);
});

test('masks of every length', () => {
  for (let length = 0; length <= 128; length++) {
    const bits = [...prefixMask(length, 16)].map((byte) => byte.toString(2).padStart(8, '0')).join('');
    assert.equal(bits, '1'.repeat(length) + '0'.repeat(128 - length));
  }
  assert.equal(toHex(prefixMask(25, 4)), 'ffffff80');
});

test('a prefix contains what agrees in its bits, and nothing of the other family', () => {
  const net = parsePrefix('10.1.128.0/17')!;
  assert.ok(prefixContains(net, parseIp('10.1.128.0')!));
  assert.ok(prefixContains(net, parseIp('10.1.255.255')!));
  assert.ok(!prefixContains(net, parseIp('10.1.127.255')!));
  assert.ok(!prefixContains(parsePrefix('0.0.0.0/0')!, parseIp('::')!));
  assert.ok(prefixCovers(net, parsePrefix('10.1.192.0/18')!));
  assert.ok(prefixCovers(net, net));
  assert.ok(!prefixCovers(net, parsePrefix('10.1.0.0/16')!));
  assert.equal(formatPrefix(prefixOf(parseIp('10.1.200.7')!, 17)), '10.1.128.0/17');
});

test('endpoints are the same by address and port', () => {
  const at = (text: string, port: number) => ({ address: parseIp(text)!, port });
  assert.equal(formatEndpoint(at('192.0.2.1', 500)), '192.0.2.1:500');
  assert.equal(formatEndpoint(at('2001:db8::1', 500)), '[2001:db8::1]:500');
  assert.ok(sameEndpoint(at('2001:db8::1', 500), at('2001:0db8::1', 500)));
  assert.ok(!sameEndpoint(at('192.0.2.1', 500), at('192.0.2.1', 501)));
  assert.ok(!sameEndpoint(at('192.0.2.1', 500), at('192.0.2.2', 500)));
});

test('the earliest of deadlines leaves out those that are not set', () => {
  assert.equal(earliest(undefined, 5, undefined, 3, 4), 3);
  assert.equal(earliest(0, 1), 0);
  assert.equal(earliest(undefined), undefined);
});

test('an IPv4 address that was seen lately is the same object, and of more than the limit each is still itself', () => {
  assert.equal(ipFromBytes(fromHex('0a010203')), parseIp('10.1.2.3'));
  assert.equal(prefixOf(parseIp('10.1.2.3')!, 32).address, parseIp('10.1.2.3'));
  for (let i = 0; i <= 2 * MAX_REMEMBERED; i++) {
    const { bytes, text } = ipFromBytes(Uint8Array.of(10, 7, i >> 8, i));
    assert.equal(text, `10.7.${i >> 8}.${i & 255}`);
    assert.equal(bytes.join('.'), text);
  }
  const again = parseIp('10.1.2.3')!;
  assert.equal(toHex(again.bytes), '0a010203');
});

test('an address is its own, whatever becomes of the bytes that it was made of', () => {
  const bytes = fromHex('0a0a0a0a');
  const address = ipFromBytes(bytes);
  bytes.fill(0);
  assert.equal(toHex(address.bytes), '0a0a0a0a');
  assert.equal(ipFromBytes(bytes).text, '0.0.0.0');
});
