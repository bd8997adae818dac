/** How IKE crosses the network between two endpoints. */
import { type Endpoint, formatEndpoint, sameEndpoint } from '../net/address.ts';

/** On the IKE port as it is, or on the NAT-T port behind a non-ESP marker (RFC 3948 section 2.2). */
export interface IkePath {
  readonly carrier: 'udp' | 'nat-t';
  readonly local: Endpoint;
  readonly remote: Endpoint;
}

export function sameIkePath(a: IkePath, b: IkePath): boolean {
  return a.carrier === b.carrier && sameEndpoint(a.local, b.local) && sameEndpoint(a.remote, b.remote);
}

export function formatIkePath(path: IkePath): string {
  return formatEndpoint(path.remote);
}
