/** What a peer offers or chooses: proposals of both versions in one shape, by the names of their algorithms. */
import type { Bytes } from '../bytes/bytes.ts';
import {
  attributeNumber,
  LifeType,
  Phase1Attribute,
  Phase2Attribute,
  Protocol,
  parseSa,
  type Transform,
} from '../wire/ikev1.ts';
import { parseIkev2Sa, TransformType } from '../wire/ikev2.ts';
import {
  espAuthenticationName,
  espCipherName,
  espModeName,
  groupName,
  ikev2CipherName,
  ikev2IntegrityName,
  ikev2PrfName,
  phase1AuthenticationName,
  phase1CipherName,
  phase1HashName,
} from './algorithm-names.ts';

export type Kind = 'encryption' | 'integrity' | 'prf' | 'group' | 'authentication' | 'mode';

/** One of each kind that has any is to be chosen. An IKEv1 transform has one of each, an IKEv2 proposal may have several. */
export interface Suite {
  readonly protocol: 'ike' | 'esp' | 'other';
  readonly encryption: readonly string[];
  readonly integrity: readonly string[];
  readonly prf: readonly string[];
  readonly group: readonly string[];
  readonly authentication: readonly string[];
  readonly mode: readonly string[];
  /** Seconds. */
  readonly lifetime: number | undefined;
  /** Kilobytes. */
  readonly volume: number | undefined;
}

export const KINDS: readonly Kind[] = ['encryption', 'integrity', 'prf', 'group', 'authentication', 'mode'];

/** Throws MalformedError. */
export function readIkev1Offer(body: Bytes): Suite[] {
  return parseSa(body).flatMap(({ protocol, transforms }) =>
    transforms.map((transform) =>
      protocol === Protocol.ISAKMP ? phase1Suite(transform) : phase2Suite(protocol, transform),
    ),
  );
}

/** Throws MalformedError. */
export function readIkev2Offer(body: Bytes): Suite[] {
  return parseIkev2Sa(body).map(({ protocol, transforms }) => {
    const names = (type: number, name: (id: number) => string) =>
      transforms.filter((transform) => transform.type === type).map(({ id }) => name(id));
    return {
      ...NOTHING,
      protocol: protocol === 1 ? 'ike' : protocol === 3 ? 'esp' : 'other',
      encryption: transforms
        .filter(({ type }) => type === TransformType.ENCR)
        .map((t) => ikev2CipherName(t.id, t.keyBits)),
      integrity: names(TransformType.INTEG, ikev2IntegrityName),
      prf: names(TransformType.PRF, ikev2PrfName),
      group: names(TransformType.KE, groupName),
    };
  });
}

/** "aes256-sha1-modp1024 (psk)", "aes128/aes256-sha256-prfsha256-ecp256/modp2048" */
export function suiteText(suite: Suite): string {
  const algorithms = [suite.encryption, suite.integrity, suite.prf, suite.group]
    .filter((names) => names.length > 0)
    .map((names) => names.join('/'));
  const behind = [...suite.authentication, ...suite.mode].join(', ');
  return `${algorithms.join('-') || 'nothing'}${behind && ` (${behind})`}`;
}

/** At most `most` of them, and how many more there are. */
export function offerText(offer: readonly Suite[], most = 4): string {
  const shown = offer.slice(0, most).map(suiteText).join(', ');
  return offer.length > most ? `${shown} and ${offer.length - most} more` : shown || 'nothing';
}

/** All names of a kind in an offer, each once, in order. */
export function namesOf(offer: readonly Suite[], kind: Kind): string[] {
  return [...new Set(offer.flatMap((suite) => suite[kind]))];
}

/** Our own limit on the suites that an offer is held against. */
export const MAX_DISTINCT = 64;

/** Each suite once: of a gateway's thousands of clients most are given the same. */
export function distinctSuites(suites: readonly Suite[]): readonly Suite[] {
  const distinct = new Map<string, Suite>();
  for (const suite of suites) {
    if (distinct.size >= MAX_DISTINCT) break;
    const name = suiteText(suite);
    if (!distinct.has(name)) distinct.set(name, suite);
  }
  return [...distinct.values()];
}

