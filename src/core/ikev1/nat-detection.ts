/** NAT traversal, RFC 3947: each side hashes the addresses that it sees, tells them for transport mode, and leaves UDP 500. */
import { type Bytes, bytesEqual } from '../bytes/bytes.ts';
import type { IkePath } from '../carrier/ike-path.ts';
import type { HashName } from '../crypto/algorithms.ts';
import type { IpAddress } from '../net/address.ts';
import { natDetectionHash } from '../protection/ikev1-hashes.ts';
import { EncapsulationMode, encodeOriginalAddress } from '../wire/ikev1.ts';
import { type Payload, PayloadType } from '../wire/isakmp.ts';
import type { SaContext } from './context.ts';
import type { PayloadSet } from './payload-set.ts';
import type { NatDetected } from './types.ts';

const NO_NAT: NatDetected = { remote: false, local: false };

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
  const seenAs = endpointHash(context, hash, path.remote);
  const remote = !theirs.some((own) => bytesEqual(own, seenAs));
  const local = !bytesEqual(ours, endpointHash(context, hash, path.local));
  return forces(context) ? { remote, local: true, isTrue: local } : { remote, local };
}

/** From its next message on the initiator that found a NAT speaks on the NAT-T port, RFC 3947 section 4; only UDP 500 floats. */
export function floated(context: SaContext, path: IkePath): IkePath {
  if (path.carrier !== 'udp') return path;
  const { natTPort, ownNatTPort = natTPort } = context.environment.policy;
  const local = { ...path.local, port: ownNatTPort };
  return { carrier: 'nat-t', local, remote: { ...path.remote, port: natTPort } };
}

function forces({ environment }: SaContext): boolean {
  return environment.policy.encapsulation === 'force';
}

/**
 * What transport mode in UDP tells of addresses, as we see them, since checksums inside are made of them (RFC 3947 section
 * 5.2): first the initiator's, then the responder's. None in the other modes.
 */
export function originalAddresses(mode: number, initiator: IpAddress, responder: IpAddress): Payload[] {
  const type = ORIGINAL_ADDRESS_TYPES[mode];
  return type === undefined ? [] : [initiator, responder].map((address) => encodeOriginalAddress(type, address));
}

const ORIGINAL_ADDRESS_TYPES: Readonly<Record<number, number>> = {
  [EncapsulationMode.UDP_TRANSPORT]: PayloadType.NAT_OA,
  [EncapsulationMode.UDP_TRANSPORT_DRAFT]: PayloadType.NAT_OA_DRAFT,
};

function endpointHash(context: SaContext, hash: HashName, endpoint: IkePath['local']): Bytes {
  return natDetectionHash(context.crypto, hash, context.initiatorCookie, context.responderCookie, endpoint);
}
