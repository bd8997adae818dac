/** How IKE crosses the network between two endpoints. */
import { type Endpoint, sameEndpoint } from '../net/address.ts';

export type IkeCarrier = 'udp' | 'nat-t' | 'cisco-tcp';

/** On the IKE port as it is, on the NAT-T port behind a non-ESP marker (RFC 3948 section 2.2), or in a cTCP flow. */
export interface IkePath {
  readonly carrier: IkeCarrier;
  readonly local: Endpoint;
  readonly remote: Endpoint;
}

export function sameIkePath(a: IkePath, b: IkePath): boolean {
  return a.carrier === b.carrier && sameEndpoint(a.local, b.local) && sameEndpoint(a.remote, b.remote);
}
