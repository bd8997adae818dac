/** PKCS#12, RFC 7292: a key with its certificates in one file under a password. */
import { createHash, createPrivateKey, type KeyObject, randomBytes } from 'node:crypto';
import { type Bytes, constantTimeEqual } from '../../core/bytes/bytes.ts';
import { MalformedError } from '../../core/bytes/reader.ts';
import * as encode from '../der/encode.ts';
import { type DerReader, explicitTag, implicitTag, readWhole, Tag } from '../der/reader.ts';
import { HostError } from '../errors.ts';
import { decrypt, encrypt, makeMac, Pkcs12Error, readMac } from './pkcs12-password.ts';
import { readAlgorithm } from './signed.ts';

const DATA = '1.2.840.113549.1.7.1';
const ENCRYPTED_DATA = '1.2.840.113549.1.7.6';
const KEY_BAG = '1.2.840.113549.1.12.10.1.1';
const SHROUDED_KEY_BAG = '1.2.840.113549.1.12.10.1.2';
const CERTIFICATE_BAG = '1.2.840.113549.1.12.10.1.3';
const X509_CERTIFICATE = '1.2.840.113549.1.9.22.1';
const FRIENDLY_NAME = '1.2.840.113549.1.9.20';
const LOCAL_KEY_ID = '1.2.840.113549.1.9.21';

export interface Pkcs12 {
  readonly key: KeyObject;
  /** DER, in the file's order. */
  readonly certificates: readonly Bytes[];
}

/** @param file names it in errors. Throws {@link HostError} `CERTIFICATE`. */
export function readPkcs12(content: Bytes, password: string, file: string): Pkcs12 {
  try {
    const bags = readFile(Uint8Array.from(content), password);
    const [key, second] = bags.filter(({ type }) => type === KEY_BAG);
    if (!key || second) throw new Pkcs12Error(`holds ${key ? 'several keys' : 'no private key'}, and one is needed`);
    const certificates = bags.filter(({ type }) => type === CERTIFICATE_BAG).map(({ value }) => value);
    return { key: createPrivateKey({ key: Buffer.from(key.value), format: 'der', type: 'pkcs8' }), certificates };
  } catch (error) {
    if (error instanceof Pkcs12Error) throw new HostError('CERTIFICATE', `${file} ${error.message}${ADVICE}`);
    if (error instanceof MalformedError || error instanceof TypeError || isOpensslError(error))
      throw new HostError('CERTIFICATE', `${file} can't be read: ${(error as Error).message}${ADVICE}`);
    throw error;
  }
}

/** Files in BER, as browsers write them, end here too. */
const ADVICE = "; 'openssl pkcs12 -in FILE -nodes' (with -legacy if need be) makes PEM of what can be saved";

function isOpensslError(error: unknown): boolean {
  return String((error as NodeJS.ErrnoException).code).startsWith('ERR_OSSL');
}

interface Bag {
  readonly type: string;
  readonly value: Bytes;
}

/** Keys come out decrypted, as key bags; bags of other kinds are left out. */
function readFile(content: Bytes, password: string): Bag[] {
  const reader = readWhole(content, 'PKCS#12');
  if (reader.smallInteger() !== 3) reader.fail('another version than 3');
  const authSafe = readContentInfo(reader, password);
  const macData = reader.optionalInside(Tag.SEQUENCE);
  reader.end();
  checkMac(macData, authSafe, password);
  const safes = readWhole(authSafe, 'PKCS#12');
  const bags: Bag[] = [];
  while (!safes.atEnd) bags.push(...readBags(readContentInfo(safes, password), password));
  return bags;
}

/** The MAC is what tells a wrong password. */
function checkMac(macData: DerReader | undefined, authSafe: Bytes, password: string): void {
  if (!macData) throw new Pkcs12Error('is not authenticated (it has no MAC)');
  const { mac, compute } = readMac(macData);
  if (!constantTimeEqual(mac, compute(authSafe, password)))
    throw new Pkcs12Error("can't be opened: the password is wrong, or the file was changed");
}

