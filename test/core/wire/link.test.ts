/** Where IP begins in a frame of each link layer. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { concat } from '../../../src/core/bytes/bytes.ts';
import { fromHex } from '../../../src/core/bytes/text.ts';
import { findIp, LinkType, NOT_IP, UNKNOWN_LINK_TYPE } from '../../../src/core/wire/link.ts';

const IPV4 = fromHex('45000014 00000000 40110000 c0000207 c6336409');
const IPV6 = concat(fromHex('60000000 00003b40'), new Uint8Array(32));
const MACS = '020000000001 020000000002';

const CASES: readonly [name: string, linkType: number, before: string, packet?: Uint8Array][] = [
  ['Ethernet', LinkType.ETHERNET, `${MACS} 0800`],
  ['Ethernet with IPv6', LinkType.ETHERNET, `${MACS} 86dd`, IPV6],
  ['802.1Q', LinkType.ETHERNET, `${MACS} 8100 0064 0800`],
  ['QinQ', LinkType.ETHERNET, `${MACS} 88a8 0064 8100 0065 0800`],
  ['QinQ before its standard', LinkType.ETHERNET, `${MACS} 9100 0064 8100 0065 86dd`, IPV6],
  ['PPPoE', LinkType.ETHERNET, `${MACS} 8864 1100 0001 0016 0021`],
  ['PPPoE with IPv6, in a VLAN', LinkType.ETHERNET, `${MACS} 8100 0007 8864 1100 0001 002a 0057`, IPV6],
  ['Linux cooked', LinkType.LINUX_SLL, '0000 0001 0006 020000000001 0000 0800'],
  ['Linux cooked, in a VLAN', LinkType.LINUX_SLL, '0000 0001 0006 020000000001 0000 8100 0064 0800'],
  ['Linux cooked v2', LinkType.LINUX_SLL2, '0800 0000 00000002 0001 00 06 0200000000010000'],
  ['Linux cooked v2 with IPv6', LinkType.LINUX_SLL2, '86dd 0000 00000002 0001 00 06 0200000000010000', IPV6],
  ['null, of a little-endian system', LinkType.NULL, '02000000'],
  ['null with IPv6, of macOS', LinkType.NULL, '1e000000', IPV6],
  ['loop', LinkType.LOOP, '00000002'],
  ['raw', LinkType.RAW, ''],
  ['raw, 12', LinkType.RAW_BSD, '', IPV6],
  ['raw, 14', LinkType.RAW_OPENBSD, ''],
  ['IPv4', LinkType.IPV4, ''],
  ['IPv6', LinkType.IPV6, '', IPV6],
];

for (const [name, linkType, before, packet = IPV4] of CASES)
  test(`${name}: IP is found, and never where it was cut off`, () => {
    const header = fromHex(before);
    const frame = concat(fromHex('ffff'), header, packet);
    assert.equal(findIp(linkType, frame, 2, frame.length), 2 + header.length);
    for (let end = 2; end <= 2 + header.length; end++) assert.equal(findIp(linkType, frame, 2, end), NOT_IP);
  });

test('what is not IP is told from what is not known', () => {
  const arp = fromHex(`${MACS} 0806 0001080006040001`);
  assert.equal(findIp(LinkType.ETHERNET, arp, 0, arp.length), NOT_IP);
  assert.equal(findIp(LinkType.RAW, fromHex('0506'), 0, 2), NOT_IP);
  assert.equal(findIp(LinkType.ETHERNET, fromHex(`${MACS} 8864 1100 0001 0016 c021`), 0, 22), NOT_IP);
  assert.equal(findIp(147, IPV4, 0, IPV4.length), UNKNOWN_LINK_TYPE);
});

test('tags without end are read to the end of the frame', () => {
  const tags = new Uint8Array(60_000);
  for (let at = 12; at < tags.length; at += 4) tags.set([0x81, 0x00], at);
  assert.equal(findIp(LinkType.ETHERNET, tags, 0, tags.length), NOT_IP);
});
