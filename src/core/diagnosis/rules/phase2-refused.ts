/** Phase 1 stands, and quick mode is refused or never answered. */
import { ExchangeType } from '../../wire/isakmp.ts';
import type { Conversation } from '../conversation.ts';
import type { Finding, Remedy } from '../finding.ts';
import { ofGateway } from '../gateways.ts';
import type { Exchange, Message, Negotiation } from '../negotiation.ts';
import { differencesText, distinctSuites, type NearestPair, nearestPair, type Suite, suiteText } from '../offer.ts';
import { factsText } from '../payload-facts.ts';
import { errorsOf, facts, failedOf, isPhase1, isPhase1Done, quickModes, unanswered } from '../phases.ts';
import type { Rule, Scene } from '../rule.ts';

export const phase2NoProposal: Rule = {
  of: 'pair',
  judge: (conversation, scene) => refused('phase2-no-proposal', conversation, scene),
};
export const selectorsRefused: Rule = {
  of: 'pair',
  judge: (conversation, scene) => refused('selectors-refused', conversation, scene),
};
export const phase2Unanswered: Rule = { of: 'pair', judge: silent };

type Name = 'phase2-no-proposal' | 'selectors-refused';

function refused(rule: Name, conversation: Conversation, scene: Scene): Finding | undefined {
  for (const negotiation of failedOf(conversation)) {
    const refusal = refusalOf(negotiation);
    if (refusal?.rule !== rule) continue;
    const { begin, answer, word } = refusal;
    const nearest =
      rule === 'phase2-no-proposal' && answer.from === 'responder'
        ? nearestPair(offerIn(begin), takenForEsp(negotiation.responder.address.text, scene))
        : undefined;
    return finding(rule, { begin, answer, word, nearest });
  }
  return undefined;
}

function offerIn(message: Message): readonly Suite[] {
  return message.isOpened ? facts([message], 'SA').flatMap(({ offer }) => offer) : [];
}

/** What gateways chose for ESP, of whomever: the best that is known of what they would have taken. Keys show it. */
const takenForEsp = ofGateway((gateway, conversations): readonly Suite[] =>
  distinctSuites(
    conversations.flatMap(({ negotiations }) =>
      negotiations.flatMap(({ messages }) =>
        messages
          .filter((message) => message.source.address.text === gateway && !isPhase1(message))
          .flatMap((message) => offerIn(message).filter(({ protocol }) => protocol === 'esp')),
      ),
    ),
  ),
);

/** Instead of message 2 an error comes. Encrypted it may be either; proposals are the more frequent reason. */
function refusalOf(
  negotiation: Negotiation,
): { rule: Name; begin: Message; answer: Message; word: string | undefined } | undefined {
  if (negotiation.version === 2) return refusalInIkev2(negotiation);
  const begin = firstOf(quickModes(negotiation).find(isAlone));
  if (!begin) return undefined;
  const answer = negotiation.messages.find(
    ({ packet, from, exchange }) =>
      packet > begin.packet && from !== begin.from && exchange === ExchangeType.INFORMATIONAL,
  );
  if (!answer) return undefined;
  const word = errorsOf(negotiation).find(({ message }) => message.packet >= answer.packet)?.notify.name;
  if (word === undefined && answer.isOpened) return undefined;
  return { rule: ruleOf(word), begin, answer, word };
}

function refusalInIkev2(negotiation: Negotiation): ReturnType<typeof refusalOf> {
  const error = errorsOf(negotiation).find(
    ({ message, notify }) =>
      message.isOpened && ['NO_PROPOSAL_CHOSEN', 'TS_UNACCEPTABLE', 'INVALID_SELECTORS'].includes(notify.name),
  );
  const begin =
    error &&
    negotiation.messages.findLast(({ packet, from }) => packet < error.message.packet && from !== error.message.from);
  return error && begin && { rule: ruleOf(error.notify.name), begin, answer: error.message, word: error.notify.name };
}

function ruleOf(word: string | undefined): Name {
  const isSelectors = word === 'INVALID_ID_INFORMATION' || word === 'TS_UNACCEPTABLE' || word === 'INVALID_SELECTORS';
  return isSelectors ? 'selectors-refused' : 'phase2-no-proposal';
}

function isAlone({ messages }: Exchange): boolean {
  return new Set(messages.map(({ from }) => from)).size === 1;
}

function firstOf(exchange: Exchange | undefined): Message | undefined {
  return exchange?.messages[0];
}

interface Refusal {
  readonly begin: Message;
  readonly answer: Message;
  readonly word: string | undefined;
  readonly nearest: NearestPair | undefined;
}

