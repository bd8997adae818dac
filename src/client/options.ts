/** A profile as the sessions want it: who we are, what we offer, whom we trust. */
import { CARRIERS, type Profile } from '../config/profile/profile.ts';
import { EMPTY } from '../core/bytes/bytes.ts';
import type { DhGroup, EspSuite } from '../core/crypto/algorithms.ts';
import { addressIdentity, identityFromText, identityText, keyIdentity } from '../core/ikev1/identity.ts';
import type { Phase1Suite } from '../core/ikev1/phase1-proposal.ts';
import { parseIp } from '../core/net/address.ts';
import { SECOND } from '../core/net/time.ts';
import type { ClientOptions } from '../core/session/client/events.ts';
import { Authentication, type Identification, IdType } from '../core/wire/ikev1.ts';
import { nodeCrypto } from '../host/crypto/node-crypto.ts';
import { type CertificateSource, type OpenedCertificate, openCertificate } from '../host/pki/own-certificate.ts';
import { certificateVerifier } from '../host/pki/verifier.ts';
import { readSecretFile } from '../host/secret-file.ts';

/** Silence after which we ask, where a profile leaves it open. */
const IDLE = 10 * SECOND;

/** Throws {@link HostError} `CERTIFICATE`. */
export async function clientOptions(profile: Profile): Promise<Omit<ClientOptions, 'ports' | 'lastTraffic'>> {
  const certificate = await openOwn(profile);
  const { authorities, pfs, carrier } = profile;
  return {
    crypto: nodeCrypto,
    gateways: profile.gateways,
    exchange: profile.exchange,
    intent: {
      suites: phase1Suites(profile),
      credential: {
        psk: profile.psk ?? EMPTY,
        accepts: (identity) => acceptsGateway(profile, identity),
        subject: undefined,
        known: true,
      },
      identity: ownIdentity(profile, certificate),
      lifetime: 86_400,
    },
    xauth: profile.xauth,
    certificate,
    verifier:
      authorities.length > 0 ? certificateVerifier({ authorities, crls: [], now: () => new Date() }) : undefined,
    legacy: profile.legacy,
    espSuites: espSuites(profile.legacy),
    pfsGroup: typeof pfs === 'number' ? pfs : undefined,
    phase2Lifetime: { seconds: 3600, kilobytes: undefined },
    carriers: carrier === 'auto' ? CARRIERS : [carrier],
    applicationVersion: profile.applicationVersion ?? 'Sallyport',
    routes: profile.routes,
    user: profile.user,
    password: profile.password,
    domain: profile.domain,
    idle: profile.dpd ? profile.dpd.idleSeconds * SECOND : IDLE,
  };
}

/** A secret proves any gateway that has it; a certificate must be for one that the profile names, if it names any. */
function acceptsGateway({ authentication, gatewayIdentities }: Profile, identity: Identification): boolean {
  if (authentication === 'psk' || gatewayIdentities.length === 0) return true;
  return gatewayIdentities.includes(identityText(identity));
}

function ownIdentity(
  { identity, authentication }: Profile,
  certificate: OpenedCertificate | undefined,
): Identification {
  if (identity !== undefined)
    return authentication === 'certificate' ? identityFromText(identity) : keyIdentity(identity);
  const [name] = certificate?.names ?? [];
  if (name !== undefined) return identityFromText(name);
  if (certificate) return { type: IdType.DER_ASN1_DN, protocol: 0, port: 0, data: certificate.subject };
  return addressIdentity(parseIp('0.0.0.0')!);
}

const METHODS = {
  psk: [Authentication.XAUTH_INIT_PSK, Authentication.PSK],
  hybrid: [Authentication.HYBRID_INIT_RSA, Authentication.HYBRID_INIT_RSA],
  certificate: [Authentication.XAUTH_INIT_RSA, Authentication.RSA_SIG],
} as const;

function phase1Suites({ authentication, xauth, exchange, dhGroup, legacy }: Profile): Phase1Suite[] {
  const method = METHODS[authentication][xauth ? 0 : 1];
  const modern: DhGroup[] = [14, 19];
  const all = legacy ? [...modern, 5 as const, 2 as const] : modern;
  const groups = dhGroup !== undefined ? [dhGroup] : exchange === 'aggressive' ? [14 as const] : all;
  return groups.flatMap((group) =>
    (['sha256', 'sha1', ...(legacy ? (['md5'] as const) : [])] as const).flatMap((hash) => [
      { cipher: 'aes-cbc' as const, keyBits: 128, hash, group, authentication: method },
      { cipher: 'aes-cbc' as const, keyBits: 256, hash, group, authentication: method },
      ...(legacy ? [{ cipher: '3des-cbc' as const, keyBits: 192, hash, group, authentication: method }] : []),
    ]),
  );
}

function espSuites(legacy: boolean): EspSuite[] {
  return [
    { cipher: 'aes-gcm', keyBits: 128 },
    { cipher: 'aes-gcm', keyBits: 256 },
    { cipher: 'aes-cbc', keyBits: 128, integrity: 'sha256' },
    { cipher: 'aes-cbc', keyBits: 256, integrity: 'sha256' },
    { cipher: 'aes-cbc', keyBits: 128, integrity: 'sha1' },
    { cipher: 'aes-cbc', keyBits: 256, integrity: 'sha1' },
    ...(legacy ? [{ cipher: '3des-cbc' as const, keyBits: 192, integrity: 'sha1' as const }] : []),
  ];
}

async function openOwn({ certificate }: Profile): Promise<OpenedCertificate | undefined> {
  if (!certificate) return undefined;
  const source: CertificateSource =
    'chain' in certificate
      ? { certificate: [certificate.chain], key: certificate.key }
      : { pkcs12: certificate.pkcs12, password: readSecretFile(certificate.passwordFile) };
  return openCertificate(source, new Date());
}
