/** From the configuration to what the sessions go by: the part of it that a reload may change, certificates opened. */
import type { GatewayConfig } from '../config/config.ts';
import { identityFromText } from '../core/ikev1/identity.ts';
import { SECOND } from '../core/net/time.ts';
import type { GatewaySettings } from '../core/session/policy.ts';
import { type Identification, IdType } from '../core/wire/ikev1.ts';
import type { ConfigFiles } from '../host/config-files.ts';
import { HostError, systemReason } from '../host/errors.ts';
import { type CertificateSource, type OpenedCertificate, openCertificate } from '../host/pki/own-certificate.ts';
import { certificateVerifier } from '../host/pki/verifier.ts';

export interface OpenedSettings extends GatewaySettings {
  readonly certificate: OpenedCertificate | undefined;
}

/** Throws {@link HostError} `CERTIFICATE`. */
export async function openSettings(config: GatewayConfig, files: ConfigFiles): Promise<OpenedSettings> {
  const { lifetimes, dpd, authorities, crls } = config;
  const paths = [...Object.values(config.certificate ?? {}), ...authorities, ...crls];
  return files.lend(paths, async (pathOf) => {
    const source = certificateSource(config, files, pathOf);
    const certificate = source && (await openCertificate(source, new Date()));
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

function certificateSource(
  { certificate }: GatewayConfig,
  files: ConfigFiles,
  pathOf: (path: string) => string,
): CertificateSource | undefined {
  if (!certificate) return undefined;
  if ('chain' in certificate) return { certificate: [pathOf(certificate.chain)], key: pathOf(certificate.key) };
  return { pkcs12: pathOf(certificate.pkcs12), password: readPassword(certificate.passwordFile, files) };
}

function readPassword(path: string, files: ConfigFiles): string {
  try {
    const { bytes, openToOthers } = files.read(path);
    if (openToOthers) throw new HostError('CERTIFICATE', `${path} holds a password that others may read: chmod 600 it`);
    return bytes.toString('utf8').replace(/\r?\n$/, '');
  } catch (error) {
    if (error instanceof HostError) throw error;
    throw new HostError('CERTIFICATE', `can't read ${path}: ${systemReason(error)}`);
  }
}

/** What the configuration says, else the certificate's first name, else its subject. */
function ownIdentity({ identity }: GatewayConfig, { names, subject }: OpenedCertificate): Identification {
  const name = identity ?? names[0];
  return name === undefined
    ? { type: IdType.DER_ASN1_DN, protocol: 0, port: 0, data: subject }
    : identityFromText(name);
}
