/** Makes certificates, RFC 5280 section 4, in three forms: an authority's, a gateway's and a client's. */
import { createHash, createPublicKey, type KeyObject, randomBytes, sign } from 'node:crypto';
import type { Bytes } from '../../core/bytes/bytes.ts';
import { utf8 } from '../../core/bytes/text.ts';
import { parseIp } from '../../core/net/address.ts';
import * as der from '../der/encode.ts';
import type { Certificate } from './certificate.ts';
import { Extension, KeyPurpose } from './oids.ts';

/** What all forms need. */
export interface Order {
  /** The common name. */
  readonly name: string;
  /** The new certificate's own; a public key will do, but for an authority's. */
  readonly key: KeyObject;
  /** Unix milliseconds. */
  readonly notBefore: number;
  readonly notAfter: number;
}

export interface Issuer {
  readonly certificate: Certificate;
  readonly key: KeyObject;
}

/** It may issue for peers, not for other authorities. DER. */
export function makeAuthority(order: Order): Bytes {
  const constraints = extension(Extension.basicConstraints, true, der.sequence(der.boolean(true), der.smallInteger(0)));
  const usage = keyUsage(KeyUsageBit.keyCertSign, KeyUsageBit.cRLSign);
  const issuer = { name: distinguishedName(order.name), key: order.key };
  return make(order, issuer, [constraints, usage, subjectKeyIdentifier(order.key)]);
}

/** @param names DNS names and IP addresses by which clients know it. DER. */
export function makeGateway(order: Order, names: readonly string[], issuer: Issuer): Bytes {
  // Windows asks for serverAuth, macOS for iKEIntermediate.
  const purposes = extendedKeyUsage(KeyPurpose.serverAuth, KeyPurpose.ipsecIKE, KeyPurpose.iKEIntermediate);
  return makePeer(order, names, purposes, issuer);
}

/** @param names DNS names, mail and IP addresses. DER. */
export function makeClient(order: Order, names: readonly string[], issuer: Issuer): Bytes {
  return makePeer(order, names, extendedKeyUsage(KeyPurpose.clientAuth), issuer);
}

function makePeer(order: Order, names: readonly string[], purposes: Bytes, { certificate, key }: Issuer): Bytes {
  return make(order, { name: certificate.subject, key }, [
    extension(Extension.basicConstraints, true, der.sequence()),
    keyUsage(
      KeyUsageBit.digitalSignature,
      ...(order.key.asymmetricKeyType === 'rsa' ? [KeyUsageBit.keyEncipherment] : []),
    ),
    purposes,
    extension(Extension.subjectAltName, false, der.sequence(...names.map(alternativeName))),
    subjectKeyIdentifier(order.key),
    extension(Extension.authorityKeyIdentifier, false, der.sequence(der.implicit(0, keyIdentifier(key)))),
  ]);
}

/** @param issuer its distinguished name, DER, and its private key */
function make(order: Order, issuer: { name: Bytes; key: KeyObject }, extensions: readonly Bytes[]): Bytes {
  const body = der.sequence(
    der.explicit(0, der.smallInteger(2)),
    der.integer(randomSerial()),
    signatureAlgorithm(issuer.key),
    issuer.name,
    der.sequence(der.time(order.notBefore), der.time(order.notAfter)),
    distinguishedName(order.name),
    publicKeyInfo(order.key),
    der.explicit(3, der.sequence(...extensions)),
  );
  return signed(body, issuer.key);
}

/** RFC 5280 section 4.1.2.2: positive and at most 20 bytes; nobody foresees or repeats it. */
function randomSerial(): Bytes {
  const serial = randomBytes(16);
  serial[0] = (serial[0]! & 0x3f) | 0x40;
  return serial;
}

/** What certificates and revocation lists are: the body, its algorithm, the signature. */
export function signed(body: Bytes, key: KeyObject): Bytes {
  return der.sequence(body, signatureAlgorithm(key), der.bitString(sign('sha256', body, key)));
}

/** RFC 4055 section 5 (with NULL) and RFC 5758 section 3.2 (without), both with SHA-256. */
export function signatureAlgorithm(key: KeyObject): Bytes {
  return key.asymmetricKeyType === 'rsa'
    ? der.sequence(der.oid('1.2.840.113549.1.1.11'), der.NULL)
    : der.sequence(der.oid('1.2.840.10045.4.3.2'));
}

const COMMON_NAME = '2.5.4.3';

function distinguishedName(commonName: string): Bytes {
  return der.sequence(der.set(der.sequence(der.oid(COMMON_NAME), der.utf8String(commonName))));
}

function publicKeyInfo(key: KeyObject): Bytes {
  const publicKey = key.type === 'private' ? createPublicKey(key) : key;
  return Uint8Array.from(publicKey.export({ type: 'spki', format: 'der' }));
}

/** RFC 7093 section 2, method 1: the first 160 bits of SHA-256. */
export function keyIdentifier(key: KeyObject): Bytes {
  return createHash('sha256').update(publicKeyInfo(key)).digest().subarray(0, 20);
}

function subjectKeyIdentifier(key: KeyObject): Bytes {
  return extension(Extension.subjectKeyIdentifier, false, der.octetString(keyIdentifier(key)));
}

export function extension(oid: string, critical: boolean, value: Bytes): Bytes {
  return der.sequence(der.oid(oid), ...(critical ? [der.boolean(true)] : []), der.octetString(value));
}

/** RFC 5280 section 4.2.1.3 */
const KeyUsageBit = { digitalSignature: 0, keyEncipherment: 2, keyCertSign: 5, cRLSign: 6 } as const;

function keyUsage(...bits: readonly number[]): Bytes {
  const byte = bits.reduce((sum, bit) => sum | (0x80 >> bit), 0);
  return extension(Extension.keyUsage, true, der.bitString(Uint8Array.of(byte), 7 - Math.max(...bits)));
}

function extendedKeyUsage(...purposes: readonly string[]): Bytes {
  return extension(Extension.extKeyUsage, false, der.sequence(...purposes.map(der.oid)));
}

/** RFC 5280 section 4.2.1.6 */
function alternativeName(name: string): Bytes {
  const address = parseIp(name);
  if (address) return der.implicit(7, address.bytes);
  return der.implicit(name.includes('@') ? 1 : 2, utf8(name));
}
