/** Checks the certificates of peers: {@link CertificateVerifier} over files of trusted authorities and revocation lists. */
import type { Bytes } from '../../core/bytes/bytes.ts';
import { MalformedError } from '../../core/bytes/reader.ts';
import type { CertificateVerifier, VerifiedCertificate } from '../../core/crypto/certificates.ts';
import { HostError } from '../errors.ts';
import { type Certificate, parseCertificate } from './certificate.ts';
import { parseCrl, RevocationLists, type StaleCrls } from './crl.ts';
import { readItems } from './files.ts';
import { verifiesHash } from './ike-signature.ts';
import { type Circumstances, refuseAuthority, refusePath } from './path.ts';
import { signatureKind } from './public-key.ts';

export interface VerifierOptions {
  /** Files of one or more certificates, PEM or DER. */
  readonly authorities: readonly string[];
  /** Files of revocation lists, PEM or DER. An authority without a list has revoked nothing. */
  readonly crls?: readonly string[];
  readonly now: () => Date;
  /** A list whose next update is overdue: refuse those it speaks for (the default), or go on believing it. */
  readonly staleCrls?: StaleCrls;
}

/** What a peer may send. */
const MAX_CERTIFICATES = 10;
const MAX_CERTIFICATE_BYTES = 16_384;

/** Reads the files once: after a change, make another. Throws {@link HostError} `CERTIFICATE`. */
export function certificateVerifier({
  authorities,
  crls = [],
  now,
  staleCrls = 'refuse',
}: VerifierOptions): CertificateVerifier {
  const trusted = authorities.flatMap(readAuthorities);
  const lists = new RevocationLists(
    crls.flatMap((file) => readItems(file, 'X509 CRL', parseCrl)),
    staleCrls,
  );
  return {
    authorities: trusted.map(({ subject }) => subject),
    verify: (chain, purpose) => verify(chain, { authorities: trusted, lists, purpose, now: now().getTime() }),
  };
}

function readAuthorities(file: string): Certificate[] {
  const authorities = readItems(file, 'CERTIFICATE', parseCertificate);
  const refused = authorities.map(refuseAuthority).find((why) => why !== undefined);
  if (refused) throw new HostError('CERTIFICATE', `${file}: ${refused}`);
  return authorities;
}

function verify(chain: readonly Bytes[], given: Circumstances): VerifiedCertificate | { refused: string } {
  if (chain.length > MAX_CERTIFICATES)
    return { refused: `${chain.length} certificates; ${MAX_CERTIFICATES} are the most` };
  const longest = Math.max(0, ...chain.map(({ length }) => length));
  if (longest > MAX_CERTIFICATE_BYTES)
    return { refused: `a certificate of ${longest} bytes; ${MAX_CERTIFICATE_BYTES} are the most` };
  try {
    // Copies: what came from the network may be overwritten while the certificate lives on.
    const [own, ...sent] = chain.map((der) => parseCertificate(der.slice()));
    return own ? verifyParsed(own, sent, given) : { refused: 'no certificate was sent' };
  } catch (error) {
    if (error instanceof MalformedError) return { refused: `a certificate is malformed (${error.message})` };
    throw error;
  }
}

function verifyParsed(
  own: Certificate,
  sent: readonly Certificate[],
  given: Circumstances,
): VerifiedCertificate | { refused: string } {
  const { subject, names, key } = own;
  const kind = signatureKind(key);
  if (!kind) return { refused: 'the certificate has a key that IKE has no signatures for' };
  const refused = refusePath(own, sent, given);
  if (refused !== undefined) return { refused };
  return { subject, names, kind, verifies: (hash, signature) => verifiesHash(kind, key, hash, signature) };
}
