/** Whose certificate a gateway may show: an authority of the profile's vouches for it, and it names whom we meant to dial. */
import type { CertificateVerifier } from '../core/crypto/certificates.ts';
import { parseIp } from '../core/net/address.ts';
import { escapeControls } from '../host/escape.ts';
import { certificateVerifier } from '../host/pki/verifier.ts';

/**
 * An authority vouches for more than one gateway, and for clients: a name alone tells this one from the others.
 *
 * @param identities the names and addresses of which the certificate must have one; at least one
 */
export function gatewayVerifier(authorities: readonly string[], identities: readonly string[]): CertificateVerifier {
  const verifier = certificateVerifier({ authorities, crls: [], now: () => new Date() });
  return onlyFor(identities, verifier);
}

export function onlyFor(identities: readonly string[], verifier: CertificateVerifier): CertificateVerifier {
  const wanted = new Set(identities.map(canonical));
  return {
    authorities: verifier.authorities,
    verify(chain, purpose) {
      const certificate = verifier.verify(chain, purpose);
      if ('refused' in certificate || certificate.names.some((name) => wanted.has(canonical(name)))) return certificate;
      const names = certificate.names.map(escapeControls).join(', ') || 'nobody';
      return { refused: `its certificate is for ${names} and not for ${identities.join(' or ')}; see gateway_id` };
    },
  };
}

/** DNS knows no case and no dot at the end; an address has one text. */
function canonical(name: string): string {
  return parseIp(name)?.text ?? name.toLowerCase().replace(/\.$/, '');
}
