/**
 * How the two sides of phase 1 prove themselves, RFC 2409 section 5 and draft-ietf-ipsec-isakmp-hybrid-auth:
 *
 *     method                       initiator          responder        SKEYID
 *     pre-shared key               HASH_I             HASH_R           prf(psk, Ni_b | Nr_b)
 *     signatures                   CERT, SIG_I        CERT, SIG_R      prf(Ni_b | Nr_b, g^xy)
 *     hybrid (the user follows)    HASH_I             CERT, SIG_R      prf(Ni_b | Nr_b, g^xy)
 *     hybrid, the gateway begins   CERT, SIG_I        HASH_R           prf(Ni_b | Nr_b, g^xy)
 *
 * A signature is over HASH_I or HASH_R. With ECDSA (RFC 4754 section 7) the prf of these two is the HMAC of the hash that belongs
 * to the curve, whatever hash was agreed on.
 */
import { type Bytes, bytesEqual, concat, constantTimeEqual } from '../bytes/bytes.ts';
import { MalformedError } from '../bytes/reader.ts';
import type { HashName } from '../crypto/algorithms.ts';
import type { SignatureKind, VerifiedCertificate } from '../crypto/certificates.ts';
import { hashI, hashR } from '../protection/ikev1-hashes.ts';
import {
  type Phase1Exchange,
  type Phase1Keys,
  phase1Keys,
  skeyidFromNonces,
  skeyidFromPsk,
} from '../protection/ikev1-keys.ts';
import { Authentication, IdType, parseId } from '../wire/ikev1.ts';
import { type Payload, PayloadType } from '../wire/isakmp.ts';
import type { SaContext } from './context.ts';
import { identityText } from './identity.ts';
import type { PayloadSet } from './payload-set.ts';
import type { Phase1Choice } from './phase1-proposal.ts';
import type { AuthenticationKind, Credential, Role } from './types.ts';

/** RFC 2408 section 3.9: "X.509 Certificate - Signature" */
const X509_SIGNATURE = 4;

const KINDS: Readonly<Record<number, AuthenticationKind>> = {
  [Authentication.PSK]: 'psk',
  [Authentication.XAUTH_INIT_PSK]: 'psk',
  [Authentication.XAUTH_RESP_PSK]: 'psk',
  [Authentication.RSA_SIG]: 'signatures',
  [Authentication.ECDSA_256]: 'signatures',
  [Authentication.ECDSA_384]: 'signatures',
  [Authentication.ECDSA_521]: 'signatures',
  [Authentication.XAUTH_INIT_RSA]: 'signatures',
  [Authentication.XAUTH_RESP_RSA]: 'signatures',
  [Authentication.HYBRID_INIT_RSA]: 'hybrid',
  [Authentication.HYBRID_RESP_RSA]: 'hybrid',
};

/** With a login or hybrid the number says who of the two has the user: these are for a gateway that renews phase 1 itself. */
const BEGUN_BY_GATEWAY: Readonly<Record<number, number>> = {
  [Authentication.XAUTH_INIT_PSK]: Authentication.XAUTH_RESP_PSK,
  [Authentication.XAUTH_INIT_RSA]: Authentication.XAUTH_RESP_RSA,
  [Authentication.HYBRID_INIT_RSA]: Authentication.HYBRID_RESP_RSA,
};

/** What a client that offers `method` takes from its gateway. */
export function begunByGateway(method: number): number {
  return BEGUN_BY_GATEWAY[method] ?? method;
}

/** Methods by which a certificate of that kind signs, the one with XAUTH first; ECDSA has none with it. */
export const SIGNATURE_METHODS: Readonly<Record<SignatureKind, readonly number[]>> = {
  rsa: [Authentication.XAUTH_INIT_RSA, Authentication.RSA_SIG],
  ecdsa256: [Authentication.ECDSA_256],
  ecdsa384: [Authentication.ECDSA_384],
  ecdsa521: [Authentication.ECDSA_521],
};

const ECDSA: Readonly<Record<number, { readonly kind: SignatureKind; readonly hash: HashName }>> = {
  [Authentication.ECDSA_256]: { kind: 'ecdsa256', hash: 'sha256' },
  [Authentication.ECDSA_384]: { kind: 'ecdsa384', hash: 'sha384' },
  [Authentication.ECDSA_521]: { kind: 'ecdsa521', hash: 'sha512' },
};

/** A method outside our tables never gets as far as this. */
export function kindOf({ suite }: Pick<Phase1Choice, 'suite'>): AuthenticationKind {
  const kind = KINDS[suite.authentication];
  if (!kind) throw new RangeError(`authentication method ${suite.authentication} was chosen`);
  return kind;
}

