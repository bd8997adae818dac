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
  /** [MS-IKEE] 1.7 and Cisco, who puts 80000000 behind it */
  FRAGMENTATION: fromHex('4048b7d56ebce88525e7de7f00d6c2d3'),
  /** draft-beaulieu-ike-xauth-02 section 3 */
  XAUTH: fromHex('09002689dfd6b712'),
  /** RFC 3706 section 5.1, version 1.0 */
  DPD: fromHex('afcad71368a1f1c96b8696fc77570100'),
  CISCO_UNITY: fromHex('12f5f28c457168a9702d9fe274cc0100'),
  /** [MS-IKEE] 1.7; a version of four bytes follows */
  MS_NT5_ISAKMPOAKLEY: fromHex('1e2b516905991c7d7c96fcbfb587e461'),
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
