/** What captures, probes and live sessions tell the diagnosis: one datagram, as somebody on its way saw it. */
import type { Bytes } from '../bytes/bytes.ts';
import type { IpAddress } from '../net/address.ts';

export type SightedProtocol = 'udp' | 'tcp' | 'esp' | 'ah' | 'icmp' | 'icmp6';

/** IP is whole (fragments are put together), and addresses are as on the wire there. */
export interface Sighting {
  /** 1-based number in the capture as Wireshark counts; of the last fragment, if there were several. */
  readonly packet: number;
  /** Milliseconds since the epoch; fractions allowed. */
  readonly at: number;
  readonly source: IpAddress;
  readonly destination: IpAddress;
  readonly protocol: SightedProtocol;
  /** 0 where the protocol has no ports, as is the other one. */
  readonly sourcePort: number;
  readonly destinationPort: number;
  /** What follows the UDP or TCP header; of ESP, AH and ICMP all, from its own header on. Valid only during the call. */
  readonly payload: Bytes;
  /** Of that payload on the wire: more than `payload.length` when the capture cut it. */
  readonly length: number;
  readonly tcp?: TcpHead;
  /** How many fragments it came in; 1: it was not fragmented. */
  readonly fragments: number;
  /** Fragments of this datagram never came: the payload is what there is from its beginning on. */
  readonly isLost?: boolean;
}

/** Equal packets within this time are one that the capture saw in two places, and not sent again. Milliseconds. */
export const COPY_WINDOW = 60;

export interface TcpHead {
  /** As `TcpFlag` of `core/wire` has them. */
  readonly flags: number;
  readonly sequence: number;
  readonly acknowledgment: number;
}
