/** A certificate, parsed: RFC 5280 section 4.1. What it says is checked elsewhere, {@link ./path.ts}. */
import type { KeyObject } from 'node:crypto';
import type { Bytes } from '../../core/bytes/bytes.ts';
import { toHex } from '../../core/bytes/text.ts';
import { DerReader, explicitTag, implicitTag, readWhole, Tag } from '../der/reader.ts';
import { commonName, isPlainName, readAlternativeNames } from './names.ts';
import { Extension } from './oids.ts';
import { readPublicKey } from './public-key.ts';
import { expectAlgorithm, parseSigned, readAlgorithm, type Signed } from './signed.ts';
import { readTime } from './time.ts';

export interface Certificate {
  readonly der: Bytes;
  readonly signed: Signed;
  /** Hex, as OpenSSL prints it: lower case here, two digits a byte. */
  readonly serial: string;
  /** Distinguished names, DER. */
  readonly issuer: Bytes;
  readonly subject: Bytes;
  /** Unix milliseconds; both ends belong to it. */
  readonly notBefore: number;
  readonly notAfter: number;
  readonly key: KeyObject;
  readonly extensions: Extensions;
  /** Alternative names as text, then the common name. */
  readonly names: readonly string[];
}

export interface Extensions {
  /** Whether it may issue certificates, and how many authorities may follow below it. */
  readonly ca: boolean;
  readonly pathLength: number;
  /** Undefined: everything. */
  readonly keyUsage: KeyUsage | undefined;
  /** OIDs. Undefined: every purpose. */
  readonly purposes: readonly string[] | undefined;
  readonly alternativeNames: readonly string[];
  /** OIDs of what must be understood and isn't. */
  readonly notUnderstood: readonly string[];
}

/** RFC 5280 section 4.2.1.3 */
export interface KeyUsage {
  readonly digitalSignature: boolean;
  readonly nonRepudiation: boolean;
  readonly keyCertSign: boolean;
  readonly cRLSign: boolean;
}

const V3 = 2;

/** Throws {@link MalformedError}. `der` is kept as it is: it must not change afterwards. */
export function parseCertificate(der: Bytes): Certificate {
  const signed = parseSigned(der, 'certificate');
  const body = readWhole(signed.body, 'certificate');
  const version = body.optionalInside(explicitTag(0))?.smallInteger() ?? 0;
  const serial = toHex(body.integer());
  expectAlgorithm(readAlgorithm(body), signed, body);
  const issuer = readName(body);
  const validity = body.inside();
  const [notBefore, notAfter] = [readTime(validity), readTime(validity)];
  validity.end();
  const subject = readName(body);
  const key = readPublicKey(body.value(Tag.SEQUENCE).whole) ?? body.fail('a key that cannot be read');
  body.optional(implicitTag(1));
  body.optional(implicitTag(2));
  const extensions = readExtensions(version === V3 ? body.optionalInside(explicitTag(3)) : undefined);
  body.end();
  const common = [commonName(subject)].filter((name) => name !== undefined && isPlainName(name)) as string[];
  const names = [...new Set([...extensions.alternativeNames, ...common])];
  return { der, signed, serial: withoutSignByte(serial), issuer, subject, notBefore, notAfter, key, extensions, names };
}

/** Read through once, so that nobody stumbles over it later. */
function readName(body: DerReader): Bytes {
  const { whole } = body.value(Tag.SEQUENCE);
  commonName(whole);
  return whole;
}

/** Serial numbers are compared as OpenSSL shows them: without the zero that keeps a number positive. */
export function withoutSignByte(serial: string): string {
  return serial.length > 2 && serial.startsWith('00') ? serial.slice(2) : serial;
}

interface RawExtension {
  readonly oid: string;
  readonly critical: boolean;
  readonly value: Bytes;
}

/** RFC 5280 section 4.2: none twice. Many write a critical of FALSE, which DER would leave out: no harm in it. */
export function readRawExtensions(reader: DerReader): RawExtension[] {
  const list = reader.inside();
  reader.end();
  const extensions: RawExtension[] = [];
  while (!list.atEnd) {
    const item = list.inside();
    const oid = item.oid();
    const critical = item.next === Tag.BOOLEAN && item.boolean();
    extensions.push({ oid, critical, value: item.value(Tag.OCTET_STRING).content });
    item.end();
    if (extensions.length > MAX_EXTENSIONS) list.fail('more extensions than a certificate has');
  }
  if (new Set(extensions.map(({ oid }) => oid)).size < extensions.length) list.fail('an extension that comes twice');
  return extensions;
}

const MAX_EXTENSIONS = 64;

/** Those read below, and the one of which nothing follows: policies, of which any will do. */
const UNDERSTOOD: ReadonlySet<string> = new Set([
  Extension.basicConstraints,
  Extension.keyUsage,
  Extension.extKeyUsage,
  Extension.subjectAltName,
  Extension.certificatePolicies,
]);

function readExtensions(reader: DerReader | undefined): Extensions {
  const raw = reader ? readRawExtensions(reader) : [];
  const find = (oid: string) => raw.find((extension) => extension.oid === oid)?.value;
  const keyUsage = find(Extension.keyUsage);
  const purposes = find(Extension.extKeyUsage);
  const alternativeNames = find(Extension.subjectAltName);
  return {
    ...readBasicConstraints(find(Extension.basicConstraints)),
    keyUsage: keyUsage && readKeyUsage(keyUsage),
    purposes: purposes && readPurposes(purposes),
    alternativeNames: alternativeNames ? readAlternativeNames(alternativeNames) : [],
    notUnderstood: raw.filter(isNotUnderstood).map(({ oid }) => oid),
  };
}

/** Name constraints have to be critical, and to skip them where they aren't would let names in that they keep out. */
function isNotUnderstood({ oid, critical }: RawExtension): boolean {
  return (critical && !UNDERSTOOD.has(oid)) || oid === Extension.nameConstraints;
}

/** RFC 5280 section 4.2.1.9 */
function readBasicConstraints(value: Bytes | undefined): Pick<Extensions, 'ca' | 'pathLength'> {
  if (!value) return { ca: false, pathLength: 0 };
  const reader = readWhole(value, 'basic constraints');
  const ca = reader.next === Tag.BOOLEAN && reader.boolean();
  const pathLength = reader.atEnd ? Number.POSITIVE_INFINITY : reader.smallInteger();
  reader.end();
  return { ca, pathLength };
}

function readKeyUsage(value: Bytes): KeyUsage {
  const reader = new DerReader(value, 'key usage');
  const { content } = reader.value(Tag.BIT_STRING);
  reader.end();
  if (content.length < 1 || content.length > 3 || content[0]! > 7) reader.fail('bad bits');
  const bit = (number: number) => ((content[1] ?? 0) & (0x80 >> number)) !== 0;
  return { digitalSignature: bit(0), nonRepudiation: bit(1), keyCertSign: bit(5), cRLSign: bit(6) };
}

function readPurposes(value: Bytes): string[] {
  const reader = readWhole(value, 'extended key usage');
  const purposes: string[] = [];
  while (!reader.atEnd) purposes.push(reader.oid());
  return purposes;
}
