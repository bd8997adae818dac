/** Phase 2 (ESP) proposals, RFC 2407 sections 4.4.4 and 4.5, RFC 3947 section 5: choosing one, or saying what is in the way. */
import { readU32, u32 } from '../bytes/bytes.ts';
import { DH_GROUPS, type DhGroup, type EspSuite, type HashName, isDhGroup, suiteName } from '../crypto/algorithms.ts';
import type { NatTraversal } from '../ike/vendor-ids.ts';
import {
  attributeNumber,
  EncapsulationMode,
  EspAuthentication,
  EspTransform,
  LifeType,
  numericAttribute,
  Phase2Attribute,
  type Proposal,
  Protocol,
  type Transform,
} from '../wire/ikev1.ts';
import { legacyParts } from './legacy.ts';
import { type Lifetimes, type Phase2Lifetime, phase2Lifetimes } from './lifetimes.ts';
import { closestRefusal, type Objection, type Refusal } from './refusal.ts';

/** One acceptable set of ESP parameters. */
export interface Phase2Suite {
  readonly esp: EspSuite;
  /** PFS; undefined without. */
  readonly group: DhGroup | undefined;
  /** See `EncapsulationMode`. */
  readonly mode: number;
}

export interface Phase2Choice extends Lifetimes {
  readonly suite: Phase2Suite;
  /** Where the peer wants its packets. */
  readonly peerSpi: number;
  /** The chosen transform alone, with the peer's SPI still in it. */
  readonly answer: Proposal;
}

export interface Phase2Rules {
  readonly legacy: boolean;
  /** Encapsulation modes that the path allows. */
  readonly modes: readonly number[];
  /** Length of the public value in the KE payload; undefined: none came, so no PFS. */
  readonly publicLength: number | undefined;
}

/** SPIs below are reserved, RFC 4303 section 2.1. */
export const MIN_SPI = 256;

/**
 * The answer repeats a transform's attributes and so agrees to each: with extended sequence numbers no packet would be authentic
 * here. Those of private use are passed over (RFC 2407 section 4.5).
 */
const SERVED_ATTRIBUTES: ReadonlySet<number> = new Set(Object.values(Phase2Attribute));
const FIRST_PRIVATE_ATTRIBUTE = 32_001;
/** RFC 3168 section 9.2.1, RFC 4304 section 2 */
const UNSERVED_NAMES: Readonly<Record<number, string>> = { 10: ' (ECN tunnel)', 11: ' (extended sequence numbers)' };

const HASHES: Readonly<Record<number, HashName>> = {
  [EspAuthentication.HMAC_MD5]: 'md5',
  [EspAuthentication.HMAC_SHA1]: 'sha1',
  [EspAuthentication.HMAC_SHA2_256]: 'sha256',
  [EspAuthentication.HMAC_SHA2_384]: 'sha384',
  [EspAuthentication.HMAC_SHA2_512]: 'sha512',
};
const HASH_NUMBERS = Object.fromEntries(Object.entries(HASHES).map(([number, name]) => [name, Number(number)]));

/** Best first: GCM is also the fastest by far; SHA-1 in HMAC is sound, but SHA-2 is what people look for. */
const SUITE_PREFERENCE: readonly string[] = [
  ...['aes128gcm16', 'aes256gcm16', 'aes192gcm16'],
  ...['sha256', 'sha384', 'sha512', 'sha1', 'md5'].flatMap((hash) =>
    ['aes128', 'aes256', 'aes192', '3des'].map((cipher) => `${cipher}-${hash}`),
  ),
];

const MODE_NAMES: Readonly<Record<number, string>> = {
  [EncapsulationMode.TUNNEL]: 'tunnel',
  [EncapsulationMode.TRANSPORT]: 'transport',
  [EncapsulationMode.UDP_TUNNEL]: 'udp-tunnel',
  [EncapsulationMode.UDP_TRANSPORT]: 'udp-transport',
  [EncapsulationMode.UDP_TUNNEL_DRAFT]: 'udp-tunnel (draft)',
  [EncapsulationMode.UDP_TRANSPORT_DRAFT]: 'udp-transport (draft)',
};

/** The number of UDP-encapsulated tunnel mode in the negotiated dialect of NAT-T. */
export function udpTunnelMode(natTraversal: NatTraversal): number {
  return natTraversal === 'rfc3947' ? EncapsulationMode.UDP_TUNNEL : EncapsulationMode.UDP_TUNNEL_DRAFT;
}

