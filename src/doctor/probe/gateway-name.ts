/** What a gateway is, by the vendor IDs that it sends: by one that names a product, else by which it sends in which order. */
import { type Bytes, startsWith } from '../../core/bytes/bytes.ts';
import { toHex } from '../../core/bytes/text.ts';
import { productOf } from '../../core/diagnosis/products.ts';
import { VendorId } from '../../core/ike/vendor-ids.ts';
import type { Answer } from './answer.ts';
import type { GatewayName } from './survey.ts';

/** By what it answered to the first negotiation of each version. */
export function nameGateway(answers: readonly Answer[]): GatewayName | undefined {
  for (const id of answers.flatMap(({ vendorIds }) => vendorIds)) {
    const name = productOf(id);
    if (name !== undefined) return { name, isCertain: true };
  }
  const orders = answers.map((answer) => `IKEv${answer.version} ${orderOf(answer)}`);
  const guess = GUESSES.find(([known]) => orders.includes(known));
  return guess && { name: guess[1], isCertain: false };
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
