/** The gateway's settings as the IKEv1 engine wants them. */
import { SIGNATURE_METHODS } from '../ikev1/authentication.ts';
import type { Ikev1Policy } from '../ikev1/types.ts';
import { Authentication } from '../wire/ikev1.ts';
import type { GatewaySettings } from './policy.ts';

type FromSettings = Pick<
  Ikev1Policy,
  'legacy' | 'natTraversal' | 'phase1Lifetime' | 'dpd' | 'authentications' | 'certificate' | 'verifier'
>;

export function policyFromSettings(settings: GatewaySettings): FromSettings {
  const { policy, certificate, verifier, phase1Lifetime, dpd } = settings;
  const { legacy, natT: natTraversal } = policy;
  return { legacy, natTraversal, phase1Lifetime, dpd, authentications: servedMethods(settings), certificate, verifier };
}

/** The methods that some group or peer may use. */
function servedMethods({ policy, certificate, verifier }: GatewaySettings): number[] {
  const { groups, peers } = policy;
  const hybrid = certificate && groups.some((group) => group.hybrid);
  const signatures = certificate && verifier;
  const byCertificate = groups.some((group) => group.certificates) || peers.some((peer) => peer.psk === undefined);
  return [
    ...(hybrid ? [Authentication.HYBRID_INIT_RSA] : []),
    ...(signatures && byCertificate ? SIGNATURE_METHODS[certificate.kind] : []),
    Authentication.XAUTH_INIT_PSK,
    Authentication.PSK,
  ];
}
