/** From the configuration to what the sessions go by: the part of it that a reload may change, certificates opened. */
import type { GatewayConfig } from '../config/config.ts';
import { identityFromText } from '../core/ikev1/identity.ts';
import { SECOND } from '../core/net/time.ts';
import type { GatewaySettings } from '../core/session/policy.ts';
import { type Identification, IdType } from '../core/wire/ikev1.ts';
import type { ConfigFiles } from '../host/config-files.ts';
import { HostError } from '../host/errors.ts';
import { certificateSource, type OpenedCertificate, openCertificate } from '../host/pki/own-certificate.ts';
import { certificateVerifier } from '../host/pki/verifier.ts';

export interface OpenedSettings extends GatewaySettings {
  readonly certificate: OpenedCertificate | undefined;
}

/** Throws {@link HostError} `CERTIFICATE`. */
export async function openSettings(config: GatewayConfig, files: ConfigFiles): Promise<OpenedSettings> {
  const { lifetimes, dpd, authorities, crls } = config;
  const paths = [...Object.values(config.certificate ?? {}), ...authorities, ...crls];
  return files.lend(paths, async (pathOf) => {
    const named = config.certificate;
    const certificate = named && openCertificate(certificateSource(named, files.read, pathOf), new Date());
    const users = config.policy.groups.some(({ certificates }) => certificates);
    if (certificate && certificate.kind !== 'rsa' && users) {
      throw new HostError(
        'CERTIFICATE',
        "the gateway's certificate has an ECDSA key, which IKEv1 has no method for where users with certificates log in: take one with an RSA key",
      );
    }
    return {
      policy: config.policy,
      certificate,
      identity: certificate && ownIdentity(config, certificate),
      verifier:
        authorities.length > 0
          ? certificateVerifier({
              authorities: authorities.map(pathOf),
              crls: crls.map(pathOf),
              now: () => new Date(),
            })
          : undefined,
      phase1Lifetime: lifetimes.phase1Seconds,
      phase2Lifetime: { seconds: lifetimes.phase2Seconds, kilobytes: lifetimes.phase2Kilobytes },
      dpd: dpd && { idle: dpd.idleSeconds * SECOND, timeout: dpd.timeoutSeconds * SECOND },
    };
  });
}

/** What the configuration says, else the certificate's first name, else its subject. */
function ownIdentity({ identity }: GatewayConfig, { names, subject }: OpenedCertificate): Identification {
  const name = identity ?? names[0];
  return name === undefined
    ? { type: IdType.DER_ASN1_DN, protocol: 0, port: 0, data: subject }
    : identityFromText(name);
}
