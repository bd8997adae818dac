/** A profile as the sessions want it: who we are, what we offer, whom we trust. */
import type { Profile } from '../config/profile/profile.ts';
import { EMPTY } from '../core/bytes/bytes.ts';
import type { DhGroup } from '../core/crypto/algorithms.ts';
import { addressIdentity, identityFromText, keyIdentity } from '../core/ikev1/identity.ts';
import type { IpAddress } from '../core/net/address.ts';
import { SECOND } from '../core/net/time.ts';
import { CARRIERS } from '../core/openings/openings.ts';
import type { Persona } from '../core/personas/persona.ts';
import { isPersonaName, PERSONA_NAMES, PERSONAS } from '../core/personas/personas.ts';
import type { ClientOptions } from '../core/session/client/events.ts';
import { phase1Intent, phase2Intent } from '../core/session/client/offer.ts';
import { EncapsulationMode, type Identification, IdType } from '../core/wire/ikev1.ts';
import { nodeCrypto } from '../host/crypto/node-crypto.ts';
import { HostError } from '../host/errors.ts';
import { certificateSource, type OpenedCertificate, openCertificate } from '../host/pki/own-certificate.ts';
import { gatewayVerifier } from './gateway-verifier.ts';

/** Silence after which we ask, where a profile leaves it open. */
const IDLE = 10 * SECOND;

/** Throws {@link HostError} `CERTIFICATE`. */
export function clientOptions(profile: Profile): Omit<ClientOptions, 'ports' | 'lastTraffic'> {
  const files = profile.certificate;
  const certificate = files && openCertificate(certificateSource(files), new Date());
  const { authorities, pfs, carrier, exchange, xauth, l2tp, legacy } = profile;
  const persona = personaOf(profile);
  const authentication = KINDS[profile.authentication];
  const phase1 = phase1Intent(persona, {
    exchange,
    authentication,
    xauth,
    l2tp,
    group: profile.dhGroup,
    legacy,
    certificate: certificate?.kind,
  });
  if (!phase1 && authentication === 'signatures' && xauth && certificate?.kind !== 'rsa') {
    throw new HostError(
      'CERTIFICATE',
      "our certificate has an ECDSA key, which IKEv1 has no method for where users log in: take one with an RSA key, or 'xauth: false'",
    );
  }
  const own = typeof pfs === 'number' ? pfs : undefined;
  const phase2 = (mode: number, told?: DhGroup) =>
    phase2Intent(persona, { mode, group: pfs === 'gateway' ? told : own, legacy });
  if (!phase1 || !phase2(EncapsulationMode.TUNNEL)) throw nothingToOffer(persona);
  const carriers = carrier === 'auto' ? CARRIERS : [carrier];
  if (l2tp && carrier === 'cisco-udp')
    throw new HostError('CARRIER', "L2TP can't go by cisco-udp: leave --carrier out, or name another");
  return {
    crypto: nodeCrypto,
    gateways: profile.gateways,
    exchange,
    intent: {
      ...phase1,
      credential: {
        psk: profile.psk ?? EMPTY,
        // A certificate must hold the identity, and the verifier has looked whose it is.
        accepts: () => true,
        subject: undefined,
        known: true,
      },
    },
    identity: ownIdentity(profile, certificate),
    login: l2tp ? 'l2tp' : xauth ? 'xauth' : 'none',
    certificate,
    verifier: authorities.length > 0 ? gatewayVerifier(authorities, profile.gatewayIdentities) : undefined,
    legacy,
    phase2: (mode, told) => phase2(mode, told)!,
    carriers: l2tp ? carriers.filter((one) => one !== 'cisco-udp') : carriers,
    persona,
    applicationVersion: profile.applicationVersion,
    routes: profile.routes?.some(({ length }) => length === 0) ? 'all' : profile.routes,
    user: profile.user,
    password: profile.password,
    domain: profile.domain,
    pppMethods: profile.pppMethods,
    tunnelSecret: profile.tunnelSecret,
    idle: profile.dpd ? profile.dpd.idleSeconds * SECOND : IDLE,
  };
}

function ownIdentity(
  { identity, authentication }: Profile,
  certificate: OpenedCertificate | undefined,
): (local: IpAddress) => Identification {
  const always = (one: Identification) => () => one;
  if (identity !== undefined)
    return always(authentication === 'certificate' ? identityFromText(identity) : keyIdentity(identity));
  const [name] = certificate?.names ?? [];
  if (name !== undefined) return always(identityFromText(name));
  if (certificate) return always({ type: IdType.DER_ASN1_DN, protocol: 0, port: 0, data: certificate.subject });
  return addressIdentity;
}

const KINDS = { psk: 'psk', hybrid: 'hybrid', certificate: 'signatures' } as const;

/** Throws {@link HostError} `PERSONA`. */
function personaOf({ persona = 'sallyport' }: Profile): Persona {
  if (isPersonaName(persona)) return PERSONAS[persona];
  throw new HostError('PERSONA', `there is no persona ${persona}; there are ${PERSONA_NAMES.join(', ')}`);
}

function nothingToOffer(persona: Persona): HostError {
  return new HostError(
    'PERSONA',
    `${persona.name} offers only old algorithms: say 'legacy: true', or take another persona`,
  );
}
