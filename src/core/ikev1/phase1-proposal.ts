/** Phase 1 proposals, RFC 2409 Appendix A: reading an offer, choosing by our own preference, or saying what is in the way. */
import { EMPTY } from '../bytes/bytes.ts';
import { type CbcCipher, cipherName, DH_GROUPS, type DhGroup, type HashName, isDhGroup } from '../crypto/algorithms.ts';
import {
  Authentication,
  attributeNumber,
  KEY_IKE,
  LifeType,
  numericAttribute,
  Phase1Attribute,
  Phase1Encryption,
  Phase1Hash,
  type Proposal,
  Protocol,
  type Transform,
} from '../wire/ikev1.ts';
import { legacyParts } from './legacy.ts';
import { phase1Lifetimes } from './lifetimes.ts';
import { closestRefusal, type Objection, type Refusal } from './refusal.ts';

export interface Phase1Suite {
  readonly cipher: CbcCipher;
  readonly keyBits: number;
  readonly hash: HashName;
  readonly group: DhGroup;
  /** An IANA or XAUTH authentication method, see `Authentication`. */
  readonly authentication: number;
}

export interface Phase1Choice {
  readonly suite: Phase1Suite;
  /** What the responder answers: the chosen transform alone, as it was offered. */
  readonly answer: Proposal;
  /** Seconds; undefined: the peer named none. */
  readonly lifetime: number | undefined;
}

export interface Phase1Rules {
  readonly legacy: boolean;
  readonly authentications: readonly number[];
  /** In aggressive mode the KE payload comes with the offer: only groups whose public value has this length will do. */
  readonly publicLength?: number;
}

/** Best first; what isn't named here is unknown or refused for good (DES, null). */
const GROUP_PREFERENCE: readonly DhGroup[] = [19, 14, 20, 15, 16, 5, 2];
const HASH_PREFERENCE: readonly HashName[] = ['sha256', 'sha384', 'sha512', 'sha1', 'md5'];
const CIPHER_PREFERENCE: readonly string[] = ['aes128', 'aes256', 'aes192', '3des'];

const HASHES: Readonly<Record<number, HashName>> = {
  [Phase1Hash.MD5]: 'md5',
  [Phase1Hash.SHA1]: 'sha1',
  [Phase1Hash.SHA2_256]: 'sha256',
  [Phase1Hash.SHA2_384]: 'sha384',
  [Phase1Hash.SHA2_512]: 'sha512',
};
const HASH_NUMBERS = Object.fromEntries(Object.entries(HASHES).map(([number, name]) => [name, Number(number)]));

const AUTHENTICATION_NAMES: Readonly<Record<number, string>> = {
  [Authentication.PSK]: 'psk',
  [Authentication.RSA_SIG]: 'rsa',
  [Authentication.ECDSA_256]: 'ecdsa-256',
  [Authentication.ECDSA_384]: 'ecdsa-384',
  [Authentication.ECDSA_521]: 'ecdsa-521',
  [Authentication.HYBRID_INIT_RSA]: 'hybrid-rsa',
  [Authentication.HYBRID_RESP_RSA]: 'hybrid-rsa of the responder',
  [Authentication.XAUTH_INIT_PSK]: 'xauth-psk',
  [Authentication.XAUTH_INIT_RSA]: 'xauth-rsa',
  [Authentication.XAUTH_RESP_PSK]: 'xauth-psk of the responder',
  [Authentication.XAUTH_RESP_RSA]: 'xauth-rsa of the responder',
};

