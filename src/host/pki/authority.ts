/**
 * A small authority in a folder of its own:
 *
 *   authority.crt, .key, .crl      its certificate, key and revocation list
 *   issued/SERIAL.crt              every certificate that it ever issued
 *   gateways/NAME.crt, .key        what a gateway takes
 *   clients/NAME.crt, .key         what a client takes
 */
import { createPrivateKey, createPublicKey, generateKeyPairSync, type KeyObject } from 'node:crypto';
import { existsSync, readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import type { Bytes } from '../../core/bytes/bytes.ts';
import { parseIp } from '../../core/net/address.ts';
import { HostError, systemReason } from '../errors.ts';
import { makePrivateFolder } from '../private-folder.ts';
import { type Certificate, parseCertificate } from './certificate.ts';
import { type Crl, parseCrl } from './crl.ts';
import { readItems, readSecret } from './files.ts';
import { type Issuer, makeAuthority, makeClient, makeGateway, type Order } from './issue.ts';
import { makeCrl } from './issue-crl.ts';
import { commonName } from './names.ts';
import { KeyPurpose } from './oids.ts';
import { encodePem } from './pem.ts';
import { makePkcs12 } from './pkcs12.ts';
import { refuseSignature } from './signed.ts';
import { type NewFile, PUBLIC, SECRET, writeFiles } from './write-file.ts';

/** RSA of 3072 bits, which every client understands, or ECDSA on P-256. */
export type NewKey = 'rsa' | 'p256';

export interface IssueOptions {
  readonly key: NewKey;
  readonly days: number;
  readonly force: boolean;
  readonly now: Date;
}

/** A certificate and where it lies. */
export interface IssuedFiles {
  readonly certificate: Certificate;
  readonly certificateFile: string;
  readonly keyFile: string;
}

export interface IssuedRow {
  readonly serial: string;
  readonly kind: 'gateway' | 'client';
  readonly name: string;
  readonly names: readonly string[];
  readonly notAfter: Date;
  readonly revoked: Date | undefined;
  readonly file: string;
}

/** Days. Apple takes no gateway's certificate that lives longer than 825. */
export const LIFETIMES = { authority: 3650, peer: 825 } as const;

const DAY = 86_400_000;
/** Clients' clocks are a little wrong. */
const EARLIER = 3_600_000;

/** Makes the authority's files. Throws {@link HostError} `FILE_EXISTS` and `CERTIFICATE`. */
export function createAuthority(
  folder: string,
  name: string,
  { key: kind, days, force, now }: IssueOptions,
): Authority {
  if (!force && existsSync(paths(folder).key))
    throw new HostError(
      'FILE_EXISTS',
      `there is an authority in ${folder}; --force makes another in its place, which trusts none of the old certificates`,
    );
  makePrivateFolder(folder);
  const key = newKey(kind);
  const der = makeAuthority(order(checkedName(name), key, days, now));
  const issuer = { certificate: parseCertificate(der), key };
  writeFiles(
    [
      { path: paths(folder).key, content: keyPem(key), mode: SECRET },
      { path: paths(folder).certificate, content: encodePem('CERTIFICATE', der), mode: PUBLIC },
      crlFile(folder, firstCrl(issuer, now)),
    ],
    force,
  );
  return openAuthority(folder);
}

/** Throws {@link HostError} `NO_AUTHORITY` and `CERTIFICATE`. */
export function openAuthority(folder: string): Authority {
  const { certificate: file, key: keyFile } = paths(folder);
  if (!isThere(file))
    throw new HostError('NO_AUTHORITY', `there is no authority in ${folder}; 'sallyport ca init' makes one`);
  const [certificate] = readItems(file, 'CERTIFICATE', parseCertificate);
  return new Authority(folder, certificate!, keyFile);
}

/** Whoever may not look into the folder is not told that there is none. */
function isThere(file: string): boolean {
  try {
    return statSync(file, { throwIfNoEntry: false }) !== undefined;
  } catch (error) {
    throw new HostError('CERTIFICATE', `can't read ${file}: ${systemReason(error)}; the authority is for root`);
  }
}

function paths(folder: string) {
  const path = (ending: string) => join(folder, `authority.${ending}`);
  return { certificate: path('crt'), key: path('key'), crl: path('crl') };
}

export class Authority {
  readonly certificate: Certificate;
  readonly certificateFile: string;
  readonly keyFile: string;
  readonly crlFile: string;
  readonly #folder: string;

  constructor(folder: string, certificate: Certificate, keyFile: string) {
    this.#folder = folder;
    this.certificate = certificate;
    this.keyFile = keyFile;
    this.certificateFile = paths(folder).certificate;
    this.crlFile = paths(folder).crl;
  }

  /** @param names DNS names and addresses, the most important first */
  issueGateway(names: readonly string[], options: IssueOptions): IssuedFiles {
    for (const name of names) if (!isDnsName(name) && !parseIp(name)) throw badName(name, 'a DNS name or an address');
    return this.#issue('gateways', checkedName(names[0]!), options, (given, issuer) =>
      makeGateway(given, names, issuer),
    );
  }

  issueClient(name: string, options: IssueOptions): IssuedFiles {
    checkClientName(name);
    return this.#issue('clients', name, options, (given, issuer) => makeClient(given, [name], issuer));
  }

  /** One file for the client's certificate store; the key is written nowhere else. */
  issueClientPkcs12(name: string, file: string, password: string, options: IssueOptions): Certificate {
    checkClientName(name);
    if (!options.force) refuseTaken([file]);
    const { certificate, key } = this.#make(name, options, (given, issuer) => makeClient(given, [name], issuer));
    const content = makePkcs12({ key, certificates: [certificate.der, this.certificate.der] }, password, name);
    writeFiles([{ path: file, content, mode: SECRET }], options.force);
    return certificate;
  }

  #issue(part: 'gateways' | 'clients', name: string, options: IssueOptions, make: Make): IssuedFiles {
    const path = (ending: string) => join(this.#folder, part, `${name.replaceAll(':', '-')}.${ending}`);
    const files = { certificateFile: path('crt'), keyFile: path('key') };
    if (!options.force) refuseTaken(Object.values(files));
    const { certificate, key } = this.#make(name, options, make);
    makePrivateFolder(join(this.#folder, part));
    writeFiles(
      [
        { path: files.keyFile, content: keyPem(key), mode: SECRET },
        { path: files.certificateFile, content: encodePem('CERTIFICATE', certificate.der), mode: PUBLIC },
      ],
      options.force,
    );
    return { certificate, ...files };
  }

  /** Whatever leaves here is on the list already, and can be revoked. No certificate outlives the authority. */
  #make(
    name: string,
    { key: kind, days, now }: IssueOptions,
    make: Make,
  ): { certificate: Certificate; key: KeyObject } {
    const issuer = this.#issuer();
    const key = newKey(kind);
    const given = order(name, key, days, now);
    const notAfter = Math.min(given.notAfter, issuer.certificate.notAfter);
    const certificate = parseCertificate(make({ ...given, notAfter }, issuer));
    makePrivateFolder(join(this.#folder, 'issued'));
    const path = join(this.#folder, 'issued', `${certificate.serial}.crt`);
    writeFiles([{ path, content: encodePem('CERTIFICATE', certificate.der), mode: PUBLIC }], false);
    return { certificate, key };
  }

  /** What was issued under this name or serial number. Throws {@link HostError} `NOT_ISSUED` if nothing was. */
  find(which: string): IssuedRow[] {
    const rows = this.list().filter(({ name, serial }) => name === which || serial === which.toLowerCase());
    if (rows.length > 0) return rows;
    throw new HostError('NOT_ISSUED', `there is no certificate of ${which}; 'sallyport ca list' shows those there are`);
  }

  /** Every certificate of this name or serial number; those that were revoked already stay as they are. */
  revoke(which: string, now: Date): IssuedRow[] {
    const rows = this.find(which).filter(({ revoked }) => !revoked);
    if (rows.length === 0) return [];
    const previous = this.#readCrl();
    const revoked = new Map([...previous.revoked, ...rows.map(({ serial }) => [serial, now.getTime()] as const)]);
    const issuer = this.#issuer();
    writeFiles([crlFile(this.#folder, makeCrl(revoked, issuer, crlTimes(issuer, now), previous))], true);
    return rows;
  }

  /** By name, the newest of a name last. */
  list(): IssuedRow[] {
    const { revoked } = this.#readCrl();
    const folder = join(this.#folder, 'issued');
    const files = existsSync(folder) ? readdirSync(folder).filter((file) => file.endsWith('.crt')) : [];
    return files
      .map((file) => join(folder, file))
      .flatMap((file) => readItems(file, 'CERTIFICATE', parseCertificate).map((certificate) => ({ certificate, file })))
      .filter(({ certificate }) => refuseSignature(certificate.signed, this.certificate.key) === undefined)
      .map(({ certificate, file }) => rowOf(certificate, revoked.get(certificate.serial), file))
      .toSorted((a, b) => a.name.localeCompare(b.name) || a.notAfter.getTime() - b.notAfter.getTime());
  }

  #readCrl(): Crl {
    return readItems(this.crlFile, 'X509 CRL', parseCrl)[0]!;
  }

  /** The key is read only to sign. */
  #issuer(): Issuer {
    const key = createPrivateKey(readSecret(this.keyFile));
    if (!createPublicKey(key).equals(this.certificate.key))
      throw new HostError('CERTIFICATE', `${this.keyFile} is not the key of ${this.certificateFile}`);
    return { certificate: this.certificate, key };
  }
}

type Make = (order: Order, issuer: Issuer) => Bytes;

function rowOf(certificate: Certificate, revoked: number | undefined, file: string): IssuedRow {
  const { serial, subject, names, notAfter, extensions } = certificate;
  return {
    serial,
    kind: extensions.purposes?.includes(KeyPurpose.serverAuth) ? 'gateway' : 'client',
    name: commonName(subject) ?? serial,
    names,
    notAfter: new Date(notAfter),
    revoked: revoked === undefined ? undefined : new Date(revoked),
    file,
  };
}

function refuseTaken(files: readonly string[]): void {
  const taken = files.find((file) => existsSync(file));
  if (taken)
    throw new HostError(
      'FILE_EXISTS',
      `${taken} exists; --force makes a new one, and the old certificate stays good until it is revoked`,
    );
}

function order(name: string, key: KeyObject, days: number, now: Date): Order {
  return { name, key, notBefore: now.getTime() - EARLIER, notAfter: now.getTime() + days * DAY };
}

function newKey(kind: NewKey): KeyObject {
  if (kind === 'rsa') return generateKeyPairSync('rsa', { modulusLength: 3072 }).privateKey;
  return generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey;
}

function keyPem(key: KeyObject): string {
  return key.export({ type: 'pkcs8', format: 'pem' }) as string;
}

function firstCrl(issuer: Issuer, now: Date): Bytes {
  return makeCrl(new Map(), issuer, crlTimes(issuer, now), undefined);
}

/** The list is a file here and not fetched: it is true until the next one, and nobody is locked out by its age. */
function crlTimes({ certificate }: Issuer, now: Date) {
  return { thisUpdate: now.getTime(), nextUpdate: certificate.notAfter };
}

function crlFile(folder: string, der: Bytes): NewFile {
  return { path: paths(folder).crl, content: encodePem('X509 CRL', der), mode: PUBLIC };
}

/** RFC 1123 section 2.1 */
function isDnsName(name: string): boolean {
  return name.length <= 253 && name.split('.').every((label) => /^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/i.test(label));
}

/** RFC 5280 appendix A.1: a common name has at most 64 characters. */
function checkedName(name: string): string {
  if (name.length === 0 || name.length > 64 || /\p{C}/u.test(name)) throw badName(name, 'up to 64 characters');
  return name;
}

function checkClientName(name: string): void {
  if (!/^[A-Za-z0-9][A-Za-z0-9._@-]{0,62}$/.test(name)) throw badName(name, 'letters, digits and . _ @ -');
}

function badName(name: string, wanted: string): HostError {
  return new HostError('NAME', `${JSON.stringify(name)} is no name for a certificate: it takes ${wanted}`);
}
