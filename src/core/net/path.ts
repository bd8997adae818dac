/** A way across the network: by what, and between which two endpoints. */
import { type Endpoint, sameEndpoint } from './address.ts';

export interface Path<Carrier> {
  readonly carrier: Carrier;
  /** Ours. */
  readonly local: Endpoint;
  /** The peer's. */
  readonly remote: Endpoint;
}

export function samePath<Carrier>(a: Path<Carrier>, b: Path<Carrier>): boolean {
  return a.carrier === b.carrier && sameEndpoint(a.local, b.local) && sameEndpoint(a.remote, b.remote);
}