/** RFC 5652 section 3, of the two kinds that a password opens. */
function readContentInfo(reader: DerReader, password: string): Bytes {
  const info = reader.inside();
  const type = info.oid();
  const inner = info.inside(explicitTag(0));
  if (type === DATA) return inner.value(Tag.OCTET_STRING).content;
  if (type !== ENCRYPTED_DATA) throw new Pkcs12Error('is encrypted to a certificate, not by a password');
  const data = inner.inside();
  data.smallInteger();
  const encrypted = data.inside();
  encrypted.oid();
  return decrypt(readAlgorithm(encrypted), encrypted.value(implicitTag(0)).content, password);
}

function readBags(content: Bytes, password: string): Bag[] {
  const reader = readWhole(content, 'PKCS#12');
  const bags: Bag[] = [];
  while (!reader.atEnd) {
    const bag = reader.inside();
    const type = bag.oid();
    const value = bag.inside(explicitTag(0));
    if (type === KEY_BAG) bags.push({ type, value: value.any().whole });
    if (type === SHROUDED_KEY_BAG) bags.push({ type: KEY_BAG, value: readShroudedKey(value.inside(), password) });
    if (type === CERTIFICATE_BAG) bags.push(...readCertificateBag(value.inside()));
  }
  return bags;
}

function readShroudedKey(info: DerReader, password: string): Bytes {
  return decrypt(readAlgorithm(info), info.value(Tag.OCTET_STRING).content, password);
}

function readCertificateBag(bag: DerReader): Bag[] {
  if (bag.oid() !== X509_CERTIFICATE) return [];
  return [{ type: CERTIFICATE_BAG, value: bag.inside(explicitTag(0)).value(Tag.OCTET_STRING).content }];
}

/** A guess at the password takes that many hashes, twice. */
const ITERATIONS = 50_000;

/**
 * A file for a client's certificate store.
 * @param certificates DER, the key's own first, then those above it
 * @param label what the store shows
 */
export function makePkcs12({ key, certificates }: Pkcs12, password: string, label: string): Bytes {
  const keyId = createHash('sha1').update(certificates[0]!).digest();
  const attributes = encode.set(
    attribute(FRIENDLY_NAME, encode.element(Tag.BMP_STRING, Buffer.from(label, 'utf16le').swap16())),
    attribute(LOCAL_KEY_ID, encode.octetString(keyId)),
  );
  const certificateBags = certificates.map((der, i) =>
    makeBag(CERTIFICATE_BAG, certificateBag(der), i === 0 ? attributes : undefined),
  );
  const shrouded = seal(Uint8Array.from(key.export({ type: 'pkcs8', format: 'der' })), password);
  const keyInfo = encode.sequence(shrouded.algorithm, encode.octetString(shrouded.content));
  const authSafe = encode.sequence(
    encryptedInfo(encode.sequence(...certificateBags), password),
    dataInfo(encode.sequence(makeBag(SHROUDED_KEY_BAG, keyInfo, attributes))),
  );
  const mac = makeMac(authSafe, password, randomBytes(SALT_BYTES), ITERATIONS);
  return encode.sequence(encode.smallInteger(3), dataInfo(authSafe), mac);
}

const SALT_BYTES = 16;

function seal(content: Bytes, password: string) {
  return encrypt(content, password, randomBytes(SALT_BYTES), ITERATIONS);
}

function dataInfo(content: Bytes): Bytes {
  return encode.sequence(encode.oid(DATA), encode.explicit(0, encode.octetString(content)));
}

function encryptedInfo(content: Bytes, password: string): Bytes {
  const { algorithm, content: encrypted } = seal(content, password);
  const info = encode.sequence(encode.oid(DATA), algorithm, encode.implicit(0, encrypted));
  return encode.sequence(encode.oid(ENCRYPTED_DATA), encode.explicit(0, encode.sequence(encode.smallInteger(0), info)));
}

function certificateBag(der: Bytes): Bytes {
  return encode.sequence(encode.oid(X509_CERTIFICATE), encode.explicit(0, encode.octetString(der)));
}

function makeBag(type: string, value: Bytes, attributes: Bytes | undefined): Bytes {
  return encode.sequence(encode.oid(type), encode.explicit(0, value), ...(attributes ? [attributes] : []));
}

function attribute(type: string, value: Bytes): Bytes {
  return encode.sequence(encode.oid(type), encode.set(value));
}
