/** Our own certificate with its key, from PEM files or a PKCS#12 file: {@link OwnCertificate}. */
import { createPrivateKey, createPublicKey, type KeyObject } from 'node:crypto';
import type { CertificateFiles } from '../../config/config.ts';
import { type ReadFile, readFromDisk, readSecretFile } from '../../config/files.ts';
import { withoutLineEnd } from '../../config/secrets.ts';
import { type Bytes, bytesEqual } from '../../core/bytes/bytes.ts';
import { MalformedError } from '../../core/bytes/reader.ts';
import type { OwnCertificate } from '../../core/crypto/certificates.ts';
import { HostError } from '../errors.ts';
import { type Certificate, parseCertificate } from './certificate.ts';
import { readItems, readSecret } from './files.ts';
import { signHash } from './ike-signature.ts';
import { formatName } from './names.ts';
import { readPkcs12 } from './pkcs12.ts';
import { refuseKey, signatureKind } from './public-key.ts';
import { formatTime } from './time.ts';

/** Files. */
export type CertificateSource =
  | {
      /** PEM or DER: the certificate itself and what leads to its authority, in any order. */
      readonly certificate: readonly string[];
      /** PEM: PKCS#8 or the older forms. */
      readonly key: string;
    }
  | { readonly pkcs12: string; readonly password: string };

export interface OpenedCertificate extends OwnCertificate {
  /** Alternative names, then the common name. */
  readonly names: readonly string[];
  readonly notAfter: Date;
  /** That it isn't valid yet, or no more: whole sentences for the log. */
  readonly warnings: readonly string[];
}

/** From the names of a configuration or a profile; `pathOf` leads to a file. Throws {@link HostError} `CERTIFICATE`. */
export function certificateSource(
  files: CertificateFiles,
  read: ReadFile = readFromDisk,
  pathOf = (path: string) => path,
): CertificateSource {
  if ('chain' in files) return { certificate: [pathOf(files.chain)], key: pathOf(files.key) };
  const found = readSecretFile(files.passwordFile, read);
  if ('wrong' in found) throw new HostError('CERTIFICATE', [found.wrong, found.hint ?? []].flat().join('; '));
  return { pkcs12: pathOf(files.pkcs12), password: withoutLineEnd(found.text) };
}

/** Throws {@link HostError} `CERTIFICATE`. */
export function openCertificate(source: CertificateSource, now: Date): OpenedCertificate {
  const { key, certificates, file } = 'pkcs12' in source ? openPkcs12(source) : openPem(source);
  const own = certificates.find((certificate) => isPair(certificate, key));
  if (!own) throw new HostError('CERTIFICATE', `${file} holds a key that belongs to none of the certificates`);
  const kind = signatureKind(own.key);
  const refused = refuseKey(own.key) ?? (kind ? undefined : 'has a key that IKE has no signatures for');
  if (refused || !kind) throw new HostError('CERTIFICATE', `the certificate of ${formatName(own.subject)} ${refused}`);
  return {
    kind,
    chain: chainFrom(own, certificates),
    subject: own.subject,
    names: own.names,
    notAfter: new Date(own.notAfter),
    warnings: timeWarnings(own, now.getTime()),
    sign: (hash) => signHash(kind, key, hash),
  };
}

interface Opened {
  readonly key: KeyObject;
  readonly certificates: readonly Certificate[];
  /** Where the key was. */
  readonly file: string;
}

function openPem({ certificate, key: file }: Extract<CertificateSource, { key: string }>): Opened {
  const certificates = certificate.flatMap((name) => readItems(name, 'CERTIFICATE', parseCertificate));
  return { key: readPrivateKey(readSecret(file), file), certificates, file };
}

function openPkcs12({ pkcs12: file, password }: Extract<CertificateSource, { pkcs12: string }>): Opened {
  const { key, certificates } = readPkcs12(readSecret(file), password, file);
  return { key, certificates: certificates.map((der) => parseNamed(der, file)), file };
}

function parseNamed(der: Bytes, file: string): Certificate {
  try {
    return parseCertificate(der);
  } catch (error) {
    if (!(error instanceof MalformedError)) throw error;
    throw new HostError('CERTIFICATE', `${file} holds a certificate that can't be read: ${error.message}`);
  }
}

function readPrivateKey(pem: Buffer, file: string): KeyObject {
  try {
    return createPrivateKey(pem);
  } catch {
    const encrypted = /ENCRYPTED/.test(pem.toString('latin1'));
    const why = encrypted ? "it is encrypted; 'openssl pkey' decrypts it" : 'it has to be PEM ("BEGIN PRIVATE KEY")';
    throw new HostError('CERTIFICATE', `${file} holds no private key that can be read: ${why}`);
  }
}

function isPair({ key }: Certificate, privateKey: KeyObject): boolean {
  return key.asymmetricKeyType === privateKey.asymmetricKeyType && createPublicKey(privateKey).equals(key);
}

/** Ours first, each followed by its issuer, up to the authority, which the peer has to have anyway. */
function chainFrom(own: Certificate, certificates: readonly Certificate[]): Bytes[] {
  const chain: Certificate[] = [];
  let next: Certificate | undefined = own;
  while (next && !chain.includes(next) && (next === own || !bytesEqual(next.subject, next.issuer))) {
    chain.push(next);
    const { issuer }: Certificate = next;
    next = certificates.find(({ subject }) => bytesEqual(subject, issuer));
  }
  return chain.map(({ der }) => der);
}

function timeWarnings({ subject, notBefore, notAfter }: Certificate, now: number): string[] {
  const name = formatName(subject);
  if (now < notBefore)
    return [`the certificate of ${name} is not valid before ${formatTime(notBefore)}: peers refuse it`];
  if (now > notAfter) return [`the certificate of ${name} expired on ${formatTime(notAfter)}: peers refuse it`];
  return [];
}
