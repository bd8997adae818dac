/** What a password encrypts and authenticates in PKCS#12: RFC 7292 appendix B and C, and PBES2 of RFC 8018. */
import { createCipheriv, createDecipheriv, createHash, createHmac, pbkdf2Sync } from 'node:crypto';
import { type Bytes, concat } from '../../core/bytes/bytes.ts';
import { utf8 } from '../../core/bytes/text.ts';
import * as encode from '../der/encode.ts';
import { type DerReader, readWhole, Tag } from '../der/reader.ts';
import { type AlgorithmIdentifier, readAlgorithm } from './signed.ts';

const PBE_SHA1_3DES = '1.2.840.113549.1.12.1.3';
const PBE_SHA1_RC2_40 = '1.2.840.113549.1.12.1.6';
const PBES2 = '1.2.840.113549.1.5.13';
const PBKDF2 = '1.2.840.113549.1.5.12';

const HASH_OIDS: Readonly<Record<string, string>> = {
  '1.3.14.3.2.26': 'sha1',
  '2.16.840.1.101.3.4.2.1': 'sha256',
  '2.16.840.1.101.3.4.2.2': 'sha384',
  '2.16.840.1.101.3.4.2.3': 'sha512',
};
const HMAC_OIDS: Readonly<Record<string, string>> = {
  '1.2.840.113549.2.7': 'sha1',
  '1.2.840.113549.2.9': 'sha256',
  '1.2.840.113549.2.10': 'sha384',
  '1.2.840.113549.2.11': 'sha512',
};
const CIPHERS: Readonly<Record<string, { readonly name: string; readonly keyBytes: number }>> = {
  '1.2.840.113549.3.7': { name: 'des-ede3-cbc', keyBytes: 24 },
  '2.16.840.1.101.3.4.1.2': { name: 'aes-128-cbc', keyBytes: 16 },
  '2.16.840.1.101.3.4.1.22': { name: 'aes-192-cbc', keyBytes: 24 },
  '2.16.840.1.101.3.4.1.42': { name: 'aes-256-cbc', keyBytes: 32 },
};

/** More takes minutes, and nobody sets it. */
const MAX_ITERATIONS = 10_000_000;

/** Why a file can't be opened, in words that follow its name. */
export class Pkcs12Error extends Error {
  override readonly name = 'Pkcs12Error';
}

/** Throws {@link Pkcs12Error} and MalformedError. */
export function decrypt({ oid, parameters }: AlgorithmIdentifier, encrypted: Bytes, password: string): Bytes {
  if (oid === PBE_SHA1_RC2_40) throw new Pkcs12Error('is encrypted with RC2');
  if (!parameters || (oid !== PBE_SHA1_3DES && oid !== PBES2))
    throw new Pkcs12Error(`is encrypted by an algorithm that isn't supported (${oid})`);
  const { cipher, key, iv } = (oid === PBES2 ? pbes2 : pbeSha1With3Des)(parameters, password);
  try {
    const decipher = createDecipheriv(cipher, key, iv);
    return concat(decipher.update(encrypted), decipher.final());
  } catch {
    throw new Pkcs12Error("can't be decrypted");
  }
}

interface CipherSetup {
  readonly cipher: string;
  readonly key: Bytes;
  readonly iv: Bytes;
}

function pbeSha1With3Des(parameters: Bytes, password: string): CipherSetup {
  const reader = readWhole(parameters, 'encryption');
  const salt = reader.value(Tag.OCTET_STRING).content;
  return threeDesSetup(password, salt, readIterations(reader));
}

function threeDesSetup(password: string, salt: Bytes, iterations: number): CipherSetup {
  const derive = (purpose: number, size: number) => deriveBytes('sha1', password, salt, iterations, purpose, size);
  return { cipher: 'des-ede3-cbc', key: derive(Derive.KEY, 24), iv: derive(Derive.IV, 8) };
}

/** RFC 8018 appendix A.4. */
function pbes2(parameters: Bytes, password: string): CipherSetup {
  const reader = readWhole(parameters, 'encryption');
  const [derivation, scheme] = [readAlgorithm(reader), readAlgorithm(reader)];
  const cipher = CIPHERS[scheme.oid];
  if (derivation.oid !== PBKDF2 || !cipher || !derivation.parameters || !scheme.parameters)
    throw new Pkcs12Error(`is encrypted by an algorithm that isn't supported (${derivation.oid}, ${scheme.oid})`);
  const inner = readWhole(derivation.parameters, 'key derivation');
  const salt = inner.value(Tag.OCTET_STRING).content;
  const iterations = readIterations(inner);
  inner.optional(Tag.INTEGER);
  const hash = inner.atEnd ? 'sha1' : HMAC_OIDS[readAlgorithm(inner).oid];
  if (!hash) throw new Pkcs12Error("is encrypted by an algorithm that isn't supported");
  const iv = readWhole(scheme.parameters, 'initialization vector', Tag.OCTET_STRING).rest();
  return { cipher: cipher.name, key: pbkdf2Sync(utf8(password), salt, iterations, cipher.keyBytes, hash), iv };
}