/** The transform that we like best among those offered and allowed, or why none will do. */
export function choosePhase1(offer: readonly Proposal[], rules: Phase1Rules): Phase1Choice | Refusal {
  let best: { choice: Phase1Choice; rank: number } | undefined;
  const objections: Objection[] = [];
  for (const proposal of offer) {
    for (const transform of proposal.transforms) {
      const suite = readSuite(proposal, transform);
      const objection = 'cipher' in suite ? objectTo(suite, rules) : suite;
      if (objection) objections.push(objection);
      if (objection || !('cipher' in suite)) continue;
      const rank = rankOf(suite);
      if (best && best.rank <= rank) continue;
      const answer = { ...proposal, transforms: [transform] };
      best = { choice: { suite, answer, lifetime: phase1Lifetimes(transform.attributes).seconds }, rank };
    }
  }
  return best?.choice ?? closestRefusal('phase 1', objections);
}

/** An initiator's offer of suites in order, each with the same lifetime in seconds. */
export function phase1Offer(suites: readonly Phase1Suite[], lifetime: number): Proposal[] {
  const transforms = suites.map((suite, i) => encodeTransform(suite, i + 1, lifetime));
  return [{ number: 1, protocol: Protocol.ISAKMP, spi: EMPTY, transforms }];
}

/** The suites in an offer that we can keep, in order: an offer that imitates a client may hold others. */
export function suitesOfPhase1(offer: readonly Proposal[]): Phase1Suite[] {
  const all = offer.flatMap((proposal) => proposal.transforms.map((transform) => readSuite(proposal, transform)));
  return all.filter((suite): suite is Phase1Suite => 'cipher' in suite);
}

/** The suite that the responder chose, if it is one that we offered. */
export function acceptPhase1Choice(
  answer: readonly Proposal[],
  offered: readonly Phase1Suite[],
): Phase1Choice | undefined {
  const [proposal, ...others] = answer;
  const [transform, ...more] = proposal?.transforms ?? [];
  if (!proposal || !transform || others.length > 0 || more.length > 0) return undefined;
  const suite = readSuite(proposal, transform);
  if (!('cipher' in suite)) return undefined;
  const name = phase1SuiteName(suite);
  if (!offered.some((one) => phase1SuiteName(one) === name)) return undefined;
  return { suite, answer: proposal, lifetime: phase1Lifetimes(transform.attributes).seconds };
}

/** "aes128-sha1-modp2048 (xauth-psk)" */
export function phase1SuiteName(suite: Phase1Suite): string {
  const { cipher, keyBits, hash, group, authentication } = suite;
  const method = AUTHENTICATION_NAMES[authentication] ?? `authentication ${authentication}`;
  return `${cipherName(cipher, keyBits)}-${hash}-${DH_GROUPS[group].name} (${method})`;
}

function objectTo(suite: Phase1Suite, rules: Phase1Rules): Objection | undefined {
  const offered = phase1SuiteName(suite);
  const legacy = rules.legacy ? [] : legacyParts(suite);
  const foreign = !rules.authentications.includes(suite.authentication);
  const wrongKe = rules.publicLength !== undefined && rules.publicLength !== DH_GROUPS[suite.group].length;
  const distance = legacy.length + (foreign ? 2 : 0) + (wrongKe ? 1 : 0);
  if (distance === 0) return undefined;
  const problems: string[] = [];
  if (legacy.length > 0) {
    problems.push(
      `${legacy.join(' and ')} only with 'legacy: true'; better: let the client offer ${modernTwin(suite)}`,
    );
  }
  if (foreign) {
    const wanted = rules.authentications.map((method) => AUTHENTICATION_NAMES[method] ?? method).join(' or ');
    problems.push(`this gateway authenticates by ${wanted}; set the client to that`);
  }
  if (wrongKe) problems.push('its KE payload is of another group; offer a single group in aggressive mode');
  return { offered, distance, problem: problems.join('; ') };
}

function modernTwin(suite: Phase1Suite): string {
  return phase1SuiteName({
    ...suite,
    ...(suite.cipher === '3des-cbc' && { cipher: 'aes-cbc', keyBits: 128 }),
    ...(suite.hash === 'md5' && { hash: 'sha1' }),
    ...((suite.group === 2 || suite.group === 5) && { group: 14 }),
  });
}

