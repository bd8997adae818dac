/** Finds the way from a certificate to a trusted authority, RFC 5280 section 6.1, in bounded time. */
import { bytesEqual } from '../../core/bytes/bytes.ts';
import type { Certificate } from './certificate.ts';
import type { RevocationLists } from './crl.ts';
import { formatName } from './names.ts';
import { KeyPurpose } from './oids.ts';
import { refuseKey } from './public-key.ts';
import { refuseSignature } from './signed.ts';
import { formatTime } from './time.ts';

export type Purpose = 'client' | 'gateway';

/** What counts besides the certificates themselves. */
export interface Circumstances {
  /** Each passed {@link refuseAuthority}. */
  readonly authorities: readonly Certificate[];
  readonly lists: RevocationLists;
  readonly purpose: Purpose;
  /** Unix milliseconds. */
  readonly now: number;
}

/** Certificates on a path, the peer's own and the trusted authority among them. */
const MAX_PATH = 5;

/** Signatures checked for one peer: certificates that all issued each other make for more ways than anybody walks. */
const MAX_SIGNATURES = 20;

/** Undefined: `own` leads to an authority. Otherwise why it doesn't. `sent` came with it, in any order. */
export function refusePath(own: Certificate, sent: readonly Certificate[], given: Circumstances): string | undefined {
  return refuseEnd(own, given) ?? new PathSearch(sent, given).refuse([own]);
}

/** RFC 5280 section 6.1.1: names match byte by byte, as every authority writes them (section 7.1 would fold case). */
class PathSearch {
  readonly #sent: readonly Certificate[];
  readonly #given: Circumstances;
  #signatures = 0;

  constructor(sent: readonly Certificate[], given: Circumstances) {
    this.#sent = sent;
    this.#given = given;
  }

  /** @param path leads from the peer's own certificate to one whose issuer is looked for */
  refuse(path: readonly Certificate[]): string | undefined {
    const issued = path.at(-1)!;
    let refused: string | undefined;
    for (const issuer of this.#issuersOf(issued, path)) {
      const why = this.#refuseStep(path, issued, issuer);
      if (why === undefined) return undefined;
      refused ??= why;
    }
    return refused ?? about(issued, `was issued by ${formatName(issued.issuer)}, which isn't among the authorities`);
  }

  /** Authorities first: what the peer sent only matters where they don't reach. */
  #issuersOf(issued: Certificate, path: readonly Certificate[]): Certificate[] {
    const isNew = (candidate: Certificate) => !path.some(({ der }) => bytesEqual(der, candidate.der));
    return [...this.#given.authorities, ...this.#sent].filter(
      (candidate) => bytesEqual(candidate.subject, issued.issuer) && isNew(candidate),
    );
  }

  #refuseStep(path: readonly Certificate[], issued: Certificate, issuer: Certificate): string | undefined {
    const { authorities, lists, now } = this.#given;
    const trusted = authorities.includes(issuer);
    const refused =
      (trusted ? refuseTime(issuer, now) : refuseBetween(issuer, this.#given)) ?? refuseLength(issuer, path);
    if (refused) return refused;
    if (path.length + 1 + (trusted ? 0 : 1) > MAX_PATH) return about(path[0]!, 'is too far from an authority');
    if (this.#signatures++ >= MAX_SIGNATURES) return about(path[0]!, 'came with too many that lead nowhere');
    const wrong = refuseSignature(issued.signed, issuer.key) ?? lists.refuse(issued, issuer, now);
    if (wrong) return about(issued, wrong);
    return trusted ? undefined : this.refuse([...path, issuer]);
  }
}

/** What is wrong with the certificate at the start of a path. */
function refuseEnd(own: Certificate, { purpose, now }: Circumstances): string | undefined {
  const { keyUsage } = own.extensions;
  // RFC 4945 section 5.1.3.2: either bit.
  if (keyUsage && !keyUsage.digitalSignature && !keyUsage.nonRepudiation) return about(own, 'is not for signing');
  return refuseTime(own, now) ?? refuseContent(own) ?? refusePurpose(own, purpose);
}

/** What is wrong with an authority that only the peer speaks of. */
function refuseBetween(issuer: Certificate, { purpose, now }: Circumstances): string | undefined {
  return refuseTime(issuer, now) ?? refuseAuthority(issuer) ?? refusePurpose(issuer, purpose);
}

/** Undefined: a certificate that may issue others. Its time isn't looked at. */
export function refuseAuthority(issuer: Certificate): string | undefined {
  const { ca, keyUsage } = issuer.extensions;
  if (!ca) return about(issuer, 'is not the certificate of an authority (no CA in its basic constraints)');
  if (keyUsage && !keyUsage.keyCertSign) return about(issuer, 'is not for signing certificates (no keyCertSign)');
  return refuseContent(issuer);
}

function refuseTime(certificate: Certificate, now: number): string | undefined {
  const { notBefore, notAfter } = certificate;
  if (now < notBefore) return about(certificate, `is not valid before ${formatTime(notBefore)}`);
  return now > notAfter ? about(certificate, `expired on ${formatTime(notAfter)}`) : undefined;
}

function refuseContent(certificate: Certificate): string | undefined {
  const [strange] = certificate.extensions.notUnderstood;
  const wrong = strange ? `has the extension ${strange}, which isn't supported` : refuseKey(certificate.key);
  return wrong && about(certificate, wrong);
}

/** RFC 5280 section 4.2.1.9: authorities that issued themselves anew don't count. */
function refuseLength(issuer: Certificate, path: readonly Certificate[]): string | undefined {
  const between = path.slice(1).filter(({ subject, issuer: above }) => !bytesEqual(subject, above)).length;
  if (between <= issuer.extensions.pathLength) return undefined;
  return about(issuer, `allows ${issuer.extensions.pathLength} authorities below it, and here are ${between}`);
}

const IPSEC_PURPOSES = [
  KeyPurpose.anyExtendedKeyUsage,
  KeyPurpose.ipsecIKE,
  KeyPurpose.ipsecEndSystem,
  KeyPurpose.ipsecTunnel,
  KeyPurpose.iKEIntermediate,
];
const PURPOSES: Readonly<Record<Purpose, ReadonlySet<string>>> = {
  client: new Set([KeyPurpose.clientAuth, KeyPurpose.anyExtendedKeyUsage, KeyPurpose.ipsecIKE, KeyPurpose.ipsecUser]),
  gateway: new Set([KeyPurpose.serverAuth, ...IPSEC_PURPOSES]),
};

/**
 * RFC 4945 section 5.1.3.12, and clientAuth and serverAuth, which everybody uses instead. For an authority between, they
 * bound what it may issue, as TLS has it.
 */
function refusePurpose(certificate: Certificate, purpose: Purpose): string | undefined {
  const { purposes } = certificate.extensions;
  if (!purposes || purposes.some((oid) => PURPOSES[purpose].has(oid))) return undefined;
  return about(certificate, `is not for a ${purpose} (its extended key usage)`);
}

function about(certificate: Certificate, what: string): string {
  return `the certificate of ${formatName(certificate.subject)} ${what}`;
}
