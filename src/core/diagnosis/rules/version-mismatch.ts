/** IKEv1 is asked of a gateway that has IKEv2 alone, or the reverse. */
import type { Conversation } from '../conversation.ts';
import type { Evidence, Finding, Remedy } from '../finding.ts';
import { ofGateway } from '../gateways.ts';
import type { Negotiation } from '../negotiation.ts';
import type { IkeVersion } from '../notify-words.ts';
import { chosenOf, errorsOf, failedOf, of, unanswered } from '../phases.ts';
import type { Rule, Scene } from '../rule.ts';

export const ikev1ToIkev2: Rule = { of: 'pair', judge: (conversation, scene) => judge(1, conversation, scene) };
export const ikev2ToIkev1: Rule = { of: 'pair', judge: (conversation, scene) => judge(2, conversation, scene) };

function judge(version: IkeVersion, conversation: Conversation, scene: Scene): Finding | undefined {
  const gateway = conversation.gateway.text;
  const served = servedBy(gateway, scene);
  if (served[version]) return undefined;
  const other = served[version === 1 ? 2 : 1];
  for (const negotiation of failedOf(conversation)) {
    if (negotiation.version !== version || negotiation.responder.address.text !== gateway) continue;
    const evidence = refusal(negotiation, other, scene);
    if (evidence) return finding(version, gateway, evidence);
  }
  return undefined;
}

/** Of each version a negotiation that the gateway took part in. */
const servedBy = ofGateway((gateway, conversations): Readonly<Record<IkeVersion, Negotiation | undefined>> => {
  const served = conversations
    .flatMap(({ negotiations }) => negotiations)
    .filter((negotiation) => negotiation.responder.address.text === gateway && isServed(negotiation));
  return { 1: served.find(({ version }) => version === 1), 2: served.find(({ version }) => version === 2) };
});

/** Its answer took part in the negotiation: a choice, or a question for another group. */
function isServed(negotiation: Negotiation): boolean {
  return chosenOf(negotiation) !== undefined;
}

/** It says so; or it serves the other version, and this one gets silence or no proposal at all. */
function refusal(negotiation: Negotiation, other: Negotiation | undefined, scene: Scene): Evidence[] | undefined {
  const first = negotiation.messages[0]!;
  const asked = { packet: first.packet, says: `the client begins IKEv${negotiation.version}: ${first.summary}` };
  const errors = errorsOf(negotiation).filter(({ message }) => message.from === 'responder');
  const version = errors.find(({ notify }) => notify.name === 'INVALID_MAJOR_VERSION');
  if (version) return [asked, { packet: version.message.packet, says: 'the gateway answers INVALID_MAJOR_VERSION' }];
  if (!other) return undefined;
  const refused = errors.find(({ notify }) => notify.name === 'NO_PROPOSAL_CHOSEN');
  const isSilent = of('responder', negotiation.messages).length === 0 && unanswered(negotiation, scene) !== undefined;
  if (!refused && !isSilent) return undefined;
  const served = of('responder', other.messages)[0]!;
  return [
    asked,
    refused
      ? { packet: refused.message.packet, says: 'the gateway answers NO_PROPOSAL_CHOSEN' }
      : { packet: negotiation.messages.at(-1)!.packet, says: 'it gets no answer' },
    { packet: served.packet, says: `the same gateway serves IKEv${other.version}` },
  ];
}

function finding(version: IkeVersion, gateway: string, evidence: readonly Evidence[]): Finding {
  const has = version === 1 ? 2 : 1;
  return {
    rule: `ikev${version}-to-ikev${has}`,
    severity: 'cause',
    cause: `The client speaks IKEv${version}, the gateway ${gateway} has IKEv${has} alone.`,
    evidence,
    remedies: version === 1 ? TO_IKEV2 : TO_IKEV1,
  };
}

const TO_IKEV2: readonly Remedy[] = [
  {
    where: 'windows',
    does: 'PowerShell: dial by IKEv2.',
    lines: ['Set-VpnConnection -Name "VPN" -TunnelType Ikev2 -AuthenticationMethod Eap -Force'],
  },
  {
    where: 'strongswan',
    does: 'swanctl.conf, in the connection, at the side that is to change (0: both versions):',
    lines: ['version = 0'],
  },
  { where: 'libreswan', does: 'ipsec.conf at the gateway, in a conn for the old clients:', lines: ['ikev2=no'] },
  { where: 'cisco-asa', does: 'Serve IKEv1 too:', lines: ['crypto ikev1 enable outside'] },
];

export const TO_IKEV1: readonly Remedy[] = [
  {
    where: 'windows',
    does: 'PowerShell: dial by L2TP/IPsec, which is IKEv1.',
    lines: ['Set-VpnConnection -Name "VPN" -TunnelType L2tp -L2tpPsk "SECRET" -AuthenticationMethod MSChapv2 -Force'],
  },
  {
    where: 'client',
    does: "macOS and iOS: add the VPN as 'Cisco IPSec' or 'L2TP over IPSec' instead of 'IKEv2'.",
    lines: [],
  },
  {
    where: 'strongswan',
    does: 'swanctl.conf, in the connection, at the side that is to change (0: both versions):',
    lines: ['version = 0'],
  },
  { where: 'libreswan', does: 'ipsec.conf, in the conn at the client (at a gateway: yes):', lines: ['ikev2=no'] },
  { where: 'cisco-asa', does: 'Serve IKEv2 too:', lines: ['crypto ikev2 enable outside'] },
];
