/** Which product a peer is, by a vendor ID that it sends, and where its remedies are. */
import { type Bytes, startsWith } from '../bytes/bytes.ts';
import { fromHex } from '../bytes/text.ts';
import { VendorId } from '../ike/vendor-ids.ts';
import type { Place } from './finding.ts';

/** Undefined: the ID names no product. */
export function productOf(vendorId: Bytes): string | undefined {
  const [, product] = PRODUCTS.find(([known]) => startsWith(vendorId, known)) ?? [];
  return product === 'Windows' ? windowsName(vendorId) : product;
}

/** Undefined: of this product we know no lines to change. */
export function placeOf(product: string): Place | undefined {
  return PLACES.find(([pattern]) => pattern.test(product))?.[1];
}

/** The table of ike-scan 1.9.5, `ike-vendor-ids`, but where another source is named; a prefix is enough. */
const PRODUCTS: readonly (readonly [id: Bytes, name: string])[] = [
  [VendorId.MS_NT5_ISAKMPOAKLEY, 'Windows'],
  [fromHex('882fe56d6fd20dbc2251613b2ebe5beb'), 'strongSwan'],
  [fromHex('4f454e'), 'Libreswan, Openswan or FreeS/WAN'],
  [fromHex('4f45'), 'Openswan or FreeS/WAN'],
  [fromHex('4f5357'), 'Openswan'],
  [fromHex('7003cbc1097dbe9c2600ba6983bc8b35'), 'racoon'],
  [fromHex('1f07f70eaa6514d3b0fa96542a'), 'Cisco (VPN concentrator or ASA)'],
  [fromHex('f6f7efc7f5aeb8cb158cb9d094ba69e7'), 'Cisco VPN client'],
  // Wireshark's table, packet-isakmp: "CISCO(COPYRIGHT)", "CISCO-DELETE-REASON", "FLEXVPN-SUPPORTED"
  [fromHex('434953434f28434f5059524947485429'), 'Cisco'],
  [fromHex('434953434f2d44454c4554452d524541534f4e'), 'Cisco'],
  [fromHex('464c455856504e2d535550504f52544544'), 'Cisco'],
  [fromHex('f4ed19e0c114eb516faaac0ee37daf2807b4381f'), 'Check Point'],
  [fromHex('1d6e178f6c2c0be284985465450fe9d4'), 'FortiGate'],
  [fromHex('166f932d55eb64d8e4df4fd37e2313f0d0fd8451'), 'Juniper (NetScreen)'],
  [fromHex('5b362bc820f6'), 'SonicWall'],
  [fromHex('5b362bc820f7'), 'SonicWall'],
  [fromHex('404bf439522ca3f6'), 'SonicWall'],
  [fromHex('b858d1addd08c1e8adafea150608aa4497aa6cc8'), 'ZyXEL'],
  [fromHex('625027749d5ab97f5616c1602765cf480a3b7d0b'), 'ZyXEL'],
  [fromHex('424e4553'), 'Nortel Contivity'],
  [fromHex('c573b056d7faca36c2fba28374127cbf'), 'StoneGate'],
  [fromHex('4d6163204f53582031302e78'), 'macOS'],
];

const WINDOWS_VERSIONS: Readonly<Record<number, string>> = {
  2: 'Windows 2000',
  3: 'Windows XP SP1',
  4: 'Windows XP SP2 or 2003',
  5: 'Windows Vista',
  6: 'Windows Server 2008',
  7: 'Windows 7',
  8: 'Windows Server 2008 R2',
  9: 'Windows 8 or later, or Server 2012 or later',
};

/** The version is in the four bytes behind the ID. */
function windowsName(id: Bytes): string {
  return (id.length === 20 && WINDOWS_VERSIONS[id[19]!]) || 'Windows';
}

const PLACES: readonly (readonly [RegExp, Place])[] = [
  [/^Sallyport/, 'sallyport'],
  [/^strongSwan/, 'strongswan'],
  [/^(Libreswan|Openswan)/, 'libreswan'],
  [/^Windows/, 'windows'],
  [/^Cisco/, 'cisco-asa'],
];
