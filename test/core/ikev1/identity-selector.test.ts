/** Identities as people read them, and selectors as ID payloads carry them: RFC 2407 section 4.6.2. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { fromHex, toHex, utf8 } from '../../../src/core/bytes/text.ts';
import { identityFromText, identityText, keyIdentity } from '../../../src/core/ikev1/identity.ts';
import { encodeSelector, formatSelector, parseSelector } from '../../../src/core/ikev1/selector.ts';
import { formatPrefix, ipFromBytes, prefixOf } from '../../../src/core/net/address.ts';
import { IdType } from '../../../src/core/wire/ikev1.ts';
import { Seeded } from '../../seeded.ts';

const id = (type: number, data: Uint8Array) => ({ type, protocol: 0, port: 0, data });

describe('identity text', () => {
  test('is an address, a name or a key ID', () => {
    assert.equal(identityText(id(IdType.IPV4_ADDR, fromHex('c0000201'))), '192.0.2.1');
    assert.equal(identityText(id(IdType.IPV6_ADDR, fromHex('20010db8000000000000000000000001'))), '2001:db8::1');
    assert.equal(identityText(id(IdType.FQDN, utf8('vpn.example'))), 'vpn.example');
    assert.equal(identityText(id(IdType.USER_FQDN, utf8('ann@example'))), 'ann@example');
    assert.equal(identityText(keyIdentity('Büro 1')), 'Büro 1');
  });

  test('shows control characters, line breaks and escape sequences as hex, so a log line stays one', () => {
    for (const bad of [
      'a\nb',
      'a\rb',
      '\u001b[31mred',
      'a\0',
      '\t',
      '\u007f',
      '\u0085',
      '\u009b31m',
      '\u2028',
      '\u202e',
    ])
      assert.equal(identityText(keyIdentity(bad)), `0x${toHex(utf8(bad))}`, JSON.stringify(bad));
  });

  test('shows what is no text, nothing, and addresses of a wrong length as hex', () => {
    assert.equal(identityText(id(IdType.KEY_ID, fromHex('ff00'))), '0xff00');
    assert.equal(identityText(id(IdType.KEY_ID, fromHex(''))), '0x');
    assert.equal(identityText(id(IdType.IPV4_ADDR, fromHex('c00002'))), '0xc00002');
    assert.equal(identityText(id(IdType.IPV6_ADDR, fromHex('c0000201'))), '0xc0000201');
    assert.equal(identityText(id(99, utf8('name'))), `0x${toHex(utf8('name'))}`);
  });

  test('leads back to the identity it came from', () => {
    for (const text of ['192.0.2.1', '2001:db8::1', 'vpn.example', 'ann@example'])
      assert.equal(identityText(identityFromText(text)), text);
    assert.equal(identityFromText('192.0.2.1').type, IdType.IPV4_ADDR);
    assert.equal(identityFromText('ann@example').type, IdType.USER_FQDN);
    assert.equal(identityFromText('vpn.example').type, IdType.FQDN);
  });
});

describe('selectors', () => {
  const text = (type: number, hex: string) => {
    const selector = parseSelector(id(type, fromHex(hex)));
    return selector && formatSelector(selector);
  };

  test('are addresses, subnets, and ranges that are subnets', () => {
    assert.equal(text(IdType.IPV4_ADDR, '0a010203'), '10.1.2.3/32');
    assert.equal(text(IdType.IPV4_ADDR_SUBNET, '0a010200 ffffff00'), '10.1.2.0/24');
    assert.equal(text(IdType.IPV4_ADDR_SUBNET, '00000000 00000000'), '0.0.0.0/0');
    assert.equal(text(IdType.IPV4_ADDR_SUBNET, '0a010203 ffffffff'), '10.1.2.3/32');
    assert.equal(text(IdType.IPV4_ADDR_RANGE, '0a010200 0a0102ff'), '10.1.2.0/24');
    assert.equal(text(IdType.IPV4_ADDR_RANGE, '0a010203 0a010203'), '10.1.2.3/32');
    assert.equal(text(IdType.IPV4_ADDR_RANGE, '00000000 ffffffff'), '0.0.0.0/0');
    assert.equal(text(IdType.IPV6_ADDR, '20010db8000000000000000000000001'), '2001:db8::1/128');
  });

  test('lose the host bits of a subnet', () => {
    assert.equal(text(IdType.IPV4_ADDR_SUBNET, '0a010203 ffffff00'), '10.1.2.0/24');
  });

  test('with holes in the mask, ranges that are no subnet, wrong lengths and names are none', () => {
    for (const [type, hex] of [
      [IdType.IPV4_ADDR_SUBNET, '0a010200 ff00ff00'],
      [IdType.IPV4_ADDR_SUBNET, '0a010200 00ffffff'],
      [IdType.IPV4_ADDR_SUBNET, '0a010200 ffffff01'],
      [IdType.IPV4_ADDR_RANGE, '0a010200 0a0102fe'],
      [IdType.IPV4_ADDR_RANGE, '0a010201 0a0102ff'],
      [IdType.IPV4_ADDR_RANGE, '0a0102ff 0a010200'],
      [IdType.IPV4_ADDR, '0a0102'],
      [IdType.IPV4_ADDR, '0a01020304'],
      [IdType.IPV4_ADDR_SUBNET, '0a010200'],
      [IdType.IPV6_ADDR, '0a010203'],
      [IdType.FQDN, '6162'],
      [IdType.KEY_ID, '0a010203'],
      [99, '0a010203'],
    ] as const)
      assert.equal(text(type, hex), undefined, `${type} ${hex}`);
  });

  test('keep protocol and port', () => {
    const selector = parseSelector({ ...id(IdType.IPV4_ADDR, fromHex('0a010203')), protocol: 17, port: 1701 })!;
    assert.equal(formatSelector(selector), '10.1.2.3/32[17/1701]');
    assert.equal(formatSelector({ ...selector, port: 0 }), '10.1.2.3/32[17/any]');
    assert.deepEqual([encodeSelector(selector).protocol, encodeSelector(selector).port], [17, 1701]);
  });

  test('that were encoded are parsed again, of every length', () => {
    const random = new Seeded(13);
    for (const bytes of [4, 16]) {
      for (let length = 0; length <= bytes * 8; length++) {
        const prefix = prefixOf(ipFromBytes(random.bytes(bytes)), length);
        const selector = { prefix, protocol: 0, port: 0 };
        assert.equal(formatPrefix(parseSelector(encodeSelector(selector))!.prefix), formatPrefix(prefix));
      }
    }
  });

  test('of random ranges hold exactly the first and the last address, or are none', () => {
    const random = new Seeded(17);
    for (let i = 0; i < 5000; i++) {
      const data = random.bytes(8);
      if (random.chance(0.7)) data.set(data.subarray(0, random.below(5)), 4);
      if (random.chance(0.3)) data.fill(0, 2, 4).fill(255, 6, 8);
      const selector = parseSelector(id(IdType.IPV4_ADDR_RANGE, data));
      if (!selector) continue;
      const { address, length } = selector.prefix;
      assert.deepEqual(address.bytes, data.slice(0, 4));
      const size = 2 ** (32 - length);
      const number = (at: number) => new DataView(data.buffer).getUint32(at);
      assert.equal(number(4) - number(0) + 1, size);
    }
  });
});
