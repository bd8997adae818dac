/** The client's options as the IKEv1 engine wants them, for each way that IKE may take. */
import type { Ikev1Environment, Ikev1Policy } from '../../ikev1/types.ts';
import type { ClientOptions } from './events.ts';
import type { Way } from './ways.ts';

export function clientEnvironments(
  options: ClientOptions,
  authorizePhase2: Ikev1Policy['authorizePhase2'],
): Readonly<Record<Way, Ikev1Environment>> {
  const { crypto, intent, certificate, verifier, legacy, ports } = options;
  const common: Omit<Ikev1Policy, 'natTraversal'> = {
    side: 'client',
    legacy,
    phase1Lifetime: intent.lifetime,
    // the tunnel asks by itself, sooner, and by more than one way
    dpd: undefined,
    natTPort: ports.remote.natT,
    ownNatTPort: ports.local.natT,
    authentications: intent.suites.map(({ authentication }) => authentication),
    credentials: () => [intent.credential],
    certificate,
    verifier,
    ownIdentity: (_, path) => options.identity(path.local.address),
    authorizePhase2,
    lastTraffic: options.lastTraffic,
  };
  // with or without a NAT: NAT-T is one carrier, the others must find none
  const encapsulated = { crypto, policy: { ...common, natTraversal: true, encapsulation: 'force' as const } };
  const bare = { crypto, policy: { ...common, natTraversal: false } };
  return { 'nat-t': encapsulated, 'nat-t-from-500': encapsulated, udp: bare, 'cisco-tcp': bare };
}
