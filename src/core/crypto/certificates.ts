/** The port to X.509: our own certificate signs, the trusted authorities check the peer's. `host/pki` implements it. */
import type { Bytes } from '../bytes/bytes.ts';

/** What IKEv1 signs with: RSA as RFC 2409 section 5.1 wants it, ECDSA as RFC 4754. */
export type SignatureKind = 'rsa' | 'ecdsa256' | 'ecdsa384' | 'ecdsa521';

export interface OwnCertificate {
  readonly kind: SignatureKind;
  /** DER, our own first, then what leads to the authority (without the authority itself). */
  readonly chain: readonly Bytes[];
  /** The subject's distinguished name, DER, as an ID payload of type DER_ASN1_DN carries it. */
  readonly subject: Bytes;
  /**
   * RSA: PKCS#1 v1.5 block type 1 over `hash` itself, without a DigestInfo (RFC 2409 section 5.1). ECDSA: r | s, each padded
   * to the curve's length (RFC 4754 section 7), over `hash` as the digest, cut to the curve's length if it is longer.
   */
  sign(hash: Bytes): Bytes;
}

/** A certificate that leads to a trusted authority, is in its time, not revoked, and fit for the purpose. */
export interface VerifiedCertificate {
  readonly subject: Bytes;
  /** Subject alternative names as text (DNS names, addresses, mail addresses), and the common name. */
  readonly names: readonly string[];
  readonly kind: SignatureKind;
  /** Whether `signature` is this certificate's over `hash`, by the rules of {@link OwnCertificate.sign}. */
  verifies(hash: Bytes, signature: Bytes): boolean;
}

export interface CertificateVerifier {
  /** Distinguished names of the trusted authorities, DER, for CERTREQ payloads. */
  readonly authorities: readonly Bytes[];
  /** `chain`: what the peer sent, DER, its own certificate first. Bad input of any kind is a refusal in words. */
  verify(chain: readonly Bytes[], purpose: 'client' | 'gateway'): VerifiedCertificate | { readonly refused: string };
}
