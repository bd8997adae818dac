/** What a gateway is, by the vendor IDs that it sends: by one that names a product, else by which it sends in which order. */
import { type Bytes, startsWith } from '../../core/bytes/bytes.ts';
import { fromHex, toHex } from '../../core/bytes/text.ts';
import { VendorId } from '../../core/ike/vendor-ids.ts';
import type { Answer } from './answer.ts';
import type { GatewayName } from './survey.ts';

/** The table of ike-scan 1.9.5, `ike-vendor-ids`, but where another source is named; a prefix is enough. */
const PRODUCTS: readonly (readonly [id: Bytes, name: string])[] = [
  [VendorId.MS_NT5_ISAKMPOAKLEY, 'Windows'],
  [fromHex('882fe56d6fd20dbc2251613b2ebe5beb'), 'strongSwan'],
  [fromHex('4f454e'), 'Libreswan, Openswan or FreeS/WAN'],
  [fromHex('4f45'), 'Openswan or FreeS/WAN'],
  [fromHex('4f5357'), 'Openswan'],
  [fromHex('7003cbc1097dbe9c2600ba6983bc8b35'), 'racoon'],
  [fromHex('1f07f70eaa6514d3b0fa96542a'), 'Cisco (VPN concentrator or ASA)'],
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

/** By what it answered to the first negotiation of each version. */
export function nameGateway(answers: readonly Answer[]): GatewayName | undefined {
  for (const id of answers.flatMap(({ vendorIds }) => vendorIds)) {
    const [, product] = PRODUCTS.find(([known]) => startsWith(id, known)) ?? [];
    if (product) return { name: product === 'Windows' ? windowsName(id) : product, isCertain: true };
  }
  const orders = answers.map((answer) => `IKEv${answer.version} ${orderOf(answer)}`);
  const guess = GUESSES.find(([known]) => orders.includes(known));
  return guess && { name: guess[1], isCertain: false };
}

/** The version is in the four bytes behind the ID. */
function windowsName(id: Bytes): string {
  return (id.length === 20 && WINDOWS_VERSIONS[id[19]!]) || 'Windows';
}

/**
 * What each says, and in which order, in main mode or IKE_SA_INIT to somebody who says all that the probe does: observed with Sallyport,
 * strongSwan 5.9.8 and SoftEther 5.01.
 */
const GUESSES: readonly (readonly [order: string, name: string])[] = [
  ['IKEv1 rfc3947 xauth dpd unity fragmentation', 'Sallyport'],
  ['IKEv1 xauth dpd fragmentation rfc3947', 'strongSwan'],
  // addresses, fragmentation, signature hashes, childless, several authentications
  ['IKEv2 16388 16389 16430 16431 16418 16404', 'strongSwan'],
  ['IKEv1 rfc3947 draft-03 draft-02n draft-02 draft-00 dpd', 'SoftEther'],
];

/** The kinds of its vendor IDs, or with IKEv2, where few send any, the types of its notifications. */
function orderOf(answer: Answer): string {
  if (answer.version === 1) return answer.vendorIds.map(kindOf).join(' ');
  return answer.notifications.map(({ type }) => type).join(' ');
}

const KINDS: readonly (readonly [id: Bytes, kind: string])[] = [
  [VendorId.XAUTH, 'xauth'],
  [VendorId.DPD, 'dpd'],
  [VendorId.CISCO_UNITY, 'unity'],
  [VendorId.FRAGMENTATION, 'fragmentation'],
  [VendorId.NAT_T_RFC3947, 'rfc3947'],
  [VendorId.NAT_T_00, 'draft-00'],
  [VendorId.NAT_T_03, 'draft-03'],
  [VendorId.NAT_T_02, 'draft-02'],
  [VendorId.NAT_T_02_NEWLINE, 'draft-02n'],
];

function kindOf(id: Bytes): string {
  return KINDS.find(([known]) => startsWith(id, known))?.[1] ?? toHex(id.subarray(0, 4));
}
