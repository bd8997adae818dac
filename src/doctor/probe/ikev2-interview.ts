/**
 * What a gateway takes in IKEv2. One negotiation is begun; all else is asked with a KE payload of a group that it doesn't take: what it
 * would accept it answers with INVALID_KE_PAYLOAD, what not with NO_PROPOSAL_CHOSEN, and it remembers neither.
 */
import { groupName, groupNumber, ikev2CipherName, ikev2IntegrityName } from '../../core/diagnosis/algorithm-names.ts';
import { Ikev2Notify } from '../../core/wire/ikev2.ts';
import type { Asked } from './address-probe.ts';
import { type Answer, notifyData, type Verdict } from './answer.ts';
import {
  CIPHERS,
  canBegin,
  DES,
  EVERYTHING,
  GROUPS,
  type Ikev2Offer,
  INTEGRITIES,
  UNWANTED_GROUP,
} from './ikev2-questions.ts';
import type { Interview } from './interview.ts';
import type { Ikev2Sight } from './survey.ts';

export interface Ikev2Interview {
  readonly sight: Ikev2Sight;
  /** Its answer to the one negotiation that was begun. */
  readonly begun: Asked | undefined;
  /** It says which group it wants, so that questions leave nothing behind. */
  readonly leavesNothing: boolean;
}

/** Undefined: it doesn't speak IKEv2. */
export async function interviewIkev2(interview: Interview, first: Asked): Promise<Ikev2Interview | undefined> {
  const verdict = verdictOf(first);
  if (!verdict) return undefined;
  const { progress } = interview.context;
  const known: number[] = [];
  const begun = await begin(interview, first, known);
  const answer = begun && answerOf(begun);
  const chosen = answer?.verdict.kind === 'accepted' ? answer.verdict.suite : undefined;
  const refusal = verdict.kind === 'refused' ? verdict.notify : undefined;
  const isUnwanted = refusal === undefined && (await findGroups(interview, known));
  progress(`IKEv2 takes ${known.map(groupName).join(', ') || 'none of the groups'}`);
  const detail = refusal === undefined && !isUnwanted ? await findAlgorithms(interview, known) : NOTHING;
  return {
    sight: {
      suite: chosen,
      refusal,
      groups: known.map(groupName),
      ciphers: detail.ciphers,
      integrities: detail.integrities,
      broken: [...detail.broken, ...(isUnwanted ? [groupName(UNWANTED_GROUP)] : [])],
      fragmentation: answer !== undefined && notifyData(answer, Ikev2Notify.FRAGMENTATION_SUPPORTED) !== undefined,
      packet: (begun ?? first).outcome.packet,
    },
    begun,
    leavesNothing: refusal === undefined && !isUnwanted && known.length > 0,
  };
}

/** Asks with a group that it wants until it takes the whole; `known` gets the groups that it names on the way. */
async function begin(interview: Interview, first: Asked, known: number[]): Promise<Asked | undefined> {
  let asked: Asked | undefined = first;
  let left: readonly number[] = GROUPS;
  for (;;) {
    const verdict = asked && verdictOf(asked);
    if (verdict?.kind === 'accepted') {
      const group = groupNumber(verdict.suite?.group[0] ?? '');
      if (group !== undefined && !known.includes(group)) known.push(group);
      return asked;
    }
    // what it wants must be among what was offered, or it would go on for ever
    if (verdict?.kind !== 'wants-group' || !left.includes(verdict.group)) return undefined;
    const { group } = verdict;
    if (!known.includes(group)) known.push(group);
    left = left.filter((one) => one !== group);
    const offer: Ikev2Offer = canBegin(group) ? { ...EVERYTHING, groups: [group] } : { ...EVERYTHING, groups: left };
    asked = await interview.askInit(offer, { group: canBegin(group) ? group : UNWANTED_GROUP });
  }
}

/** One after the other, best liked first; true: it even takes the one that nobody should. */
async function findGroups(interview: Interview, known: number[]): Promise<boolean> {
  for (;;) {
    const left = GROUPS.filter((group) => !known.includes(group));
    const asked = await interview.askInit(
      { ...EVERYTHING, groups: [...left, UNWANTED_GROUP] },
      { group: UNWANTED_GROUP },
    );
    const verdict = asked && verdictOf(asked);
    if (verdict?.kind === 'accepted') return true;
    if (verdict?.kind !== 'wants-group' || !left.includes(verdict.group)) return false;
    known.push(verdict.group);
  }
}

interface Algorithms {
  readonly ciphers: readonly string[];
  readonly integrities: readonly string[];
  readonly broken: readonly string[];
}

const NOTHING: Algorithms = { ciphers: [], integrities: [], broken: [] };

async function findAlgorithms(interview: Interview, groups: readonly number[]): Promise<Algorithms> {
  const takes = async (part: Partial<Ikev2Offer>) => {
    const offer = { ...EVERYTHING, ...part, groups: [...groups, UNWANTED_GROUP] };
    const asked = await interview.askInit(offer, { group: UNWANTED_GROUP });
    return asked !== undefined && verdictOf(asked)?.kind === 'wants-group';
  };
  const [ciphers, des] = await Promise.all([
    filter(CIPHERS, (cipher) => takes({ ciphers: [cipher] })),
    takes({ ciphers: [DES] }),
  ]);
  // integrity goes with the ciphers that don't bring their own
  const plain = CIPHERS.slice(CIPHERS_WITHOUT_INTEGRITY);
  const integrities = await filter(INTEGRITIES, (integrity) => takes({ ciphers: plain, integrities: [integrity] }));
  return {
    ciphers: ciphers.map(({ id, keyBits }) => ikev2CipherName(id, keyBits)),
    integrities: integrities.map(ikev2IntegrityName),
    broken: des ? [ikev2CipherName(DES.id, DES.keyBits)] : [],
  };
}

/** The combined modes come first in the list. */
const CIPHERS_WITHOUT_INTEGRITY = 3;

async function filter<T>(items: readonly T[], test: (item: T) => Promise<boolean>): Promise<T[]> {
  const verdicts = await Promise.all(items.map(test));
  return items.filter((_, i) => verdicts[i]);
}

function answerOf({ outcome }: Asked): Answer | undefined {
  return outcome.kind === 'answer' ? outcome.answer : undefined;
}

function verdictOf(asked: Asked): Verdict | undefined {
  const answer = answerOf(asked);
  // what speaks only IKEv1 may say so in a message of IKEv1
  return answer?.version === 2 ? answer.verdict : undefined;
}
