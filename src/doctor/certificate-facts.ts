/** What a certificate says, for the diagnosis; who may believe it isn't asked here. */
import type { Bytes } from '../core/bytes/bytes.ts';
import { bytesEqual } from '../core/bytes/bytes.ts';
import { MalformedError } from '../core/bytes/reader.ts';
import type { CertificateFacts } from '../core/diagnosis/reading.ts';
import { parseCertificate } from '../host/pki/certificate.ts';
import { formatName } from '../host/pki/names.ts';

/** Undefined: no certificate, or none that can be read. */
export function certificateFacts(der: Bytes): CertificateFacts | undefined {
  try {
    const { subject, issuer, notBefore, notAfter, names, extensions } = parseCertificate(der);
    return {
      subject: formatName(subject),
      issuer: formatName(issuer),
      isSelfIssued: bytesEqual(subject, issuer),
      notBefore,
      notAfter,
      names,
      purposes: extensions.purposes,
    };
  } catch (error) {
    if (error instanceof MalformedError) return undefined;
    throw error;
  }
}
