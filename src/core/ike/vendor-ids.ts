/** Vendor ID payloads: what a peer says it can do, or is. */
import { type Bytes, bytesEqual, concat, startsWith } from '../bytes/bytes.ts';
import { fromHex } from '../bytes/text.ts';

export const VendorId = {
  /** RFC 3947 section 3.1 */
  NAT_T_RFC3947: fromHex('4a131c81070358455c5728f20e95452f'),
  /** MD5 of "draft-ietf-ipsec-nat-t-ike-00" to "-03"; "-02\n" is what some send in place of -02 */
  NAT_T_00: fromHex('4485152d18b6bbcd0be8a8469579ddcc'),
  NAT_T_01: fromHex('16f6ca16e4a4066d83821a0f0aeaa862'),
  NAT_T_02: fromHex('cd60464335df21f87cfdb2fc68b6a448'),
  NAT_T_02_NEWLINE: fromHex('90cb80913ebb696e086381b5ec427b1f'),
  NAT_T_03: fromHex('7d9419a65310ca6f2c179d9215529d56'),
  /** MD5 of "draft-ietf-ipsec-nat-t-ike" with -04 to -08 and without a number: Apple's clients send them all */
  NAT_T_04: fromHex('9909b64eed937c6573de52ace952fa6b'),
  NAT_T_05: fromHex('80d0bb3def54565ee84645d4c85ce3ee'),
  NAT_T_06: fromHex('4d1e0e136deafa34c4f3ea9f02ec7285'),
  NAT_T_07: fromHex('439b59f8ba676c4c7737ae22eab8f582'),
  NAT_T_08: fromHex('8f8d83826d246b6fc7a8a6a428c11de8'),
  NAT_T_UNNUMBERED: fromHex('4df37928e9fc4fd1b3262170d515c662'),
  /** [MS-IKEE] 1.7 and Cisco, who puts 80000000 behind it */
  FRAGMENTATION: fromHex('4048b7d56ebce88525e7de7f00d6c2d3'),
  /** draft-beaulieu-ike-xauth-02 section 3 */
  XAUTH: fromHex('09002689dfd6b712'),
  /** RFC 3706 section 5.1, version 1.0 */
  DPD: fromHex('afcad71368a1f1c96b8696fc77570100'),
  CISCO_UNITY: fromHex('12f5f28c457168a9702d9fe274cc0100'),
  /** [MS-IKEE] 1.7; a version of four bytes follows */
  MS_NT5_ISAKMPOAKLEY: fromHex('1e2b516905991c7d7c96fcbfb587e461'),
  /** [MS-IKEE] 1.7: MD5 of "Vid-Initial-Contact", "MS-Negotiation Discovery Capable" and "IKE CGA version 1" */
  MS_INITIAL_CONTACT: fromHex('26244d38eddb61b3172a36e3d0cfb819'),
  MS_NEGOTIATION_DISCOVERY: fromHex('fb1de3cdf341b7ea16b7e5be0855f120'),
  MS_IKE_CGA: fromHex('e3a5966a76379fe707228231e5ce8652'),
  /** Sent by Windows since 10, meaning unknown; 00000001 with IKEv1 */
  MS_UNKNOWN_WINDOWS_10: fromHex('01528bbbc00696121849ab9a1c5b2a5100000001'),
} as const;

/** From this [MS-IKEE] version on (Vista), quick mode message IDs start at one value and count up. */
const FIRST_COUNTING_MICROSOFT = 5;

/** NAT traversal as negotiated: numbers of payloads and encapsulation modes differ between the drafts and the RFC. */
export type NatTraversal = 'rfc3947' | 'draft';

/** What an IKEv1 peer's vendor IDs say. */
export interface PeerTraits {
  readonly natTraversal: NatTraversal | undefined;
  /** The best of the NAT-T vendor IDs that the peer sent, which a responder repeats. */
  readonly natTraversalVendorId: Bytes | undefined;
  readonly fragmentation: boolean;
  readonly xauth: boolean;
  readonly dpd: boolean;
  readonly unity: boolean;
  readonly countingMessageIds: boolean;
}

export const NO_TRAITS: PeerTraits = {
  natTraversal: undefined,
  natTraversalVendorId: undefined,
  fragmentation: false,
  xauth: false,
  dpd: false,
  unity: false,
  countingMessageIds: false,
};

/** Best first. The initiator offers them all. */
export const NAT_T_PREFERENCE = [
  VendorId.NAT_T_RFC3947,
  VendorId.NAT_T_03,
  VendorId.NAT_T_02_NEWLINE,
  VendorId.NAT_T_02,
];

const NAT_T_IDS = Object.entries(VendorId).flatMap(([name, id]) => (name.startsWith('NAT_T_') ? [id] : []));

export function isNatTraversalId(id: Bytes): boolean {
  return NAT_T_IDS.some((known) => bytesEqual(id, known));
}

/** Unknown vendor IDs mean nothing. 00 and 01 are recognised only to be passed over: their payloads are unlike later ones. */
export function readVendorIds(ids: readonly Bytes[]): PeerTraits {
  const has = (known: Bytes) => ids.some((id) => bytesEqual(id, known));
  const begins = (known: Bytes) => ids.some((id) => startsWith(id, known));
  const natTraversalVendorId = NAT_T_PREFERENCE.find(has);
  return {
    natTraversal: natTraversalVendorId && (natTraversalVendorId === VendorId.NAT_T_RFC3947 ? 'rfc3947' : 'draft'),
    natTraversalVendorId,
    fragmentation: begins(VendorId.FRAGMENTATION),
    xauth: has(VendorId.XAUTH),
    dpd: begins(VendorId.DPD.subarray(0, 14)),
    unity: begins(VendorId.CISCO_UNITY.subarray(0, 14)),
    countingMessageIds: ids.some(isCountingMicrosoft),
  };
}

function isCountingMicrosoft(id: Bytes): boolean {
  if (id.length !== 20 || !startsWith(id, VendorId.MS_NT5_ISAKMPOAKLEY)) return false;
  return id[19]! >= FIRST_COUNTING_MICROSOFT;
}

/** The vendor IDs that Sallyport sends: all that it can do, and of the NAT-T ones what `natTraversal` says. */
export function ownVendorIds(natTraversal: readonly Bytes[]): Bytes[] {
  const fragmentation = concat(VendorId.FRAGMENTATION, fromHex('80000000'));
  return [...natTraversal, VendorId.XAUTH, VendorId.DPD, VendorId.CISCO_UNITY, fragmentation];
}