export interface Difference {
  readonly kind: Kind;
  readonly offered: readonly string[];
  readonly wanted: readonly string[];
}

export interface NearestPair {
  readonly offered: Suite;
  readonly wanted: Suite;
  /** Empty: they agree. */
  readonly differences: readonly Difference[];
}

/** Of an offer and what the other side is known to take, the two that differ least; undefined when either is empty. */
export function nearestPair(offer: readonly Suite[], taken: readonly Suite[]): NearestPair | undefined {
  let best: NearestPair | undefined;
  for (const offered of offer) {
    for (const wanted of taken) {
      const differences = differencesOf(offered, wanted);
      if (!best || differences.length < best.differences.length) best = { offered, wanted, differences };
    }
  }
  return best;
}

/** "encryption aes256, not aes128; group modp2048, not none" */
export function differencesText(differences: readonly Difference[]): string {
  return differences
    .map(({ kind, offered, wanted }) => `${kind} ${wanted.join(' or ') || 'none'}, not ${offered.join(', ') || 'none'}`)
    .join('; ');
}

/** A kind that only one of the two has differs unless it may be left out. */
function differencesOf(offered: Suite, wanted: Suite): Difference[] {
  return KINDS.filter((kind) => {
    if (wanted[kind].length === 0 && offered[kind].length === 0) return false;
    return !offered[kind].some((name) => wanted[kind].includes(name));
  }).map((kind) => ({ kind, offered: offered[kind], wanted: wanted[kind] }));
}

const NOTHING: Suite = {
  protocol: 'other',
  encryption: [],
  integrity: [],
  prf: [],
  group: [],
  authentication: [],
  mode: [],
  lifetime: undefined,
  volume: undefined,
};

function phase1Suite(transform: Transform): Suite {
  const value = valuesOf(transform);
  return {
    ...NOTHING,
    protocol: 'ike',
    encryption: nameIf(value(Phase1Attribute.ENCRYPTION), (n) =>
      phase1CipherName(n, value(Phase1Attribute.KEY_LENGTH)),
    ),
    integrity: nameIf(value(Phase1Attribute.HASH), phase1HashName),
    group: nameIf(value(Phase1Attribute.GROUP), groupName),
    authentication: nameIf(value(Phase1Attribute.AUTHENTICATION), phase1AuthenticationName),
    ...lifetimes(transform, Phase1Attribute.LIFE_TYPE, Phase1Attribute.LIFE_DURATION),
  };
}

function phase2Suite(protocol: number, transform: Transform): Suite {
  const value = valuesOf(transform);
  return {
    ...NOTHING,
    protocol: protocol === Protocol.ESP ? 'esp' : 'other',
    encryption: [espCipherName(transform.id, value(Phase2Attribute.KEY_LENGTH))],
    integrity: nameIf(value(Phase2Attribute.AUTHENTICATION), espAuthenticationName),
    group: nameIf(value(Phase2Attribute.GROUP), groupName),
    mode: nameIf(value(Phase2Attribute.ENCAPSULATION_MODE), espModeName),
    ...lifetimes(transform, Phase2Attribute.LIFE_TYPE, Phase2Attribute.LIFE_DURATION),
  };
}

function valuesOf({ attributes }: Transform): (type: number) => number | undefined {
  return (type) => attributeNumber(attributes.find((attribute) => attribute.type === type));
}

function nameIf(value: number | undefined, name: (value: number) => string): string[] {
  return value === undefined ? [] : [name(value)];
}

/** Each duration follows its type. */
function lifetimes({ attributes }: Transform, lifeType: number, lifeDuration: number) {
  let type: number | undefined;
  const found: { lifetime: number | undefined; volume: number | undefined } = {
    lifetime: undefined,
    volume: undefined,
  };
  for (const attribute of attributes) {
    if (attribute.type === lifeType) type = attributeNumber(attribute);
    if (attribute.type !== lifeDuration) continue;
    if (type === LifeType.SECONDS) found.lifetime = attributeNumber(attribute);
    if (type === LifeType.KILOBYTES) found.volume = attributeNumber(attribute);
  }
  return found;
}