function finding(rule: Name, { begin, answer, word, nearest }: Refusal): Finding {
  const who = answer.from === 'responder' ? 'gateway' : 'client';
  const isSure = word !== undefined;
  const wants = nearest && nearest.differences.length > 0 ? `: it wants ${differencesText(nearest.differences)}` : '';
  return {
    rule,
    severity: 'cause',
    cause:
      rule === 'selectors-refused'
        ? `Phase 1 stands; the ${who} refuses the networks (traffic selectors) that the tunnel is asked for.`
        : isSure
          ? `Phase 1 stands; the ${who} takes none of the algorithms offered for ESP, or wants another PFS group${wants}.`
          : `Phase 1 stands; the ${who} refuses phase 2: as a rule the algorithms for ESP or the PFS group don't fit, else the networks. With keys this would say which.`,
    evidence: [
      { packet: begin.packet, says: `phase 2 begins: ${begin.isOpened ? factsText(begin.payloads) : begin.summary}` },
      { packet: answer.packet, says: `the ${who} answers ${word ?? 'by an encrypted informational message instead'}` },
      ...(nearest
        ? [
            {
              packet: 0,
              says: `elsewhere in the capture the gateway takes ${suiteText(nearest.wanted)}; nearest offered: ${suiteText(nearest.offered)}`,
            },
          ]
        : []),
    ],
    remedies: rule === 'selectors-refused' ? SELECTORS : PHASE2_PROPOSALS,
  };
}

export const PHASE2_PROPOSALS: readonly Remedy[] = [
  {
    where: 'sallyport',
    does: 'It takes AES-CBC with SHA-1 or SHA-2 and AES-GCM; 3DES, MD5 and old PFS groups only with this line.',
    lines: ['legacy: true'],
  },
  {
    where: 'strongswan',
    does: 'swanctl.conf, in the child; one without a group takes clients without PFS:',
    lines: ['esp_proposals = aes256gcm16, aes256-sha256, aes256-sha1, aes256-sha256-modp2048'],
  },
  {
    where: 'libreswan',
    does: 'ipsec.conf, in the conn:',
    lines: ['esp=aes_gcm256,aes256-sha2_256,aes256-sha1', 'pfs=no'],
  },
  {
    where: 'windows',
    does: 'PowerShell, for IKEv2:',
    lines: [
      'Set-VpnConnectionIPsecConfiguration -ConnectionName "VPN" -AuthenticationTransformConstants SHA256128 -CipherTransformConstants AES256 -EncryptionMethod AES256 -IntegrityCheckMethod SHA256 -DHGroup Group14 -PfsGroup None -Force',
    ],
  },
  {
    where: 'cisco-asa',
    does: 'Configuration:',
    lines: [
      'crypto ipsec ikev1 transform-set AES esp-aes-256 esp-sha-hmac',
      'crypto dynamic-map DYN 10 set ikev1 transform-set AES',
      'no crypto dynamic-map DYN 10 set pfs',
    ],
  },
];

export const SELECTORS: readonly Remedy[] = [
  {
    where: 'strongswan',
    does: 'swanctl.conf, in the child: what is behind the gateway; the client gets its own address.',
    lines: ['local_ts = 0.0.0.0/0', 'remote_ts = dynamic'],
  },
  {
    where: 'libreswan',
    does: 'ipsec.conf, in the conn:',
    lines: ['leftsubnet=0.0.0.0/0', 'rightaddresspool=10.77.0.10-10.77.0.250'],
  },
  {
    where: 'sallyport',
    does: "For a tunnel without a user: the network behind it. A user's client asks from the address that it was given.",
    lines: ['peers:', '  - { id: NAME, psk_file: FILE, inner: NETWORK }'],
  },
  {
    where: 'cisco-asa',
    does: 'Configuration: the same networks on both sides, mirrored.',
    lines: ['access-list VPN extended permit ip LOCAL MASK REMOTE MASK', 'crypto map MAP 10 match address VPN'],
  },
];

/** Quick mode that nobody answers, the first one after phase 1. */
function silent(conversation: Conversation, scene: Scene): Finding | undefined {
  for (const negotiation of failedOf(conversation)) {
    if (negotiation.version !== 1 || !isPhase1Done(negotiation)) continue;
    const end = unanswered(negotiation, scene);
    const begin = end?.messages.find(({ exchange }) => exchange === ExchangeType.QUICK_MODE);
    const isFirst = quickModes(negotiation).length === 1;
    if (!begin || !isFirst || begin.from !== 'initiator') continue;
    return {
      rule: 'phase2-unanswered',
      severity: 'cause',
      cause:
        'Phase 1 stands; the gateway gives no answer to phase 2 (quick mode): it has nothing that fits what the client asks for, or thinks that it has answered already.',
      evidence: [
        { packet: begin.packet, says: `phase 2 begins: ${begin.summary}` },
        { packet: end!.messages.at(-1)!.packet, says: `sent ${end!.messages.length} times, without an answer` },
      ],
      remedies: [...SELECTORS, ...PHASE2_PROPOSALS],
    };
  }
  return undefined;
}
