/** How safe it is what was agreed on: hashes given away, secrets that many know, weak algorithms. */
import type { Conversation } from '../conversation.ts';
import type { Finding, Remedy } from '../finding.ts';
import type { Negotiation } from '../negotiation.ts';
import { suiteText } from '../offer.ts';
import { chosenOf, facts, isAggressive, isBySecret, isPhase1Done, neverWentOn, of, phase1Of } from '../phases.ts';
import { MODERN_CLIENT, takeSuite, weakParts } from '../remedies.ts';
import type { Rule, Scene } from '../rule.ts';
import { PHASE2_PROPOSALS } from './phase2-refused.ts';

export const aggressivePskHash: Rule = { of: 'pair', judge: hashGivenAway };
export const groupSecretImpersonation: Rule = { of: 'pair', judge: impersonation };
export const weakAlgorithms: Rule = { of: 'pair', judge: weak };

const WITHOUT_GROUP_SECRET: readonly Remedy[] = [
  {
    where: 'sallyport',
    does: 'Hybrid authentication: the gateway proves itself by a certificate, and no secret is needed.',
    lines: ['groups:', '  NAME: { authentication: [hybrid] }', 'certificate: { file: gateway.crt, key: gateway.key }'],
  },
  {
    where: 'strongswan',
    does: 'swanctl.conf: IKEv2 with a certificate of the gateway and EAP for the user.',
    lines: ['version = 2', 'local { auth = pubkey }', 'remote { auth = eap-mschapv2 }'],
  },
  {
    where: 'cisco-asa',
    does: 'No aggressive mode; then clients need certificates.',
    lines: ['crypto ikev1 am-disable'],
  },
];

export const AGAINST_GUESSING: readonly Remedy[] = [
  { where: 'sallyport', does: 'A secret that nobody guesses; it prints one.', lines: ['openssl rand -base64 24'] },
  ...WITHOUT_GROUP_SECRET,
];

function hashGivenAway({ negotiations }: Conversation, scene: Scene): Finding | undefined {
  const shown = negotiations.filter((negotiation) => isAggressive(negotiation) && isBySecret(chosenOf(negotiation)));
  const asker = shown.find(neverWentOn) ?? shown[0];
  const answer = asker && of('responder', phase1Of(asker))[0];
  if (!asker || !answer) return undefined;
  const hadTime = scene.lastAt - answer.at >= GONE || negotiations.some(({ firstAt }) => firstAt > answer.at);
  const isHarvest = neverWentOn(asker) && asker.isWhole && hadTime;
  return {
    rule: 'aggressive-psk-hash',
    severity: isHarvest ? 'warning' : 'note',
    cause: isHarvest
      ? `${asker.initiator.address.text} got the hash of the group secret and went away with it: whoever asks for it in aggressive mode can guess the secret at leisure.`
      : 'Aggressive mode gives a hash of the group secret to everybody who asks, and it can be guessed at leisure: the secret must be long and random.',
    evidence: [{ packet: answer.packet, says: 'message 2 brings the hash, in clear' }],
    remedies: AGAINST_GUESSING,
  };
}

/** A client goes on sooner. Milliseconds. */
const GONE = 3000;

function impersonation({ negotiations }: Conversation): Finding | undefined {
  const found = negotiations.find((negotiation) =>
    chosenOf(negotiation)?.authentication.some((name) => name.startsWith('xauth-psk')),
  );
  const chosen = found && of('responder', phase1Of(found))[0];
  if (!found || !chosen) return undefined;
  return {
    rule: 'group-secret-impersonation',
    severity: 'note',
    cause:
      'A group secret is all by which the gateway proves itself: each member of the group can pose as it and collect the passwords of the others (XAUTH).',
    evidence: [{ packet: chosen.packet, says: `agreed: ${suiteText(chosenOf(found)!)}` }],
    remedies: WITHOUT_GROUP_SECRET,
  };
}

function weak({ negotiations }: Conversation): Finding | undefined {
  for (const negotiation of negotiations) {
    const chosen = chosenOf(negotiation);
    const parts = chosen ? weakParts(chosen) : [];
    if (!chosen || parts.length === 0 || !mayHold(negotiation)) {
      const inside = weakInside(negotiation);
      if (inside) return inside;
      continue;
    }
    return {
      rule: 'weak-algorithms',
      severity: 'warning',
      cause: `What the two agreed on is weak: ${parts.join(', ')}. Who records it may read it one day, or can today.`,
      evidence: [
        { packet: of('responder', phase1Of(negotiation))[0]!.packet, says: `the gateway chooses ${suiteText(chosen)}` },
      ],
      remedies: [
        { where: 'sallyport', does: 'Take this line away, once all clients can do better.', lines: ['legacy: true'] },
        ...takeSuite(STRONG, negotiation.version).filter(({ where }) => where !== 'sallyport'),
        ...MODERN_CLIENT,
      ],
    };
  }
  return undefined;
}

/** ESP's algorithms, which only keys show. */
function weakInside(negotiation: Negotiation): Finding | undefined {
  for (const message of of('responder', negotiation.messages)) {
    const chosen = message.isOpened ? facts([message], 'SA').flatMap(({ offer }) => offer)[0] : undefined;
    const parts = chosen ? weakParts(chosen) : [];
    if (!chosen || parts.length === 0) continue;
    return {
      rule: 'weak-algorithms',
      severity: 'warning',
      cause: `The tunnel itself is weak: ${parts.join(', ')}. Who records it may read it one day, or can today.`,
      evidence: [{ packet: message.packet, says: `for ESP the gateway chooses ${suiteText(chosen)}` }],
      remedies: PHASE2_PROPOSALS.map((remedy) =>
        remedy.where === 'sallyport'
          ? { ...remedy, does: 'Take this line away, once all clients can do better.' }
          : remedy,
      ),
    };
  }
  return undefined;
}

/** It isn't only a scanner's answer. */
function mayHold(negotiation: Negotiation): boolean {
  return isPhase1Done(negotiation) || of('initiator', phase1Of(negotiation)).length > 1;
}

const STRONG = {
  protocol: 'ike' as const,
  encryption: ['aes256'],
  integrity: ['sha256'],
  prf: [],
  group: ['modp2048'],
  authentication: ['psk'],
  mode: [],
  lifetime: undefined,
  volume: undefined,
};