/** The same of transport mode. */
export function udpTransportMode(natTraversal: NatTraversal): number {
  return natTraversal === 'rfc3947' ? EncapsulationMode.UDP_TRANSPORT : EncapsulationMode.UDP_TRANSPORT_DRAFT;
}

const TRANSPORT_MODES: readonly number[] = [
  EncapsulationMode.TRANSPORT,
  EncapsulationMode.UDP_TRANSPORT,
  EncapsulationMode.UDP_TRANSPORT_DRAFT,
];

export function isTransportMode(mode: number): boolean {
  return TRANSPORT_MODES.includes(mode);
}

export function choosePhase2(offer: readonly Proposal[], rules: Phase2Rules): Phase2Choice | Refusal {
  let best: { choice: Phase2Choice; rank: number } | undefined;
  const objections: Objection[] = [];
  for (const proposal of offer) {
    for (const transform of proposal.transforms) {
      const choice = readChoice(offer, proposal, transform);
      const objection = 'suite' in choice ? objectTo(choice.suite, rules) : choice;
      if (objection) objections.push(objection);
      if (objection || !('suite' in choice)) continue;
      const rank = SUITE_PREFERENCE.indexOf(suiteName(choice.suite.esp));
      if (!best || rank < best.rank) best = { choice, rank };
    }
  }
  return best?.choice ?? closestRefusal('phase 2', objections);
}

/** An initiator's offer: one proposal with our inbound SPI, a transform for each suite. */
export function phase2Offer(suites: readonly Phase2Suite[], spi: number, life: Phase2Lifetime): Proposal[] {
  const byId = suites.map((suite, i) => encodeTransform(suite, i + 1, life));
  return [{ number: 1, protocol: Protocol.ESP, spi: u32(spi), transforms: byId }];
}

/** The suites in an offer, in order. */
export function suitesOfPhase2(offer: readonly Proposal[]): Phase2Suite[] {
  const withSpi = offer.map((proposal) => ({ ...proposal, spi: u32(MIN_SPI) }));
  const all = withSpi.flatMap((proposal) =>
    proposal.transforms.map((transform) => readChoice(withSpi, proposal, transform)),
  );
  return all.flatMap((choice) => ('suite' in choice ? [choice.suite] : []));
}

/** The suite that the responder chose, if it is one that we offered. */
export function acceptPhase2Choice(
  answer: readonly Proposal[],
  offered: readonly Phase2Suite[],
): Phase2Choice | undefined {
  const [proposal, ...others] = answer;
  const [transform, ...more] = proposal?.transforms ?? [];
  if (!proposal || !transform || others.length > 0 || more.length > 0) return undefined;
  const choice = readChoice(answer, proposal, transform);
  if (!('suite' in choice)) return undefined;
  const name = phase2SuiteName(choice.suite);
  return offered.some((one) => phase2SuiteName(one) === name) ? choice : undefined;
}

/** "aes128gcm16 pfs modp2048 udp-tunnel" */
export function phase2SuiteName(suite: Phase2Suite): string {
  const pfs = suite.group === undefined ? 'no pfs' : `pfs ${DH_GROUPS[suite.group].name}`;
  return `${suiteName(suite.esp)} ${pfs} ${MODE_NAMES[suite.mode] ?? `mode ${suite.mode}`}`;
}

/** What of a suite only `legacy: true` lets in. */
export function legacyPhase2Parts({ esp, group }: Phase2Suite): string[] {
  return legacyParts({ cipher: esp.cipher, hash: esp.integrity, group });
}

function objectTo(suite: Phase2Suite, rules: Phase2Rules): Objection | undefined {
  const legacy = rules.legacy ? [] : legacyPhase2Parts(suite);
  const wrongMode = !rules.modes.includes(suite.mode);
  const length = suite.group === undefined ? undefined : DH_GROUPS[suite.group].length;
  const wrongKe = length !== rules.publicLength;
  const distance = legacy.length + (wrongMode ? 1 : 0) + (wrongKe ? 1 : 0);
  if (distance === 0) return undefined;
  const problems: string[] = [];
  if (legacy.length > 0) problems.push(`${legacy.join(' and ')} only with 'legacy: true'`);
  if (wrongMode) {
    const wanted = rules.modes.map((mode) => MODE_NAMES[mode]).join(' or ') || 'none: switch a carrier on';
    problems.push(`${MODE_NAMES[suite.mode] ?? suite.mode} mode was asked, this path allows ${wanted}; see 'carriers'`);
  }
  if (wrongKe) problems.push('its group and its KE payload differ; set the same PFS group for all proposals');
  return { offered: phase2SuiteName(suite), distance, problem: problems.join('; ') };
}

