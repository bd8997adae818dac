/** What certificates and CRLs have in common: SEQUENCE { what is signed, algorithm, signature }, RFC 5280 section 4.1.1. */
import { constants, type KeyObject, verify } from 'node:crypto';
import { type Bytes, bytesEqual } from '../../core/bytes/bytes.ts';
import { DerReader, explicitTag, readWhole, Tag } from '../der/reader.ts';

export interface Signed {
  /** The signed element, whole. */
  readonly body: Bytes;
  readonly algorithm: AlgorithmIdentifier;
  readonly signature: Bytes;
}

export interface AlgorithmIdentifier {
  readonly oid: string;
  /** DER; undefined where there are none. */
  readonly parameters: Bytes | undefined;
  readonly whole: Bytes;
}

/** Throws {@link MalformedError}. */
export function parseSigned(der: Bytes, what: string): Signed {
  const reader = readWhole(der, what);
  const body = reader.value(Tag.SEQUENCE).whole;
  const algorithm = readAlgorithm(reader);
  const signature = reader.bitStringBytes();
  reader.end();
  return { body, algorithm, signature };
}

export function readAlgorithm(reader: DerReader): AlgorithmIdentifier {
  const { content, whole } = reader.value(Tag.SEQUENCE);
  const inner = new DerReader(content, 'algorithm');
  const oid = inner.oid();
  const parameters = inner.atEnd ? undefined : inner.any().whole;
  inner.end();
  return { oid, parameters, whole };
}

/** The algorithm stands inside the signed part again, and has to be the same there. */
export function expectAlgorithm(inside: AlgorithmIdentifier, { algorithm }: Signed, reader: DerReader): void {
  if (!bytesEqual(inside.whole, algorithm.whole)) reader.fail('two signature algorithms');
}

type KeyType = 'rsa' | 'ec' | 'ed25519';

interface SignatureScheme {
  readonly key: KeyType;
  /** Null: the algorithm brings its own. */
  readonly hash: string | null;
}

/** RFC 4055, RFC 5758, RFC 8410. MD5 and SHA-1 aren't among them: others can make certificates to their sums. */
const SCHEMES: Readonly<Record<string, SignatureScheme>> = {
  '1.2.840.113549.1.1.11': { key: 'rsa', hash: 'sha256' },
  '1.2.840.113549.1.1.12': { key: 'rsa', hash: 'sha384' },
  '1.2.840.113549.1.1.13': { key: 'rsa', hash: 'sha512' },
  '1.2.840.10045.4.3.2': { key: 'ec', hash: 'sha256' },
  '1.2.840.10045.4.3.3': { key: 'ec', hash: 'sha384' },
  '1.2.840.10045.4.3.4': { key: 'ec', hash: 'sha512' },
  '1.3.101.112': { key: 'ed25519', hash: null },
};

const RSASSA_PSS = '1.2.840.113549.1.1.10';

const HASHES: Readonly<Record<string, string>> = {
  '2.16.840.1.101.3.4.2.1': 'sha256',
  '2.16.840.1.101.3.4.2.2': 'sha384',
  '2.16.840.1.101.3.4.2.3': 'sha512',
};

const TOO_WEAK: Readonly<Record<string, string>> = {
  '1.2.840.113549.1.1.2': 'MD2',
  '1.2.840.113549.1.1.4': 'MD5',
  '1.2.840.113549.1.1.5': 'SHA-1',
  '1.2.840.10045.4.1': 'SHA-1',
  '1.2.840.10040.4.3': 'SHA-1',
};

/** Undefined: `key` signed it. Otherwise why it can't be relied on. */
export function refuseSignature({ body, algorithm, signature }: Signed, key: KeyObject): string | undefined {
  const weak = TOO_WEAK[algorithm.oid];
  if (weak) return `is signed with ${weak}, which is too weak`;
  const scheme = algorithm.oid === RSASSA_PSS ? pssScheme(algorithm.parameters) : SCHEMES[algorithm.oid];
  if (!scheme) return `is signed by an algorithm that isn't supported (${algorithm.oid})`;
  if (key.asymmetricKeyType !== scheme.key) return `is signed by an algorithm that doesn't fit its issuer's key`;
  const padding = algorithm.oid === RSASSA_PSS ? PSS : {};
  return matches(scheme.hash, body, { key, ...padding }, signature) ? undefined : 'has a wrong signature';
}

const PSS = { padding: constants.RSA_PKCS1_PSS_PADDING, saltLength: constants.RSA_PSS_SALTLEN_AUTO };

/** OpenSSL throws on signatures that no key of this kind makes. */
function matches(hash: string | null, body: Bytes, key: Parameters<typeof verify>[2], signature: Bytes): boolean {
  try {
    return verify(hash, body, key, signature);
  } catch {
    return false;
  }
}

/** RFC 4055 section 3.1. The mask is made with the same hash, or the signature won't match. The default is SHA-1. */
function pssScheme(parameters: Bytes | undefined): SignatureScheme | undefined {
  if (!parameters) return undefined;
  const explicit = readWhole(parameters, 'PSS parameters').optionalInside(explicitTag(0));
  const hash = explicit && HASHES[readAlgorithm(explicit).oid];
  return hash ? { key: 'rsa', hash } : undefined;
}
