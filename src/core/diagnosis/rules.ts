/** All rules, those whose finding is most surely the cause first. */
import type { Conversation } from './conversation.ts';
import type { PlacedFinding } from './diagnosis.ts';
import { type Finding, SEVERITIES, type Severity } from './finding.ts';
import { halfSeen } from './half-seen.ts';
import type { Rule, Scene } from './rule.ts';
import { addressMissing } from './rules/address-missing.ts';
import { certificateMissing } from './rules/certificate-missing.ts';
import { certificateExpired, certificateName, certificatePurpose, certificateUntrusted } from './rules/certificates.ts';
import { ciscoTcpClosed } from './rules/cisco-tcp-closed.ts';
import { ciscoUdpClosed, espOneWay, natWithoutNatT } from './rules/esp-one-way.ts';
import { loss, pathMtu, replayWindow } from './rules/esp-quality.ts';
import { certificateTooLarge, fragmentsLost, ikeFragmentsRefused } from './rules/fragments.ts';
import { gatewayBehindNat } from './rules/gateway-behind-nat.ts';
import { groupMismatch } from './rules/group-mismatch.ts';
import { icmpUnreachable } from './rules/icmp-unreachable.ts';
import { identityMismatch } from './rules/identity-mismatch.ts';
import { eapRefusedUnseen, ikeAuthRefused } from './rules/ike-auth-refused.ts';
import { l2tpInClear, l2tpSecondClientStarves } from './rules/l2tp.ts';
import { loginNeverAsked, loginWithoutEnd, modeConfigRefused, poolEmpty, xauthRefused } from './rules/login.ts';
import { dpdDeath, natMappingTimeout } from './rules/lost-peer.ts';
import { messageIdShared } from './rules/message-id-shared.ts';
import { noAnswer } from './rules/no-answer-500.ts';
import { oneSideSeen } from './rules/one-side-seen.ts';
import { phase1NoProposal } from './rules/phase1-no-proposal.ts';
import { phase2NoProposal, phase2Unanswered, selectorsRefused } from './rules/phase2-refused.ts';
import { l2tpRefused, pppDisagreed, pppRefused } from './rules/ppp.ts';
import { pskMismatch } from './rules/psk-mismatch.ts';
import { rekeyFailure } from './rules/rekey-failure.ts';
import { saForgotten } from './rules/sa-forgotten.ts';
import { aggressivePskHash, groupSecretImpersonation, weakAlgorithms } from './rules/safety.ts';
import { silenceOn4500 } from './rules/silence-on-4500.ts';
import { floodingIn, halfOpenFlood, scanner, scannersIn } from './rules/strangers.ts';
import { ikev1ToIkev2, ikev2ToIkev1 } from './rules/version-mismatch.ts';

export const RULES: readonly Rule[] = [
  // what is said in clear comes before what silence means
  ikev1ToIkev2,
  ikev2ToIkev1,
  groupMismatch,
  phase1NoProposal,
  certificateExpired,
  certificatePurpose,
  certificateName,
  certificateUntrusted,
  certificateMissing,
  identityMismatch,
  icmpUnreachable,
  noAnswer,
  ciscoTcpClosed,
  // what explains others: large messages, a NAT that Windows won't have, one message ID for all
  ikeFragmentsRefused,
  certificateTooLarge,
  fragmentsLost,
  gatewayBehindNat,
  messageIdShared,
  l2tpSecondClientStarves,
  rekeyFailure,
  natMappingTimeout,
  saForgotten,
  dpdDeath,
  silenceOn4500,
  addressMissing,
  pskMismatch,
  ikeAuthRefused,
  eapRefusedUnseen,
  xauthRefused,
  loginWithoutEnd,
  loginNeverAsked,
  modeConfigRefused,
  poolEmpty,
  selectorsRefused,
  phase2NoProposal,
  phase2Unanswered,
  pppRefused,
  pppDisagreed,
  l2tpRefused,
  pathMtu,
  ciscoUdpClosed,
  natWithoutNatT,
  espOneWay,
  l2tpInClear,
  halfOpenFlood,
  scanner,
  replayWindow,
  loss,
  weakAlgorithms,
  aggressivePskHash,
  groupSecretImpersonation,
  oneSideSeen,
];

/** What these go by is seen of one side as well. */
const OF_ONE_SIDE: readonly Rule[] = [icmpUnreachable, l2tpInClear, replayWindow, loss, weakAlgorithms, oneSideSeen];

/** What the rules find, the cause first; what several pairs show alike is told once. */
export function judge(scene: Scene): PlacedFinding[] {
  const honest = { ...scene, conversations: honestOf(scene) };
  const found = new Map(RULES.map((rule) => [rule, new Map<Severity, PlacedFinding>()]));
  for (const rule of RULES) if (rule.of === 'all') note(found.get(rule)!, rule.judge(scene), undefined);
  // pair by pair, not rule by rule: what was seen of one pair is then at hand for all rules, and of many isn't
  for (const conversation of honest.conversations) {
    const isHalf = halfSeen(conversation) !== undefined;
    for (const [rule, findings] of found) {
      if (rule.of === 'pair' && (!isHalf || OF_ONE_SIDE.includes(rule)))
        note(findings, rule.judge(conversation, honest), conversation);
    }
  }
  return [...found.values()]
    .flatMap((findings) => [...findings.values()])
    .sort((a, b) => SEVERITIES.indexOf(a.severity) - SEVERITIES.indexOf(b.severity));
}

function honestOf(scene: Scene): Conversation[] {
  const scanners = scannersIn(scene);
  const flooding = floodingIn(scene);
  return scene.conversations.filter(
    ({ client, negotiations }) =>
      !scanners.has(client.text) && (negotiations.length === 0 || !negotiations.every((one) => flooding.has(one))),
  );
}

/** Of each severity the first pair stands for all. */
function note(
  findings: Map<Severity, PlacedFinding>,
  finding: Finding | undefined,
  conversation: Conversation | undefined,
): void {
  if (!finding) return;
  const { severity } = finding;
  const known = findings.get(severity);
  findings.set(severity, known ? { ...known, alike: known.alike + 1 } : { ...finding, conversation, alike: 0 });
}
