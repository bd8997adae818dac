/** How IKE crosses the network between two endpoints. */
import type { Path } from '../net/path.ts';

export type IkeCarrier = 'udp' | 'nat-t' | 'cisco-tcp';

/** On the IKE port as it is, on the NAT-T port behind a non-ESP marker (RFC 3948 section 2.2), or in a cTCP flow. */
export type IkePath = Path<IkeCarrier>;
