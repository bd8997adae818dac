/** IKEv2 ends at IKE_AUTH; without keys the capture can't say for what reason. */
import { EapCode, Ikev2Exchange, Ikev2Payload } from '../../wire/ikev2.ts';
import type { Conversation } from '../conversation.ts';
import type { Finding } from '../finding.ts';
import { exchangesOf, type Message, type Negotiation } from '../negotiation.ts';
import { isErrorNotify } from '../notify-words.ts';
import type { PayloadFact } from '../payload-facts.ts';
import { facts, failedOf, isEstablished, isInformational, of, SHORT_ANSWER } from '../phases.ts';
import { SECRETS } from '../remedies.ts';
import type { Rule } from '../rule.ts';
import { certificateRemedies } from './certificates.ts';

type Name = 'ike-auth-refused' | 'eap-refused';

export const ikeAuthRefused: Rule = { of: 'pair', judge: (conversation) => judge('ike-auth-refused', conversation) };
export const eapRefusedUnseen: Rule = { of: 'pair', judge: (conversation) => judge('eap-refused', conversation) };

/** Further rounds of IKE_AUTH only EAP has. */
const EAP_ROUNDS = 2;
/** No person hangs up so soon after the gateway's proof. Milliseconds. */
const AT_ONCE = 300;

function judge(rule: Name, conversation: Conversation): Finding | undefined {
  const candidates = conversation.negotiations.filter(
    (one) => one.version === 2 && one.isWhole && !hasTraffic(conversation, one),
  );
  if (candidates.length === 0) return undefined;
  const goodAt = lastGoodAt(conversation);
  for (const negotiation of candidates) {
    const rounds = exchangesOf(negotiation).filter(({ type }) => type === Ikev2Exchange.IKE_AUTH);
    const end = rounds.at(-1)?.messages.findLast(({ isResponse }) => isResponse);
    const isEap =
      rounds.length >= EAP_ROUNDS || facts(end ? [end] : [], 'EAP').some(({ code }) => code === EapCode.FAILURE);
    if (isEap !== (rule === 'eap-refused')) continue;
    const goodbye = end && goodbyeTo(negotiation, end);
    const wasMadeGood = goodAt > negotiation.firstAt;
    if (goodbye && !wasMadeGood) return hangUp(rule, rounds[0]!.messages[0]!, end, goodbye);
    const words = end ? facts([end], 'N').filter(({ type }) => isErrorNotify(type)) : [];
    if (
      !end ||
      end.isLost ||
      isEstablished(negotiation) ||
      words.some(({ name }) => name !== 'AUTHENTICATION_FAILED') ||
      wasMadeGood
    )
      continue;
    return finding(rule, rounds[0]!.messages[0]!, end, rounds.length);
  }
  return undefined;
}

function hasTraffic({ flows }: Conversation, { firstAt, lastAt }: Negotiation): boolean {
  return flows.some(({ last }) => last.at >= firstAt && last.at >= lastAt - 1000);
}

/** The gateway's last answer is long enough for a proof, and the client ends it at once: one short request, and nothing more. */
function goodbyeTo(negotiation: Negotiation, proof: Message): Message | undefined {
  if (!isEstablished(negotiation)) return undefined;
  const [goodbye, ...more] = of('initiator', negotiation.messages).filter(
    ({ packet, repeats }) => packet > proof.packet && repeats === undefined,
  );
  if (!goodbye || more.length > 0 || !isInformational(goodbye) || goodbye.isResponse) return undefined;
  if (goodbye.length > SHORT_ANSWER || goodbye.at - proof.at > AT_ONCE) return undefined;
  return goodbye.isOpened && !goodbye.payloads.some(isEnd) ? undefined : goodbye;
}

function isEnd(fact: PayloadFact): boolean {
  return fact.kind === 'other' ? fact.type === Ikev2Payload.D : fact.kind === 'N' && isErrorNotify(fact.type);
}

/** When the last attempt of this client began that got through; -Infinity: none did. */
function lastGoodAt(conversation: Conversation): number {
  const failed = new Set(failedOf(conversation));
  const good = conversation.negotiations.filter(
    (one) => one.isWhole && !failed.has(one) && !isHungUp(conversation, one),
  );
  return Math.max(...good.map(({ firstAt }) => firstAt));
}

function isHungUp(conversation: Conversation, negotiation: Negotiation): boolean {
  const end = negotiation.messages.findLast(
    ({ exchange, isResponse }) => exchange === Ikev2Exchange.IKE_AUTH && isResponse,
  );
  return end !== undefined && !hasTraffic(conversation, negotiation) && goodbyeTo(negotiation, end) !== undefined;
}

function hangUp(rule: Name, begin: Message, proof: Message, goodbye: Message): Finding {
  return {
    rule,
    severity: 'cause',
    cause:
      "The client hangs up as soon as the gateway has proven itself: it doesn't take the gateway's certificate, name or secret, or the address and networks that it is given. Its own log says which.",
    evidence: [
      { packet: begin.packet, says: begin.summary },
      { packet: proof.packet, says: "the gateway's last answer, long enough for its proof" },
      {
        packet: goodbye.packet,
        says: `the client ends it ${Math.round(goodbye.at - proof.at)} ms later; no ESP was sent`,
      },
    ],
    remedies: [...certificateRemedies('certificate-untrusted'), ...certificateRemedies('certificate-name').slice(0, 2)],
  };
}

function finding(rule: Name, begin: Message, end: Message, rounds: number): Finding {
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
      : [LOG, ...SECRETS.filter(({ where }) => where !== 'windows' && where !== 'sallyport'), ...LOGIN],
  };
}

const LOG = {
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
