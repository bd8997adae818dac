/** IKEv1 keys: the SKEYID family, the cipher key and its first IV, KEYMAT for ESP. RFC 2409 sections 5, 5.5, Appendix B. */
import { type Bytes, concat, EMPTY, u32 } from '../bytes/bytes.ts';
import { BLOCK_LENGTH, type CbcCipher, type HashName } from '../crypto/algorithms.ts';
import type { CryptoProvider } from '../crypto/provider.ts';

/** What phase 1 agreed on. IKEv1's prf is the HMAC of the agreed hash (section 4: no other was ever registered). */
export interface Phase1Algorithms {
  readonly hash: HashName;
  readonly cipher: CbcCipher;
  /** 128, 192 or 256; 192 for 3des-cbc */
  readonly keyBits: number;
}

/** What both sides of phase 1 have seen, bodies without their generic payload headers. */
export interface Phase1Exchange {
  /** CKY-I and CKY-R, 8 bytes each. */
  readonly initiatorCookie: Bytes;
  readonly responderCookie: Bytes;
  /** g^xi and g^xr */
  readonly initiatorPublic: Bytes;
  readonly responderPublic: Bytes;
  /** Ni_b and Nr_b */
  readonly initiatorNonce: Bytes;
  readonly responderNonce: Bytes;
  /** SAi_b: the initiator's whole SA payload body, every proposal in it. */
  readonly initiatorSa: Bytes;
}

/** An ISAKMP SA's keys. */
export interface Phase1Keys {
  readonly hash: HashName;
  readonly cipher: CbcCipher;
  readonly skeyid: Bytes;
  readonly skeyidD: Bytes;
  readonly skeyidA: Bytes;
  readonly skeyidE: Bytes;
  readonly cipherKey: Bytes;
  /** IV of the first encrypted message of phase 1. */
  readonly initialIv: Bytes;
}

/** The keys that serve the exchanges under a finished phase 1. */
export type IsakmpKeys = Pick<Phase1Keys, 'hash' | 'cipher' | 'skeyidD' | 'skeyidA' | 'cipherKey'>;

/** What is needed once phase 1 is over, in one piece of memory: it lives as long as the SA, and each piece costs more than its bytes. */
export function isakmpKeys({ hash, cipher, skeyidD, skeyidA, cipherKey }: Phase1Keys): IsakmpKeys {
  const all = concat(skeyidD, skeyidA, cipherKey);
  let at = 0;
  const next = ({ length }: Bytes) => {
    at += length;
    return all.subarray(at - length, at);
  };
  return { hash, cipher, skeyidD: next(skeyidD), skeyidA: next(skeyidA), cipherKey: next(cipherKey) };
}

/** Pre-shared keys: SKEYID = prf(pre-shared-key, Ni_b | Nr_b) */
export function skeyidFromPsk(crypto: CryptoProvider, hash: HashName, psk: Bytes, exchange: Phase1Exchange): Bytes {
  return crypto.hmac(hash, psk, exchange.initiatorNonce, exchange.responderNonce);
}

/** Signatures, and hybrid authentication: SKEYID = prf(Ni_b | Nr_b, g^xy) */
export function skeyidFromNonces(
  crypto: CryptoProvider,
  hash: HashName,
  sharedSecret: Bytes,
  exchange: Phase1Exchange,
): Bytes {
  return crypto.hmac(hash, concat(exchange.initiatorNonce, exchange.responderNonce), sharedSecret);
}

/**
 *     SKEYID_d = prf(SKEYID, g^xy | CKY-I | CKY-R | 0)
 *     SKEYID_a = prf(SKEYID, SKEYID_d | g^xy | CKY-I | CKY-R | 1)
 *     SKEYID_e = prf(SKEYID, SKEYID_a | g^xy | CKY-I | CKY-R | 2)
 */
export function phase1Keys(
  crypto: CryptoProvider,
  algorithms: Phase1Algorithms,
  skeyid: Bytes,
  sharedSecret: Bytes,
  exchange: Phase1Exchange,
): Phase1Keys {
  const { hash, cipher, keyBits } = algorithms;
  const derive = (previous: Bytes, octet: number) =>
    crypto.hmac(
      hash,
      skeyid,
      previous,
      sharedSecret,
      exchange.initiatorCookie,
      exchange.responderCookie,
      Uint8Array.of(octet),
    );
  const skeyidD = derive(EMPTY, 0);
  const skeyidA = derive(skeyidD, 1);
  const skeyidE = derive(skeyidA, 2);
  const cipherKey = expandCipherKey(crypto, hash, skeyidE, keyBits / 8);
  const initialIv = phase1Iv(crypto, algorithms, exchange);
  return { hash, cipher, skeyid, skeyidD, skeyidA, skeyidE, cipherKey, initialIv };
}

/**
 * The first bytes of SKEYID_e, or when it is too short (Appendix B) those of Ka:
 *
 *     Ka = K1 | K2 | K3 ...   K1 = prf(SKEYID_e, 0), K2 = prf(SKEYID_e, K1), K3 = prf(SKEYID_e, K2)
 */
function expandCipherKey(crypto: CryptoProvider, hash: HashName, skeyidE: Bytes, length: number): Bytes {
  if (skeyidE.length >= length) return skeyidE.slice(0, length);
  return expand(length, Uint8Array.of(0), (previous) => crypto.hmac(hash, skeyidE, previous));
}

/** IV = hash(g^xi | g^xr), its first bytes (Appendix B). */
function phase1Iv(crypto: CryptoProvider, { hash, cipher }: Phase1Algorithms, exchange: Phase1Exchange): Bytes {
  return crypto.hash(hash, exchange.initiatorPublic, exchange.responderPublic).slice(0, BLOCK_LENGTH[cipher]);
}

/** What one quick mode contributes to its keys. */
export interface QuickModeExchange {
  /** g(qm)^xy; absent without PFS. */
  readonly sharedSecret?: Bytes | undefined;
  /** Ni_b and Nr_b of this quick mode. */
  readonly initiatorNonce: Bytes;
  readonly responderNonce: Bytes;
}

/**
 * KEYMAT of one direction, `length` bytes (section 5.5). `spi` is chosen by the SA's receiver; `protocol` is 3 for ESP.
 *
 *     seed = [g(qm)^xy |] protocol | SPI | Ni_b | Nr_b
 *     KEYMAT = K1 | K2 | K3 ...   K1 = prf(SKEYID_d, seed), K2 = prf(SKEYID_d, K1 | seed)
 */
export function quickModeKeymat(
  crypto: CryptoProvider,
  keys: IsakmpKeys,
  exchange: QuickModeExchange,
  protocol: number,
  spi: number,
  length: number,
): Bytes {
  const { sharedSecret = EMPTY, initiatorNonce, responderNonce } = exchange;
  const seed = concat(sharedSecret, Uint8Array.of(protocol), u32(spi), initiatorNonce, responderNonce);
  return expand(length, EMPTY, (previous) => crypto.hmac(keys.hash, keys.skeyidD, previous, seed));
}

/** The first `length` bytes of next(first) | next(next(first)) | ... */
function expand(length: number, first: Bytes, next: (previous: Bytes) => Bytes): Bytes {
  const output = new Uint8Array(length);
  let block = first;
  for (let at = 0; at < length; at += block.length) {
    block = next(block);
    output.set(block.subarray(0, length - at), at);
  }
  return output;
}
