/** Lifetimes as attributes have them, in offers and in RESPONDER-LIFETIME: RFC 2409 Appendix A, RFC 2407 section 4.5. */
import { type Attribute, attributeNumber, LifeType, Phase1Attribute, Phase2Attribute } from '../wire/ikev1.ts';

/** What ends an SA of phase 2, whichever comes first. */
export interface Phase2Lifetime {
  readonly seconds: number;
  readonly kilobytes: number | undefined;
}

/** What a peer names; undefined: nothing, or zero. */
export interface Lifetimes {
  readonly seconds: number | undefined;
  readonly kilobytes: number | undefined;
}

export function phase1Lifetimes(attributes: readonly Attribute[]): Lifetimes {
  return readLifetimes(attributes, Phase1Attribute.LIFE_TYPE, Phase1Attribute.LIFE_DURATION);
}

export function phase2Lifetimes(attributes: readonly Attribute[]): Lifetimes {
  return readLifetimes(attributes, Phase2Attribute.LIFE_TYPE, Phase2Attribute.LIFE_DURATION);
}

/** Each duration is of the type before it. */
function readLifetimes(attributes: readonly Attribute[], typeAttribute: number, durationAttribute: number): Lifetimes {
  let type: number | undefined;
  let seconds: number | undefined;
  let kilobytes: number | undefined;
  for (const attribute of attributes) {
    if (attribute.type === typeAttribute) type = attributeNumber(attribute);
    if (attribute.type !== durationAttribute) continue;
    if (type === LifeType.SECONDS) seconds = attributeNumber(attribute);
    if (type === LifeType.KILOBYTES) kilobytes = attributeNumber(attribute);
  }
  return { seconds: seconds || undefined, kilobytes: kilobytes || undefined };
}
