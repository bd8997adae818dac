/** Our own certificate with its key, from PEM files or a PKCS#12 file: {@link OwnCertificate}. */
import { createPrivateKey, createPublicKey, type KeyObject } from 'node:crypto';
import { type Bytes, bytesEqual } from '../../core/bytes/bytes.ts';
import type { OwnCertificate } from '../../core/crypto/certificates.ts';
import { HostError } from '../errors.ts';
import { type Certificate, parseCertificate } from './certificate.ts';
import { readItems, readSecret } from './files.ts';
import { signHash } from './ike-signature.ts';
import { formatName } from './names.ts';
import { refuseKey, signatureKind } from './public-key.ts';
import { formatTime } from './time.ts';

export type CertificateSource =
  | {
      /** PEM or DER: the certificate itself and what leads to its authority, in any order. */
      readonly certificate: readonly string[];
      /** PEM, PKCS#8 or the older forms. */
      readonly key: string;
      /** Of an encrypted key. */
      readonly passphrase?: string | undefined;
    }
  | { readonly pkcs12: string; readonly password: string };

export interface OpenedCertificate extends OwnCertificate {
  /** Alternative names, then the common name. */
  readonly names: readonly string[];
  readonly notAfter: Date;
  /** That it isn't valid yet, or no more: whole sentences for the log. */
  readonly warnings: readonly string[];
}

/** Throws {@link HostError} `CERTIFICATE`. */
export async function openCertificate(source: CertificateSource, now: Date): Promise<OpenedCertificate> {
  const { key, certificates, file } = 'pkcs12' in source ? await openPkcs12(source) : openPem(source);
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

function openPem({ certificate, key: file, passphrase }: Extract<CertificateSource, { key: string }>): Opened {
  const certificates = certificate.flatMap((name) => readItems(name, 'CERTIFICATE', parseCertificate));
  return { key: readPrivateKey(readSecret(file), file, passphrase), certificates, file };
}

/** PKCS#12 is rare, and its reader large: loaded on demand. */
async function openPkcs12({ pkcs12: file, password }: Extract<CertificateSource, { pkcs12: string }>): Promise<Opened> {
  const { readPkcs12 } = await import('./pkcs12.ts');
  const { key, certificates } = await readPkcs12(readSecret(file), password, file);
  return { key, certificates: certificates.map(parseCertificate), file };
}

function readPrivateKey(pem: Buffer, file: string, passphrase: string | undefined): KeyObject {
  try {
    return createPrivateKey({ key: pem, ...(passphrase === undefined ? {} : { passphrase }) });
  } catch (error) {
    throw new HostError('CERTIFICATE', `${file} holds no private key that can be read: ${whyUnreadable(error)}`);
  }
}

function whyUnreadable(error: unknown): string {
  const { code } = error as NodeJS.ErrnoException;
  if (code === 'ERR_MISSING_PASSPHRASE') return 'it is encrypted, and no passphrase is given';
  if (code === 'ERR_OSSL_BAD_DECRYPT') return 'the passphrase is wrong';
  return 'it has to be PEM ("BEGIN PRIVATE KEY")';
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