export function keysFor(
  context: SaContext,
  choice: Phase1Choice,
  credential: Credential,
  sharedSecret: Bytes,
  exchange: Phase1Exchange,
): Phase1Keys {
  const { crypto } = context;
  const { hash } = choice.suite;
  const skeyid =
    kindOf(choice) === 'psk'
      ? skeyidFromPsk(crypto, hash, credential.psk, exchange)
      : skeyidFromNonces(crypto, hash, sharedSecret, exchange);
  return phase1Keys(crypto, choice.suite, skeyid, sharedSecret, exchange);
}

/** Our own proof, to stand behind our ID payload; `id` is that payload's body. */
export function prove(
  context: SaContext,
  choice: Phase1Choice,
  keys: Phase1Keys,
  exchange: Phase1Exchange,
  id: Bytes,
): Payload[] {
  const hash = hashOf(context, context.role, choice, keys, exchange, id);
  if (!signs(context.role, choice)) return [{ type: PayloadType.HASH, body: hash }];
  const { certificate } = context.environment.policy;
  // a reload may have changed it since the method was chosen: this negotiation is over
  if (!certificate || !fits(certificate.kind, choice)) throw new MalformedError('our certificate is another by now');
  const chain = certificate.chain.map((der) => ({
    type: PayloadType.CERT,
    body: concat(Uint8Array.of(X509_SIGNATURE), der),
  }));
  return [...chain, { type: PayloadType.SIG, body: certificate.sign(hash) }];
}

/** Whether the peer has proven itself: false says nothing about why, as with a wrong pre-shared key. */
export function isProven(
  context: SaContext,
  choice: Phase1Choice,
  keys: Phase1Keys,
  exchange: Phase1Exchange,
  id: Bytes,
  payloads: PayloadSet,
): boolean | { readonly refused: string } {
  const prover = context.role === 'initiator' ? 'responder' : 'initiator';
  const hash = hashOf(context, prover, choice, keys, exchange, id);
  if (!signs(prover, choice)) return constantTimeEqual(hash, payloads.one(PayloadType.HASH));
  const { verifier, side } = context.environment.policy;
  if (!verifier) return { refused: "no authority is set that could vouch for it; see 'authorities'" };
  const chain = payloads.all(PayloadType.CERT).filter((body) => body[0] === X509_SIGNATURE);
  if (chain.length === 0) return { refused: 'it sent no X.509 certificate' };
  const certificate = verifier.verify(
    chain.map((body) => body.slice(1)),
    side === 'gateway' ? 'client' : 'gateway',
  );
  if ('refused' in certificate) return certificate;
  if (!fits(certificate.kind, choice)) {
    return { refused: `its certificate has a key for ${certificate.kind}, but ${signatureOf(choice)} was agreed on` };
  }
  if (!certificate.verifies(hash, payloads.one(PayloadType.SIG))) return { refused: 'its signature is wrong' };
  return names(certificate, id) || { refused: `its certificate isn't for ${identityText(parseId(id))}` };
}

/** Asks the peer for its certificate, when the method wants one. */
export function certificateRequests(context: SaContext, choice: Pick<Phase1Choice, 'suite'>): Payload[] {
  const peer = context.role === 'initiator' ? 'responder' : 'initiator';
  if (!signs(peer, choice)) return [];
  const authorities = context.environment.policy.verifier?.authorities ?? [];
  return authorities.map((dn) => ({ type: PayloadType.CR, body: concat(Uint8Array.of(X509_SIGNATURE), dn) }));
}

function signs(role: Role, choice: Pick<Phase1Choice, 'suite'>): boolean {
  const kind = kindOf(choice);
  const gateway = choice.suite.authentication === Authentication.HYBRID_RESP_RSA ? 'initiator' : 'responder';
  return kind === 'signatures' || (kind === 'hybrid' && role === gateway);
}

/**
 * Hybrid has a number for RSA, and none for ECDSA. Ours takes either under it, signed as RFC 4754 does over the HASH of the
 * agreed prf: other clients find an ECDSA signature wrong.
 */
function fits(kind: SignatureKind, choice: Pick<Phase1Choice, 'suite'>): boolean {
  return kindOf(choice) === 'hybrid' || kind === signatureOf(choice);
}

function signatureOf({ suite }: Pick<Phase1Choice, 'suite'>): SignatureKind {
  return ECDSA[suite.authentication]?.kind ?? 'rsa';
}

function hashOf(
  context: SaContext,
  prover: Role,
  choice: Phase1Choice,
  keys: Phase1Keys,
  exchange: Phase1Exchange,
  id: Bytes,
): Bytes {
  const hash = ECDSA[choice.suite.authentication]?.hash ?? keys.hash;
  return (prover === 'initiator' ? hashI : hashR)(context.crypto, { ...keys, hash }, exchange, id);
}

/** An identity that the certificate doesn't hold would make the certificate worthless. */
function names(certificate: VerifiedCertificate, idBody: Bytes): boolean {
  const id = parseId(idBody);
  if (id.type === IdType.DER_ASN1_DN) return bytesEqual(id.data, certificate.subject);
  return certificate.names.includes(identityText(id));
}
