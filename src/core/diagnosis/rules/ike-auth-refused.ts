/** IKEv2 ends at IKE_AUTH; without keys the capture can't say for what reason. */
import { Ikev2Exchange } from '../../wire/ikev2.ts';
import type { Conversation } from '../conversation.ts';
import type { Finding } from '../finding.ts';
import { exchangesOf, type Message, type Negotiation } from '../negotiation.ts';
import { isErrorNotify } from '../notify-words.ts';
import { facts, failedOf, isEstablished } from '../phases.ts';
import { SECRETS } from '../remedies.ts';
import type { Rule } from '../rule.ts';

export const ikeAuthRefused: Rule = { of: 'pair', judge: (conversation) => judge('ike-auth-refused', conversation) };
export const eapRefusedUnseen: Rule = { of: 'pair', judge: (conversation) => judge('eap-refused', conversation) };

/** So many rounds of IKE_AUTH only EAP has. */
const EAP_ROUNDS = 3;

function judge(rule: 'ike-auth-refused' | 'eap-refused', conversation: Conversation): Finding | undefined {
  for (const negotiation of conversation.negotiations) {
    if (negotiation.version !== 2 || !negotiation.isWhole || hasTraffic(conversation, negotiation)) continue;
    const rounds = exchangesOf(negotiation).filter(({ type }) => type === Ikev2Exchange.IKE_AUTH);
    const end = rounds.at(-1)?.messages.findLast(({ isResponse }) => isResponse);
    const words = end ? facts([end], 'N').filter(({ type }) => isErrorNotify(type)) : [];
    if (
      !end ||
      isEstablished(negotiation) ||
      words.some(({ name }) => name !== 'AUTHENTICATION_FAILED') ||
      wasMadeGood(conversation, negotiation)
    )
      continue;
    const isEap = rounds.length >= EAP_ROUNDS;
    if (isEap === (rule === 'eap-refused')) return finding(rule, rounds[0]!.messages[0]!, end, rounds.length);
  }
  return undefined;
}

function hasTraffic({ flows }: Conversation, { firstAt, lastAt }: Negotiation): boolean {
  return flows.some(({ last }) => last.at >= firstAt && last.at >= lastAt - 1000);
}

/** Another attempt of this client got through. */
function wasMadeGood(conversation: Conversation, negotiation: Negotiation): boolean {
  return conversation.negotiations.some(
    (other) => other.firstAt > negotiation.firstAt && !failedOf(conversation).includes(other) && other.isWhole,
  );
}

function finding(rule: 'ike-auth-refused' | 'eap-refused', begin: Message, end: Message, rounds: number): Finding {
  const isEap = rule === 'eap-refused';
  return {
    rule,
    severity: 'cause',
    cause: isEap
      ? 'The login by EAP fails: name or password is wrong, or the two sides have no method in common.'
      : "The gateway refuses the client's IKE_AUTH: the secret, the identity, the certificate or the login is not what it awaits. With keys this would say which.",
    evidence: [
      { packet: begin.packet, says: begin.summary },
      ...(isEap ? [{ packet: end.packet, says: `${rounds} rounds of IKE_AUTH, as with a password` }] : []),
      {
        packet: end.packet,
        says: `the gateway's answer has ${end.length} bytes: room for one notification, not for its proof; then nothing more`,
      },
    ],
    remedies: isEap
      ? LOGIN
      : [KEYS, ...SECRETS.filter(({ where }) => where !== 'windows' && where !== 'sallyport'), ...LOGIN],
  };
}

const KEYS = {
  where: 'strongswan' as const,
  does: "The gateway's log says which: of the last minutes, on its machine.",
  lines: ['journalctl -u strongswan --since -10min | grep -E "no (matching|shared|peer)|AUTH_FAILED|constraint"'],
};

const LOGIN = [
  {
    where: 'strongswan' as const,
    does: 'swanctl.conf: the login that the client uses.',
    lines: ['secrets {', '  eap-1 {', '    id = USER', '    secret = "PASSWORD"', '  }', '}'],
  },
  {
    where: 'windows' as const,
    does: 'PowerShell: the login that the gateway awaits.',
    lines: ['Set-VpnConnection -Name "VPN" -TunnelType Ikev2 -AuthenticationMethod Eap -Force'],
  },
];
