/** The gateway itself is behind a NAT: Windows refuses that without its registry value (809). */
import { ExchangeType } from '../../wire/isakmp.ts';
import type { Conversation } from '../conversation.ts';
import type { Evidence, Finding, Remedy } from '../finding.ts';
import { natsOf } from '../nat.ts';
import type { Message, Negotiation } from '../negotiation.ts';
import { errorsOf, failedOf, isAnswered, isPrivate, isWindows, seconds } from '../phases.ts';
import type { Rule, Scene } from '../rule.ts';

export const gatewayBehindNat: Rule = { of: 'pair', judge };

/** The client takes time to give up. */
const SILENCE = 3000;

function judge(conversation: Conversation, scene: Scene): Finding | undefined {
  for (const negotiation of failedOf(conversation)) {
    if (!isWindows(negotiation) || !isAnswered(negotiation) || errorsOf(negotiation).length > 0) continue;
    const sign = natSign(conversation, negotiation, scene);
    const last = lastAnswer(negotiation);
    // it is the client that falls silent, or hangs up
    if (!sign || !last || scene.lastAt - last.at < SILENCE) continue;
    return {
      rule: 'gateway-behind-nat',
      severity: 'cause',
      cause:
        'The gateway is behind a NAT, and a Windows client breaks off as soon as it notices (error 809), unless a registry value allows it.',
      evidence: [
        { packet: negotiation.messages[0]!.packet, says: 'the client is Windows, by its vendor IDs' },
        sign,
        {
          packet: last.packet,
          says: `the gateway's last answer; the client doesn't go on in ${seconds(scene.lastAt - last.at)}`,
        },
      ],
      remedies: WINDOWS_BEHIND_NAT,
    };
  }
  return undefined;
}

/** The responder's last message, if nothing of phase 1 or of phase 2 comes from the client behind it. */
function lastAnswer({ messages }: Negotiation): Message | undefined {
  const negotiating = messages.filter(({ exchange }) => exchange !== ExchangeType.INFORMATIONAL);
  const last = negotiating.at(-1);
  return last?.from === 'responder' ? last : undefined;
}

function natSign({ gateway, client }: Conversation, negotiation: Negotiation, { crypto }: Scene): Evidence | undefined {
  const seen = crypto && natsOf(crypto, negotiation).find(({ behind }) => behind === 'responder');
  if (seen)
    return {
      packet: seen.message.packet,
      says: "the gateway's address isn't the one that it has itself, by the hashes of NAT-D",
    };
  if (isPrivate(gateway) && !isPrivate(client))
    return {
      packet: negotiation.messages[0]!.packet,
      says: `the gateway's own address, ${gateway.text}, is private, and the client comes from outside`,
    };
  return undefined;
}

export const WINDOWS_BEHIND_NAT: readonly Remedy[] = [
  {
    where: 'windows',
    does: 'A command prompt as administrator at each client, then restart; Windows updates have taken the value away again.',
    lines: [
      'reg add HKLM\\SYSTEM\\CurrentControlSet\\Services\\PolicyAgent /v AssumeUDPEncapsulationContextOnSendRule /t REG_DWORD /d 2 /f',
    ],
  },
  {
    where: 'windows',
    does: 'Windows XP has it elsewhere:',
    lines: [
      'reg add HKLM\\SYSTEM\\CurrentControlSet\\Services\\IPSec /v AssumeUDPEncapsulationContextOnSendRule /t REG_DWORD /d 2 /f',
    ],
  },
  {
    where: 'windows',
    does: 'Or dial by IKEv2, which does not mind; PowerShell:',
    lines: ['Set-VpnConnection -Name "VPN" -TunnelType Ikev2 -AuthenticationMethod Eap -Force'],
  },
  { where: 'firewall', does: 'Or give the gateway an address of its own, without a NAT in front.', lines: [] },
];
