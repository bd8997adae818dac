/** What both sides of the house say about an ESP security association: the engines make it, the dataplane runs it. */
import type { Bytes } from '../bytes/bytes.ts';
import type { EspSuite } from '../crypto/algorithms.ts';
import type { Prefix } from '../net/address.ts';
import type { Path } from '../net/path.ts';

export interface EspKeys {
  /** The cipher's key, without GCM's salt. */
  readonly encryption: Bytes;
  /** 4 bytes with GCM, else empty. */
  readonly salt: Bytes;
  /** As long as the integrity hash's output (RFC 2404, 4868); empty with GCM. */
  readonly integrity: Bytes;
}

/** How ESP crosses the network. */
export type EspCarrier = 'esp' | 'nat-t' | 'cisco-udp' | 'cisco-tcp';

/**
 * Whether packets of one SA may change from one carrier to the other: its mode must fit both. NAT-T has modes of its own
 * (RFC 3947 section 5.1), the others carry plain tunnel mode.
 */
export function mayMove(from: EspCarrier, to: EspCarrier): boolean {
  return (from === 'nat-t') === (to === 'nat-t');
}

/** Whether ESP goes there in IKE's own flow: where IKE passes, it passes. */
export function goesWithIke(carrier: EspCarrier): carrier is 'nat-t' | 'cisco-tcp' {
  return carrier === 'nat-t' || carrier === 'cisco-tcp';
}

/** Both ports are 0 with native ESP; the remote one also while cisco-udp waits for the peer's first authenticated packet. */
export type EspPath = Path<EspCarrier>;

/** One direction of an SA pair. Remote is the peer's side, local ours, whichever the direction. */
export interface EspSa {
  readonly direction: 'in' | 'out';
  /** Inbound ours and unique in the process, outbound the peer's choice. 256 to 2^32-1 (RFC 4303 section 2.1). */
  readonly spi: number;
  readonly sessionId: number;
  readonly suite: EspSuite;
  readonly keys: EspKeys;
  /** Absent: tunnel mode. With transport mode there is L2TP inside, and the selectors are of what PPP carries. */
  readonly transport?: true;
  readonly localSelector: Prefix;
  readonly remoteSelector: Prefix;
  /** Bytes after which the dataplane asks for a rekey, once; absent: never by volume. */
  readonly softBytes?: number;
}
