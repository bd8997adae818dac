/** All rules, those whose finding is most surely the cause first. */
import type { Conversation } from './conversation.ts';
import type { PlacedFinding } from './diagnosis.ts';
import { SEVERITIES } from './finding.ts';
import { halfSeen } from './half-seen.ts';
import type { Rule, Scene } from './rule.ts';
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
  dpdDeath,
  silenceOn4500,
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
  const found: PlacedFinding[] = [];
  const scanners = scannersIn(scene);
  const flooding = floodingIn(scene);
  const isHonest = ({ client, negotiations }: Conversation) =>
    !scanners.has(client.text) && (negotiations.length === 0 || !negotiations.every((one) => flooding.has(one)));
  const honest = { ...scene, conversations: scene.conversations.filter(isHonest) };
  const whole = honest.conversations.filter((conversation) => halfSeen(conversation) === undefined);
  for (const rule of RULES) {
    if (rule.of === 'all') found.push(...judgeAll(rule, scene));
    else found.push(...judgePairs(rule, OF_ONE_SIDE.includes(rule) ? honest.conversations : whole, honest));
  }
  return found.sort((a, b) => SEVERITIES.indexOf(a.severity) - SEVERITIES.indexOf(b.severity));
}

function judgeAll(rule: Extract<Rule, { of: 'all' }>, scene: Scene): PlacedFinding[] {
  const finding = rule.judge(scene);
  return finding ? [{ ...finding, conversation: undefined, alike: 0 }] : [];
}

/** Of each severity the first pair stands for all. */
function judgePairs(
  rule: Extract<Rule, { of: 'pair' }>,
  conversations: readonly Conversation[],
  scene: Scene,
): PlacedFinding[] {
  const found = new Map<string, { finding: PlacedFinding; conversation: Conversation; alike: number }>();
  for (const conversation of conversations) {
    const finding = rule.judge(conversation, scene);
    if (!finding) continue;
    const known = found.get(finding.severity);
    if (known) known.alike++;
    else found.set(finding.severity, { finding: { ...finding, conversation, alike: 0 }, conversation, alike: 0 });
  }
  return [...found.values()].map(({ finding, alike }) => ({ ...finding, alike }));
}
