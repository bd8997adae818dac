/** Only the Diffie-Hellman group differs, and the two come to no agreement about it. */

import { groupName, groupNumber } from '../algorithm-names.ts';
import type { Conversation } from '../conversation.ts';
import type { Finding, Remedy } from '../finding.ts';
import type { Negotiation } from '../negotiation.ts';
import { namesOf } from '../offer.ts';
import { errorsOf, facts, failedOf, of, offerOf, phase1Of, type SeenNotify } from '../phases.ts';
import type { Rule } from '../rule.ts';

export const groupMismatch: Rule = { of: 'pair', judge };

function judge(conversation: Conversation): Finding | undefined {
  for (const negotiation of failedOf(conversation)) {
    const refusal = errorsOf(negotiation).findLast(
      ({ message, notify }) => message.from === 'responder' && !message.isEncrypted && REFUSALS.includes(notify.name),
    );
    if (refusal && !wasHeeded(negotiation, refusal)) return finding(negotiation, refusal);
  }
  return undefined;
}

/** IKEv2's names the group that is wanted; IKEv1's says that the KE payload is of another. */
const REFUSALS: readonly string[] = ['INVALID_KE_PAYLOAD', 'INVALID_KEY_INFORMATION'];

/** With IKEv2 one refusal is how the group is found: the client asks again with the other. */
function wasHeeded(negotiation: Negotiation, { message }: SeenNotify): boolean {
  const answers = of('responder', phase1Of(negotiation)).filter(({ packet }) => packet > message.packet);
  return answers.some(({ payloads }) => payloads.some(({ kind }) => kind === 'SA'));
}

function finding(negotiation: Negotiation, { message, notify }: SeenNotify): Finding {
  const sent = facts(of('initiator', phase1Of(negotiation)), 'KE').at(-1)?.group ?? 'another group';
  const wanted =
    notify.name === 'INVALID_KE_PAYLOAD' ? groupName(Number.parseInt(notify.detail.slice(0, 4), 16)) : undefined;
  const offered = namesOf(offerOf(negotiation), 'group');
  return {
    rule: 'group-mismatch',
    severity: 'cause',
    cause: wanted
      ? `The gateway wants the Diffie-Hellman group ${wanted}; the client uses ${sent} and doesn't go over to it.`
      : `The gateway doesn't take the client's Diffie-Hellman group, ${sent}.`,
    evidence: [
      {
        packet: negotiation.messages[0]!.packet,
        says: `the client offers the groups ${offered.join(', ') || sent}, with a value of ${sent}`,
      },
      {
        packet: message.packet,
        says: wanted ? `the gateway answers ${notify.name}: ${wanted}` : `the gateway answers ${notify.name}`,
      },
    ],
    remedies: groupRemedies(wanted ?? 'modp2048', sent),
  };
}

/** To bring the client to `wanted`, or the gateway to `sent`. */
export function groupRemedies(wanted: string, sent: string): Remedy[] {
  const number = groupNumber(wanted) ?? 14;
  const windows: Readonly<Record<number, string>> = {
    2: 'Group2',
    14: 'Group14',
    19: 'ECP256',
    20: 'ECP384',
    24: 'Group24',
  };
  return [
    {
      where: 'windows',
      does: 'PowerShell, for IKEv2: one group for all; for older systems the registry lets modp2048 in.',
      lines: [
        `Set-VpnConnectionIPsecConfiguration -ConnectionName "VPN" -AuthenticationTransformConstants SHA256128 -CipherTransformConstants AES256 -EncryptionMethod AES256 -IntegrityCheckMethod SHA256 -DHGroup ${windows[number] ?? 'Group14'} -PfsGroup None -Force`,
        'reg add HKLM\\SYSTEM\\CurrentControlSet\\Services\\RasMan\\Parameters /v NegotiateDH2048_AES256 /t REG_DWORD /d 1 /f',
      ],
    },
    {
      where: 'strongswan',
      does: 'swanctl.conf, the same group on both sides:',
      lines: [`proposals = aes256-sha256-${wanted}`],
    },
    { where: 'libreswan', does: 'ipsec.conf, the same group on both sides:', lines: [`ike=aes256-sha2_256-${wanted}`] },
    {
      where: 'cisco-asa',
      does: "Let the gateway take the client's group too:",
      lines: ['crypto ikev1 policy 10', ` group ${groupNumber(sent) ?? 14}`],
    },
    {
      where: 'sallyport',
      does: 'It takes groups 14, 15, 16, 19 and 20; 2 and 5 only with this line.',
      lines: ['legacy: true'],
    },
  ];
}