/** The parameters that a transform names, or the objection that they are none of ours. */
function readChoice(offer: readonly Proposal[], proposal: Proposal, transform: Transform): Phase2Choice | Objection {
  const unknown = (problem: string): Objection => ({
    offered: `protocol ${proposal.protocol} transform ${transform.id}`,
    distance: 8,
    problem,
  });
  if (proposal.protocol !== Protocol.ESP) return unknown('only ESP is served; let the client offer ESP');
  // one number on several proposals: all of them together, RFC 2408 section 4.2
  if (offer.some((other) => other !== proposal && other.number === proposal.number)) {
    return unknown('ESP together with another protocol is not served');
  }
  const peerSpi = readSpi(proposal);
  if (peerSpi === undefined) return unknown('its SPI is reserved or not of four bytes');
  const esp = readEspSuite(transform);
  if (!esp) return unknown('no such algorithms here; let the client offer aes128gcm16 or aes128-sha256');
  const unserved = transform.attributes.map(({ type }) => type).find(isUnserved);
  if (unserved !== undefined) {
    const name = UNSERVED_NAMES[unserved] ?? '';
    return unknown(`its attribute ${unserved}${name} isn't served here; let the client offer it without`);
  }
  const group = attribute(transform, Phase2Attribute.GROUP);
  if (group !== undefined && !isDhGroup(group)) return unknown(`PFS group ${group} is unknown here; use modp2048`);
  const mode = attribute(transform, Phase2Attribute.ENCAPSULATION_MODE) ?? EncapsulationMode.TUNNEL;
  const life = phase2Lifetimes(transform.attributes);
  return { suite: { esp, group, mode }, peerSpi, answer: { ...proposal, transforms: [transform] }, ...life };
}

function isUnserved(type: number): boolean {
  return !SERVED_ATTRIBUTES.has(type) && type < FIRST_PRIVATE_ATTRIBUTE;
}

function readSpi({ spi }: Proposal): number | undefined {
  if (spi.length !== 4) return undefined;
  const value = readU32(spi);
  return value >= MIN_SPI ? value : undefined;
}

function readEspSuite(transform: Transform): EspSuite | undefined {
  const keyBits = attribute(transform, Phase2Attribute.KEY_LENGTH) ?? 128;
  const authentication = attribute(transform, Phase2Attribute.AUTHENTICATION);
  const integrity = HASHES[authentication ?? 0];
  const aes = [128, 192, 256].includes(keyBits);
  if (transform.id === EspTransform.AES_GCM_16 && aes && authentication === undefined)
    return { cipher: 'aes-gcm', keyBits };
  if (transform.id === EspTransform.AES_CBC && aes && integrity) return { cipher: 'aes-cbc', keyBits, integrity };
  if (transform.id === EspTransform.TRIPLE_DES && integrity) return { cipher: '3des-cbc', keyBits: 192, integrity };
  return undefined;
}

function attribute(transform: Transform, type: number): number | undefined {
  return attributeNumber(transform.attributes.find((one) => one.type === type));
}

function encodeTransform({ esp, group, mode }: Phase2Suite, number: number, life: Phase2Lifetime): Transform {
  const ids = {
    'aes-gcm': EspTransform.AES_GCM_16,
    'aes-cbc': EspTransform.AES_CBC,
    '3des-cbc': EspTransform.TRIPLE_DES,
  };
  const optional = (type: number, value: number | undefined) => (value ? [numericAttribute(type, value)] : []);
  return {
    number,
    id: ids[esp.cipher],
    attributes: [
      numericAttribute(Phase2Attribute.LIFE_TYPE, LifeType.SECONDS),
      numericAttribute(Phase2Attribute.LIFE_DURATION, life.seconds),
      ...optional(Phase2Attribute.LIFE_TYPE, life.kilobytes && LifeType.KILOBYTES),
      ...optional(Phase2Attribute.LIFE_DURATION, life.kilobytes),
      ...optional(Phase2Attribute.GROUP, group),
      numericAttribute(Phase2Attribute.ENCAPSULATION_MODE, mode),
      ...optional(Phase2Attribute.AUTHENTICATION, esp.integrity && HASH_NUMBERS[esp.integrity]),
      ...optional(Phase2Attribute.KEY_LENGTH, esp.cipher === '3des-cbc' ? undefined : esp.keyBits),
    ],
  };
}
