/** NAT detection in phase 1, RFC 3947 section 3.2: each side hashes the addresses that it sees. */
import { type Bytes, bytesEqual } from '../bytes/bytes.ts';
import type { IkePath } from '../carrier/ike-path.ts';
import type { HashName } from '../crypto/algorithms.ts';
import { natDetectionHash } from '../protection/ikev1-hashes.ts';
import { type Payload, PayloadType } from '../wire/isakmp.ts';
import type { SaContext } from './context.ts';
import type { PayloadSet } from './payload-set.ts';
import type { NatDetected } from './types.ts';

export const NO_NAT: NatDetected = { remote: false, local: false };

/** NAT traversal is of UDP: what goes through TCP needs none. */
export function speaksNatTraversal({ environment, path }: SaContext): boolean {
  return environment.policy.natTraversal && (path.carrier === 'udp' || path.carrier === 'nat-t');
}

/** Two payloads: first the destination as we see it, then our own address. None when NAT traversal was not agreed on. */
export function natDetectionPayloads(context: SaContext, hash: HashName, path: IkePath): Payload[] {
  const { natTraversal } = context.traits;
  if (!natTraversal || !speaksNatTraversal(context)) return [];
  const type = natTraversal === 'rfc3947' ? PayloadType.NAT_D : PayloadType.NAT_D_DRAFT;
  const remote = endpointHash(context, hash, path.remote);
  // what hashes to nothing that the peer sees is a NAT to it
  const local = forces(context) ? context.crypto.random(remote.length) : endpointHash(context, hash, path.local);
  return [remote, local].map((body) => ({ type, body }));
}

/** The peer's first hash is of us, the others of its own addresses; a mismatch means a NAT in between. */
export function detectNat(context: SaContext, hash: HashName, path: IkePath, payloads: PayloadSet): NatDetected {
  if (!context.traits.natTraversal || !speaksNatTraversal(context)) return NO_NAT;
  const [ours, ...theirs] = [...payloads.all(PayloadType.NAT_D), ...payloads.all(PayloadType.NAT_D_DRAFT)];
  if (!ours || theirs.length === 0) return NO_NAT;
  const remote = endpointHash(context, hash, path.remote);
  return {
    local: forces(context) || !bytesEqual(ours, endpointHash(context, hash, path.local)),
    remote: !theirs.some((seen) => bytesEqual(seen, remote)),
  };
}

function forces({ environment }: SaContext): boolean {
  return environment.policy.encapsulation === 'force';
}

function endpointHash(context: SaContext, hash: HashName, endpoint: IkePath['local']): Bytes {
  return natDetectionHash(context.crypto, hash, context.initiatorCookie, context.responderCookie, endpoint);
}