function rankOf(suite: Phase1Suite): number {
  const group = GROUP_PREFERENCE.indexOf(suite.group);
  const cipher = CIPHER_PREFERENCE.indexOf(cipherName(suite.cipher, suite.keyBits));
  // XAUTH before plain PSK: the method that names the user's login is what the client would rather have
  const method = suite.authentication === Authentication.PSK ? 1 : 0;
  return ((group * 8 + cipher) * 8 + HASH_PREFERENCE.indexOf(suite.hash)) * 2 + method;
}

/** The suite that a transform names, or the objection that it is none of ours. */
function readSuite(proposal: Proposal, transform: Transform): Phase1Suite | Objection {
  const values = new Map(transform.attributes.map((attribute) => [attribute.type, attributeNumber(attribute)]));
  const encryption = values.get(Phase1Attribute.ENCRYPTION);
  const keyLength = values.get(Phase1Attribute.KEY_LENGTH);
  const hash = HASHES[values.get(Phase1Attribute.HASH) ?? 0];
  const group = values.get(Phase1Attribute.GROUP) ?? 0;
  const authentication = values.get(Phase1Attribute.AUTHENTICATION) ?? 0;
  const cipher = readCipher(encryption, keyLength);
  const whole = proposal.protocol === Protocol.ISAKMP && transform.id === KEY_IKE;
  if (whole && cipher && hash && isDhGroup(group) && attributesAreOurs(transform)) {
    return { ...cipher, hash, group, authentication };
  }
  const offered = `encryption ${encryption}/${keyLength ?? '-'} hash ${values.get(Phase1Attribute.HASH)} group ${group}`;
  const unknown = [cipher, hash, isDhGroup(group) || undefined].filter((part) => part === undefined).length;
  return {
    offered,
    distance: 4 + unknown,
    problem: 'no such algorithms here; let the client offer aes128-sha256-modp2048',
  };
}

function readCipher(
  encryption: number | undefined,
  keyLength = 128,
): { cipher: CbcCipher; keyBits: number } | undefined {
  if (encryption === Phase1Encryption.TRIPLE_DES_CBC) return { cipher: '3des-cbc', keyBits: 192 };
  if (encryption !== Phase1Encryption.AES_CBC || ![128, 192, 256].includes(keyLength)) return undefined;
  return { cipher: 'aes-cbc', keyBits: keyLength };
}

/** Each attribute known, and none twice but the lifetimes. */
function attributesAreOurs(transform: Transform): boolean {
  const known: readonly number[] = Object.values(Phase1Attribute);
  const single = transform.attributes.map(({ type }) => type).filter((type) => !isLife(type));
  return new Set(single).size === single.length && single.every((type) => known.includes(type));
}

function isLife(type: number): boolean {
  return type === Phase1Attribute.LIFE_TYPE || type === Phase1Attribute.LIFE_DURATION;
}

function encodeTransform(suite: Phase1Suite, number: number, lifetime: number): Transform {
  const encryption = suite.cipher === 'aes-cbc' ? Phase1Encryption.AES_CBC : Phase1Encryption.TRIPLE_DES_CBC;
  return {
    number,
    id: KEY_IKE,
    attributes: [
      numericAttribute(Phase1Attribute.ENCRYPTION, encryption),
      ...(suite.cipher === 'aes-cbc' ? [numericAttribute(Phase1Attribute.KEY_LENGTH, suite.keyBits)] : []),
      numericAttribute(Phase1Attribute.HASH, HASH_NUMBERS[suite.hash]!),
      numericAttribute(Phase1Attribute.GROUP, suite.group),
      numericAttribute(Phase1Attribute.AUTHENTICATION, suite.authentication),
      numericAttribute(Phase1Attribute.LIFE_TYPE, LifeType.SECONDS),
      numericAttribute(Phase1Attribute.LIFE_DURATION, lifetime),
    ],
  };
}