function readIterations(reader: DerReader): number {
  const iterations = reader.smallInteger();
  return iterations > 0 && iterations <= MAX_ITERATIONS ? iterations : reader.fail('a bad number of iterations');
}

/** The algorithm and what came of it. */
interface Encrypted {
  readonly algorithm: Bytes;
  readonly content: Bytes;
}

/** By the one algorithm that every client can decrypt, old Windows, macOS and phones included. */
export function encrypt(content: Bytes, password: string, salt: Bytes, iterations: number): Encrypted {
  const { cipher, key, iv } = threeDesSetup(password, salt, iterations);
  const encipher = createCipheriv(cipher, key, iv);
  const parameters = encode.sequence(encode.octetString(salt), encode.smallInteger(iterations));
  return {
    algorithm: encode.sequence(encode.oid(PBE_SHA1_3DES), parameters),
    content: concat(encipher.update(content), encipher.final()),
  };
}

/** The MAC of the whole, and what stands around it: RFC 7292 section 4, MacData. */
export function makeMac(content: Bytes, password: string, salt: Bytes, iterations: number): Bytes {
  const hash = encode.sequence(encode.oid('1.3.14.3.2.26'), encode.NULL);
  const mac = encode.octetString(macOf('sha1', content, password, salt, iterations));
  return encode.sequence(encode.sequence(hash, mac), encode.octetString(salt), encode.smallInteger(iterations));
}

/** What a MacData should say. */
export function readMac(reader: DerReader): { mac: Bytes; compute(content: Bytes, password: string): Bytes } {
  const info = reader.inside();
  const { oid } = readAlgorithm(info);
  const hash = HASH_OIDS[oid];
  if (!hash) throw new Pkcs12Error(`is authenticated by an algorithm that isn't supported (${oid})`);
  const mac = info.value(Tag.OCTET_STRING).content;
  const salt = reader.value(Tag.OCTET_STRING).content;
  const iterations = reader.atEnd ? 1 : readIterations(reader);
  return { mac, compute: (content, password) => macOf(hash, content, password, salt, iterations) };
}

function macOf(hash: string, content: Bytes, password: string, salt: Bytes, iterations: number): Bytes {
  const size = createHash(hash).digest().length;
  return createHmac(hash, deriveBytes(hash, password, salt, iterations, Derive.MAC, size))
    .update(content)
    .digest();
}

/** RFC 7292 appendix B.3: what the bytes are for. */
const Derive = { KEY: 1, IV: 2, MAC: 3 } as const;

/** RFC 7292 appendix B.2. The names are its own: D | S | P, hashed over and over; then I_j = (I_j + B + 1) mod 2^v. */
function deriveBytes(
  hash: string,
  password: string,
  salt: Bytes,
  iterations: number,
  purpose: number,
  size: number,
): Bytes {
  const v = hash === 'sha1' || hash === 'sha256' ? 64 : 128;
  const D = new Uint8Array(v).fill(purpose);
  let I = concat(repeated(salt, v), repeated(passwordBytes(password), v));
  let derived = new Uint8Array(0);
  while (derived.length < size) {
    let A: Bytes = concat(D, I);
    for (let i = 0; i < iterations; i++) A = createHash(hash).update(A).digest();
    derived = concat(derived, A);
    I = addToBlocks(I, repeated(A, v).subarray(0, v), v);
  }
  return derived.subarray(0, size);
}

/** Big-endian UTF-16 with a zero at its end, appendix B.1. */
function passwordBytes(password: string): Bytes {
  return Buffer.from(`${password}\0`, 'utf16le').swap16();
}

/** Filled up to a multiple of v. */
function repeated(bytes: Bytes, v: number): Bytes {
  const size = v * Math.ceil(bytes.length / v);
  return Uint8Array.from({ length: size }, (_, i) => bytes[i % bytes.length]!);
}

function addToBlocks(I: Bytes, B: Bytes, v: number): Uint8Array<ArrayBuffer> {
  const sum = Uint8Array.from(I);
  for (let start = 0; start < sum.length; start += v) {
    let carry = 1;
    for (let at = v - 1; at >= 0; at--) {
      carry += sum[start + at]! + B[at]!;
      sum[start + at] = carry;
      carry >>= 8;
    }
  }
  return sum;
}
