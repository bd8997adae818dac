/** A persona's proposals, as its SA payloads have them. */
import { EMPTY, u32 } from '../bytes/bytes.ts';
import {
  type Attribute,
  EspAuthentication,
  EspTransform,
  KEY_IKE,
  LifeType,
  numericAttribute,
  Phase1Attribute,
  Phase1Encryption,
  Phase1Hash,
  Phase2Attribute,
  type Proposal,
  Protocol,
  type Transform,
} from '../wire/ikev1.ts';
import type { Persona, Phase1OfferItem, Phase2OfferItem } from './persona.ts';

export interface Phase1OfferOptions {
  /** Authentication methods: the one with XAUTH, and the same without for a persona that offers both. */
  readonly authentication: number;
  readonly withoutXauth: number;
  /** Only this group: aggressive mode has one, and a profile may name it. Put in place of the persona's if it has none of it. */
  readonly group: number | undefined;
  /** False: without DES, 3DES, MD5 and groups under 2048 bits. */
  readonly legacy: boolean;
}

/** Empty when nothing of it may be offered. */
export function phase1Proposals({ phase1 }: Persona, options: Phase1OfferOptions): Proposal[] {
  const { authentication, withoutXauth } = options;
  const methods =
    phase1.alsoWithoutXauth && withoutXauth !== authentication ? [authentication, withoutXauth] : [authentication];
  const items = narrow(phase1.offers, options.group).filter((item) => options.legacy || !isLegacyPhase1(item));
  const named = methods.length === 1 ? items.map((item) => ({ item, method: authentication })) : paired(items, methods);
  const transforms = named.map(({ item, method }, i) => ({
    number: phase1.firstTransform + i,
    id: KEY_IKE,
    attributes: phase1.attributes.flatMap((type) => phase1Attribute(phase1, item, method, type)),
  }));
  return transforms.length === 0 ? [] : [{ number: 1, protocol: Protocol.ISAKMP, spi: EMPTY, transforms }];
}

/** Whether something of it may be offered without `legacy`, in both phases. */
export function offersModern({ phase1, phase2 }: Persona): boolean {
  return phase1.offers.some((item) => !isLegacyPhase1(item)) && phase2.offers.some((item) => !isLegacyPhase2(item));
}

/** The groups of a persona's offers in order, for who has to try one after the other. */
export function phase1Groups({ phase1 }: Persona, legacy: boolean): number[] {
  return [...new Set(phase1.offers.filter((item) => legacy || !isLegacyPhase1(item)).map(({ group }) => group))];
}

export interface Phase2OfferOptions {
  /** `EncapsulationMode` */
  readonly mode: number;
  /** PFS; undefined: without. */
  readonly group: number | undefined;
  readonly legacy: boolean;
}

/** Without SPI: it is put into each when it goes out. */
export function phase2Proposals({ phase2 }: Persona, options: Phase2OfferOptions): Proposal[] {
  const items = phase2.offers.filter((item) => options.legacy || !isLegacyPhase2(item));
  const transforms = items.map(
    (item, i): Transform => ({
      number: phase2.separateProposals ? 1 : i + 1,
      id: item.transform,
      attributes: phase2Attributes(phase2, item, options),
    }),
  );
  const proposals = phase2.separateProposals ? transforms.map((one) => [one]) : [transforms];
  return proposals
    .filter((all) => all.length > 0)
    .map((all, i) => ({ number: i + 1, protocol: Protocol.ESP, spi: EMPTY, transforms: all }));
}

/** What has the group; else each suite once, with that group instead of its own. */
function narrow(offers: readonly Phase1OfferItem[], group: number | undefined): Phase1OfferItem[] {
  if (group === undefined) return [...offers];
  const having = offers.filter((item) => item.group === group);
  if (having.length > 0) return having;
  const moved = offers.map((item) => ({ ...item, group }));
  const nameOf = ({ encryption, keyBits, hash }: Phase1OfferItem) => `${encryption}/${keyBits}/${hash}`;
  return moved.filter((item, i) => moved.findIndex((other) => nameOf(other) === nameOf(item)) === i);
}

/** Cisco's order: each cipher's hashes with XAUTH, then the same without. */
function paired(items: readonly Phase1OfferItem[], methods: readonly number[]) {
  const ciphers = [...new Set(items.map(cipherOf))];
  return ciphers.flatMap((cipher) => {
    const same = items.filter((item) => cipherOf(item) === cipher);
    return methods.flatMap((method) => same.map((item) => ({ item, method })));
  });
}

function cipherOf({ encryption, keyBits }: Phase1OfferItem): string {
  return `${encryption}/${keyBits}`;
}

function phase1Attribute(
  phase1: Persona['phase1'],
  item: Phase1OfferItem,
  authentication: number,
  type: number,
): Attribute[] {
  switch (type) {
    case Phase1Attribute.ENCRYPTION:
      return [numericAttribute(type, item.encryption)];
    case Phase1Attribute.KEY_LENGTH:
      return item.keyBits === undefined ? [] : [numericAttribute(type, item.keyBits)];
    case Phase1Attribute.HASH:
      return [numericAttribute(type, item.hash)];
    case Phase1Attribute.GROUP:
      return [numericAttribute(type, item.group)];
    case Phase1Attribute.AUTHENTICATION:
      return [numericAttribute(type, authentication)];
    case Phase1Attribute.LIFE_TYPE:
      return [numericAttribute(type, LifeType.SECONDS)];
    case Phase1Attribute.LIFE_DURATION:
      return [duration(type, phase1.lifetime, phase1.lifetimeLength)];
    default:
      throw new RangeError(`no persona has phase 1 attribute ${type}`);
  }
}

function phase2Attributes(phase2: Persona['phase2'], item: Phase2OfferItem, options: Phase2OfferOptions): Attribute[] {
  const { seconds, kilobytes } = phase2.lifetime;
  const lives = [
    { type: LifeType.SECONDS as number, value: seconds },
    ...(kilobytes === undefined ? [] : [{ type: LifeType.KILOBYTES as number, value: kilobytes }]),
  ];
  return phase2.attributes.flatMap((type): Attribute[] => {
    switch (type) {
      case Phase2Attribute.LIFE_TYPE:
        return lives.flatMap((life) => [
          numericAttribute(type, life.type),
          duration(Phase2Attribute.LIFE_DURATION, life.value, phase2.lifetimeLength),
        ]);
      case Phase2Attribute.GROUP:
        return options.group === undefined ? [] : [numericAttribute(type, options.group)];
      case Phase2Attribute.ENCAPSULATION_MODE:
        return [numericAttribute(type, options.mode)];
      case Phase2Attribute.AUTHENTICATION:
        return item.authentication === undefined ? [] : [numericAttribute(type, item.authentication)];
      case Phase2Attribute.KEY_LENGTH:
        return item.keyBits === undefined ? [] : [numericAttribute(type, item.keyBits)];
      default:
        throw new RangeError(`no persona has phase 2 attribute ${type}`);
    }
  });
}

function duration(type: number, value: number, length: 4 | undefined): Attribute {
  return length === 4 ? { type, value: u32(value) } : numericAttribute(type, value);
}

function isLegacyPhase1({ encryption, hash, group }: Phase1OfferItem): boolean {
  return encryption !== Phase1Encryption.AES_CBC || hash === Phase1Hash.MD5 || group < 14;
}

function isLegacyPhase2({ transform, authentication }: Phase2OfferItem): boolean {
  return transform === EspTransform.TRIPLE_DES || authentication === EspAuthentication.HMAC_MD5;
}
