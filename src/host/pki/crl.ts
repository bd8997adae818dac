/** Certificate revocation lists, RFC 5280 section 5: complete lists by the authority that issued the certificates. */
import { type Bytes, bytesEqual } from '../../core/bytes/bytes.ts';
import { toHex } from '../../core/bytes/text.ts';
import { type DerReader, explicitTag, readWhole, Tag } from '../der/reader.ts';
import { type Certificate, readRawExtensions, withoutSignByte } from './certificate.ts';
import { formatName } from './names.ts';
import { Extension } from './oids.ts';
import { expectAlgorithm, parseSigned, readAlgorithm, refuseSignature, type Signed } from './signed.ts';
import { formatTime, readTime } from './time.ts';

export interface Crl {
  readonly signed: Signed;
  /** Distinguished name, DER. */
  readonly issuer: Bytes;
  /** Unix milliseconds. */
  readonly thisUpdate: number;
  /** Infinity: it doesn't say. */
  readonly nextUpdate: number;
  /** Of its extension; undefined in lists without one. */
  readonly number: Bytes | undefined;
  /** When each was revoked, Unix milliseconds, by {@link Certificate.serial}. */
  readonly revoked: ReadonlyMap<string, number>;
}

/** Throws {@link MalformedError}, for lists of a part of the certificates too: those say so in a critical extension. */
export function parseCrl(der: Bytes): Crl {
  const signed = parseSigned(der, 'CRL');
  const body = readWhole(signed.body, 'CRL');
  body.optional(Tag.INTEGER);
  expectAlgorithm(readAlgorithm(body), signed, body);
  const issuer = body.value(Tag.SEQUENCE).whole;
  const thisUpdate = readTime(body);
  const nextUpdate = hasTimeNext(body) ? readTime(body) : Number.POSITIVE_INFINITY;
  const revoked = readRevoked(body.optionalInside(Tag.SEQUENCE));
  const extensions = body.optionalInside(explicitTag(0));
  const number = extensions && readExtensions(extensions);
  body.end();
  return { signed, issuer, thisUpdate, nextUpdate, number, revoked };
}

function hasTimeNext(body: DerReader): boolean {
  return body.next === Tag.UTC_TIME || body.next === Tag.GENERALIZED_TIME;
}

function readRevoked(entries: DerReader | undefined): Map<string, number> {
  const revoked = new Map<string, number>();
  while (entries && !entries.atEnd) {
    const entry = entries.inside();
    const serial = withoutSignByte(toHex(entry.integer()));
    revoked.set(serial, readTime(entry));
    if (!entry.atEnd && readRawExtensions(entry).some(({ critical, oid }) => critical && oid !== Extension.reasonCode))
      entry.fail('an entry with an extension that is not understood');
  }
  return revoked;
}

/** The CRL number. */
function readExtensions(reader: DerReader): Bytes | undefined {
  const extensions = readRawExtensions(reader);
  const strange = extensions.find(({ critical }) => critical);
  if (strange) reader.fail(`extension ${strange.oid} is not understood: only complete lists are`);
  const number = extensions.find(({ oid }) => oid === Extension.crlNumber)?.value;
  return number && readWhole(number, 'CRL number', Tag.INTEGER).rest();
}

/** What to do about lists whose next update is overdue. */
export type StaleCrls = 'refuse' | 'accept';

/** The lists at hand. An authority without one has revoked nothing. */
export class RevocationLists {
  readonly #lists: readonly Crl[];
  readonly #stale: StaleCrls;
  /** Issuers whose signature on a list was found right. */
  readonly #proven = new WeakMap<Crl, Bytes>();

  constructor(lists: readonly Crl[], stale: StaleCrls) {
    // The newest of an authority decides.
    this.#lists = lists.toSorted((a, b) => b.thisUpdate - a.thisUpdate);
    this.#stale = stale;
  }

  /** Undefined: not revoked. Otherwise what to say of `certificate`, which `issuer` issued. */
  refuse(certificate: Certificate, issuer: Certificate, now: number): string | undefined {
    const lists = this.#lists.filter((list) => bytesEqual(list.issuer, issuer.subject));
    if (lists.length === 0) return undefined;
    const list = lists.find((candidate) => this.#isSigned(candidate, issuer));
    const of = `the revocation list of ${formatName(issuer.subject)}`;
    if (!list) return `can't be checked: ${of} isn't signed by it`;
    if (list.nextUpdate < now && this.#stale === 'refuse')
      return `can't be checked: ${of} is out of date since ${formatTime(list.nextUpdate)}`;
    const since = list.revoked.get(certificate.serial);
    return since === undefined ? undefined : `was revoked on ${formatTime(since)}`;
  }

  #isSigned(list: Crl, issuer: Certificate): boolean {
    const proven = this.#proven.get(list);
    if (proven && bytesEqual(proven, issuer.der)) return true;
    const allowed = issuer.extensions.keyUsage?.cRLSign ?? true;
    if (!allowed || refuseSignature(list.signed, issuer.key)) return false;
    this.#proven.set(list, issuer.der);
    return true;
  }
}
