/** IKEv1's authenticating hashes, RFC 2409 sections 5 and 5.5 to 5.7, and NAT detection's, RFC 3947 section 3.2. */
import { type Bytes, u16, u32 } from '../bytes/bytes.ts';
import type { HashName } from '../crypto/algorithms.ts';
import type { CryptoProvider } from '../crypto/provider.ts';
import type { Endpoint } from '../net/address.ts';
import type { IsakmpKeys, Phase1Exchange, Phase1Keys, QuickModeExchange } from './ikev1-keys.ts';

/** HASH_I = prf(SKEYID, g^xi | g^xr | CKY-I | CKY-R | SAi_b | IDii_b) */
export function hashI(crypto: CryptoProvider, keys: Phase1Keys, exchange: Phase1Exchange, idii: Bytes): Bytes {
  const { initiatorPublic, responderPublic, initiatorCookie, responderCookie, initiatorSa } = exchange;
  return crypto.hmac(
    keys.hash,
    keys.skeyid,
    initiatorPublic,
    responderPublic,
    initiatorCookie,
    responderCookie,
    initiatorSa,
    idii,
  );
}

/** HASH_R = prf(SKEYID, g^xr | g^xi | CKY-R | CKY-I | SAi_b | IDir_b) */
export function hashR(crypto: CryptoProvider, keys: Phase1Keys, exchange: Phase1Exchange, idir: Bytes): Bytes {
  const { initiatorPublic, responderPublic, initiatorCookie, responderCookie, initiatorSa } = exchange;
  return crypto.hmac(
    keys.hash,
    keys.skeyid,
    responderPublic,
    initiatorPublic,
    responderCookie,
    initiatorCookie,
    initiatorSa,
    idir,
  );
}

/**
 * HASH(1) = prf(SKEYID_a, M-ID | rest): first message of quick mode; each informational message (section 5.7); each
 * transaction message of Mode-Config and XAUTH (draft-dukes-ike-mode-cfg-02 section 3.2).
 *
 * `rest` is what follows the HASH payload, generic payload headers included. On receipt it is what the peer sent, in the
 * peer's order, up to the last payload's end: the padding is no part of it.
 */
export function hash1(crypto: CryptoProvider, keys: IsakmpKeys, messageId: number, rest: Bytes): Bytes {
  return crypto.hmac(keys.hash, keys.skeyidA, u32(messageId), rest);
}

/** HASH(2) = prf(SKEYID_a, M-ID | Ni_b | rest): second message of quick mode; `rest` as in {@link hash1}. */
export function hash2(
  crypto: CryptoProvider,
  keys: IsakmpKeys,
  messageId: number,
  initiatorNonce: Bytes,
  rest: Bytes,
): Bytes {
  return crypto.hmac(keys.hash, keys.skeyidA, u32(messageId), initiatorNonce, rest);
}

/** HASH(3) = prf(SKEYID_a, 0 | M-ID | Ni_b | Nr_b): third message of quick mode. */
export function hash3(crypto: CryptoProvider, keys: IsakmpKeys, messageId: number, exchange: QuickModeExchange): Bytes {
  const { initiatorNonce, responderNonce } = exchange;
  return crypto.hmac(keys.hash, keys.skeyidA, Uint8Array.of(0), u32(messageId), initiatorNonce, responderNonce);
}

/** NAT-D = hash(CKY-I | CKY-R | IP | Port). The hash is phase 1's; the address has 4 or 16 bytes, the port 2. */
export function natDetectionHash(
  crypto: CryptoProvider,
  hash: HashName,
  initiatorCookie: Bytes,
  responderCookie: Bytes,
  { address, port }: Endpoint,
): Bytes {
  return crypto.hash(hash, initiatorCookie, responderCookie, address.bytes, u16(port));
}
