/** How a group, a peer and the gateway itself prove who they are: secrets, certificates, and what must go together. */
import type { Bytes } from '../core/bytes/bytes.ts';
import type { GroupPolicy } from '../core/session/policy.ts';
import type { Located } from './checks.ts';
import type { CertificateFiles } from './config.ts';
import type { Item, Report } from './report.ts';
import type { AuthenticationSettings, CertificateSettings } from './schema.ts';
import { type ReadSecretFile, resolvePsk } from './secrets.ts';

type Proofs = Pick<GroupPolicy, 'psk' | 'hybrid' | 'certificates'>;

const OTHERWISE = ", or an 'authentication' that needs none: [hybrid] or [certificate]";

/** What the gateway has to prove itself with. */
export interface OwnProofs {
  readonly certificate: boolean;
  readonly authorities: boolean;
}

/** Undefined: nothing could prove anybody (reported if `owner` is given), or something is wrong. */
export function buildProofs(
  settings: AuthenticationSettings,
  own: OwnProofs,
  read: ReadSecretFile,
  report: Report,
  owner?: Item,
): Proofs | undefined {
  const { authentication } = settings;
  const methods = authentication?.value ?? ['psk'];
  const psk = methods.includes('psk') ? resolvePsk(settings, read, report, owner, OTHERWISE) : undefined;
  if (authentication) checkMethods(authentication, own, report);
  if (authentication && !methods.includes('psk') && (settings.psk || settings.psk_file)) {
    report.warning((settings.psk ?? settings.psk_file)!.item, "isn't used, since authentication doesn't name psk");
  }
  const proofs: Proofs = { psk, hybrid: methods.includes('hybrid'), certificates: methods.includes('certificate') };
  if (methods.includes('psk') && !psk) return undefined;
  return proofs;
}

export function buildCertificate(
  settings: Located<CertificateSettings> | undefined,
  absolute: (path: string) => string,
  report: Report,
): CertificateFiles | undefined {
  if (!settings) return undefined;
  const { file, key, pkcs12, password_file: password } = settings.value;
  if (file && key && !pkcs12 && !password) return { chain: absolute(file.value), key: absolute(key.value) };
  if (pkcs12 && password && !file && !key) {
    return { pkcs12: absolute(pkcs12.value), passwordFile: absolute(password.value) };
  }
  return report.error(settings.item, 'needs file and key, or pkcs12 and password_file', 'give one pair');
}

/** A peer without a secret proves itself by a certificate. */
export function buildPeerSecret(
  settings: AuthenticationSettings,
  own: OwnProofs,
  read: ReadSecretFile,
  report: Report,
  owner: Item,
): { readonly psk: Bytes | undefined } | undefined {
  if (!settings.psk && !settings.psk_file && own.certificate && own.authorities) return { psk: undefined };
  const otherwise = ", or set 'certificate' and 'authorities' for its certificate to prove it";
  const psk = resolvePsk(settings, read, report, owner, otherwise);
  return psk && { psk };
}

function checkMethods({ value, item }: Located<readonly string[]>, own: OwnProofs, report: Report): void {
  if (value.length === 0 && !report.failedAt(item.path))
    report.error(item, 'is empty', 'name psk, hybrid or certificate');
  if ((value.includes('hybrid') || value.includes('certificate')) && !own.certificate) {
    report.error(item, 'needs a certificate of the gateway', "set 'certificate'; 'sallyport ca' makes one");
  }
  if (value.includes('certificate') && !own.authorities) {
    const hint = "set 'authorities' to the files of those who issue the users' certificates";
    report.error(item, "certificates can't be checked without an authority", hint);
  }
}
