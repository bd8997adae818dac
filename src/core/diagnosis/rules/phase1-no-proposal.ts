/** NO_PROPOSAL_CHOSEN for phase 1: no offer of cipher, hash, authentication and group suits the other side; or only the group differs. */
import type { Conversation } from '../conversation.ts';
import type { Evidence, Finding } from '../finding.ts';
import type { Negotiation } from '../negotiation.ts';
import { type Difference, differencesText, namesOf, nearestPair, offerText, type Suite, suiteText } from '../offer.ts';
import { errorsOf, failedOf, isPhase1Done, offerOf, type SeenNotify, takenBy } from '../phases.ts';
import { MODERN_CLIENT, takeSuite, weakParts } from '../remedies.ts';
import type { Rule, Scene } from '../rule.ts';

export const phase1NoProposal: Rule = { of: 'pair', judge };

function judge(conversation: Conversation, scene: Scene): Finding | undefined {
  for (const negotiation of failedOf(conversation)) {
    const refusal = refusalOf(negotiation);
    if (refusal) return finding(negotiation, refusal, scene);
  }
  return undefined;
}

/** In the first answer; behind a proven phase 1 it is about phase 2. */
function refusalOf(negotiation: Negotiation): SeenNotify | undefined {
  if (isPhase1Done(negotiation)) return undefined;
  return errorsOf(negotiation).find(
    ({ message, notify }) =>
      notify.name === 'NO_PROPOSAL_CHOSEN' && message.from === 'responder' && !message.isEncrypted,
  );
}

function finding(negotiation: Negotiation, refusal: SeenNotify, scene: Scene): Finding {
  const offer = offerOf(negotiation);
  const gateway = negotiation.responder.address.text;
  const nearest = nearestPair(offer, takenBy(gateway, scene));
  const differences = nearest?.differences ?? [];
  const isGroup = differences.length === 1 && differences[0]!.kind === 'group';
  const evidence: Evidence[] = [
    { packet: negotiation.messages[0]!.packet, says: `the client offers ${offerText(offer)}` },
    { packet: refusal.message.packet, says: 'the gateway answers NO_PROPOSAL_CHOSEN' },
    ...(nearest
      ? [
          {
            packet: 0,
            says: `elsewhere in the capture the gateway takes ${suiteText(nearest.wanted)}; nearest offered: ${suiteText(nearest.offered)}`,
          },
        ]
      : []),
  ];
  const first = nearest?.offered ?? offer[0];
  return {
    rule: isGroup ? 'group-mismatch' : 'phase1-no-proposal',
    severity: 'cause',
    cause: causeOf(negotiation, gateway, offer, differences),
    evidence,
    remedies: [
      ...(nearest ? [clientTakes(nearest.wanted)] : []),
      ...(first ? takeSuite(first, negotiation.version) : []),
      ...MODERN_CLIENT,
    ],
  };
}

function causeOf(
  negotiation: Negotiation,
  gateway: string,
  offer: readonly Suite[],
  differences: readonly Difference[],
): string {
  const begin = `The gateway ${gateway} takes none of the algorithms that the client offers for phase 1`;
  if (differences.length > 0) return `${begin}: it wants ${differencesText(differences)}.`;
  const weak = weakest(offer);
  if (weak.length > 0)
    return `${begin}: each offer contains ${weak.join(' or ')}, which gateways refuse today unless told otherwise.`;
  const methods = namesOf(offer, 'authentication');
  const by = methods.length > 0 ? ` It offers authentication by ${methods.join(', ')}.` : '';
  return `${begin}, or has no connection for this client's address and kind of IKEv${negotiation.version} login.${by}`;
}

/** Weak algorithms without which no offer is; empty: some offer has none. */
function weakest(offer: readonly Suite[]): string[] {
  const weak = new Set<string>();
  for (const suite of offer) {
    const kinds = [suite.encryption, suite.integrity, suite.group].filter((names) => names.length > 0);
    const parts = weakParts(suite);
    if (!kinds.some((names) => names.every((name) => parts.includes(name)))) return [];
    for (const names of kinds)
      if (names.every((name) => parts.includes(name))) for (const name of names) weak.add(name);
  }
  return [...weak];
}

function clientTakes(wanted: Suite) {
  return {
    where: 'client' as const,
    does: `Let the client offer ${suiteText(wanted)} too.`,
    lines: [],
  };
}
