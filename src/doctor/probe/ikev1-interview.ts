/**
 * What a gateway takes in IKEv1. Each offer that it takes begins a negotiation that it keeps for half a minute or so, and many gateways
 * keep few of one address (strongSwan five): so there are few questions, each with many transforms.
 */
import { isDhGroup } from '../../core/crypto/algorithms.ts';
import { groupNumber } from '../../core/diagnosis/algorithm-names.ts';
import type { Suite } from '../../core/diagnosis/offer.ts';
import { weakParts } from '../../core/diagnosis/remedies.ts';
import { readVendorIds } from '../../core/ike/vendor-ids.ts';
import { PayloadType } from '../../core/wire/isakmp.ts';
import type { Asked } from './address-probe.ts';
import { type Answer, bodyOf } from './answer.ts';
import type { Outcome } from './ike-flow.ts';
import {
  AGGRESSIVE_AUTHENTICATIONS,
  aggressiveQuestion,
  mainModeQuestion,
  ONLY_AGED,
  ONLY_BROKEN,
  ONLY_MODERN,
  type Phase1Offer,
} from './ikev1-questions.ts';
import type { Interview } from './interview.ts';
import type { AggressiveSight, Ikev1Sight, Taken } from './survey.ts';

export interface Ikev1Interview {
  readonly sight: Ikev1Sight;
  /** Its answer to the negotiation that goes furthest. */
  readonly begun: Asked | undefined;
  /** An offer that it refuses, so that asking leaves nothing behind. */
  readonly refused: Phase1Offer | undefined;
}

/** The groups that aggressive mode is asked with when main mode doesn't tell: the old clients' own, and today's least. */
const AGGRESSIVE_GROUPS = [2, 14] as const;

/** Undefined: it doesn't speak IKEv1. */
export async function interviewIkev1(interview: Interview, first: Asked): Promise<Ikev1Interview | undefined> {
  const answer = answerOf(first.outcome);
  const suite = suiteOf(first.outcome);
  const taken: Taken[] = answer ? [{ offer: 'all', suite, packet: first.outcome.packet }] : [];
  const offers = answer ? furtherOffers(suite) : [];
  let refused: Phase1Offer | undefined;
  const silences: Outcome[] = [];
  for (const offer of offers) {
    const outcome = await interview.askShy(mainModeQuestion(interview.context.crypto, offer));
    const said = outcome && answerOf(outcome);
    if (!said) {
      if (outcome) silences.push(outcome);
      continue;
    }
    taken.push({ offer: offer.name, suite: suiteOf(outcome), packet: outcome.packet });
    if (said.verdict.kind === 'refused') refused ??= offer;
  }
  const aggressive = await askAggressive(interview, suite);
  // many refuse by silence, and so it means something only of one who says no
  if (refused || aggressive.state === 'refused') for (const outcome of silences) interview.note(outcome);
  if (!answer && (aggressive.state === 'silent' || aggressive.state === 'refused')) return undefined;
  const traits = readVendorIds(answer?.vendorIds ?? []);
  interview.context.progress(suite ? 'IKEv1 main mode takes an offer' : 'IKEv1 main mode takes no offer');
  return {
    sight: {
      taken,
      aggressive,
      fragmentation: traits.fragmentation,
      natTraversal: traits.natTraversal !== undefined,
      xauth: traits.xauth,
      main: taken.some((one) => one.suite !== undefined),
    },
    begun: suite ? first : undefined,
    refused,
  };
}

function furtherOffers(suite: Suite | undefined): Phase1Offer[] {
  if (!suite) return [ONLY_AGED];
  return weakParts(suite).length > 0 ? [ONLY_BROKEN, ONLY_AGED, ONLY_MODERN] : [ONLY_BROKEN, ONLY_AGED];
}

/** A gateway that proves itself to a group that isn't there proves itself to anybody: the proof is a hash of the secret. */
async function askAggressive(interview: Interview, suite: Suite | undefined): Promise<AggressiveSight> {
  const wanted = groupNumber(suite?.group[0] ?? '');
  const groups = wanted !== undefined && isDhGroup(wanted) ? [wanted] : AGGRESSIVE_GROUPS;
  let best: AggressiveSight = { state: 'silent', suite: undefined, packet: 0 };
  for (const authentication of AGGRESSIVE_AUTHENTICATIONS) {
    for (const group of groups) {
      const outcome = await interview.askShy(aggressiveQuestion(interview.context.crypto, group, authentication));
      if (!outcome) return best;
      const sight = aggressiveSight(outcome);
      if (sight.state === 'hash' || sight.state === 'answers') return sight;
      if (best.state === 'silent') best = sight;
      // another group doesn't make it speak, but the other authentication may: SoftEther passes XAUTH over
      if (sight.state === 'silent') break;
    }
  }
  return best;
}

function aggressiveSight(outcome: Outcome): AggressiveSight {
  const { packet } = outcome;
  const answer = answerOf(outcome);
  if (!answer) return { state: 'silent', suite: undefined, packet };
  const { verdict, payloads } = answer;
  if (verdict.kind !== 'accepted') return { state: 'refused', suite: undefined, packet };
  const hasHash = bodyOf(payloads, PayloadType.HASH) !== undefined && usesSecret(verdict.suite);
  return { state: hasHash ? 'hash' : 'answers', suite: verdict.suite, packet };
}

function usesSecret(suite: Suite | undefined): boolean {
  return suite?.authentication.some((name) => name.includes('psk')) ?? true;
}

function suiteOf(outcome: Outcome): Suite | undefined {
  const verdict = answerOf(outcome)?.verdict;
  return verdict?.kind === 'accepted' ? verdict.suite : undefined;
}

/** What speaks only IKEv2 may say so in a message of IKEv2. */
function answerOf(outcome: Outcome): Answer | undefined {
  return outcome.kind === 'answer' && outcome.answer.version === 1 ? outcome.answer : undefined;
}
