/** What stood ends because its renewal is refused, or never answered. */
import { Ikev2Exchange } from '../../wire/ikev2.ts';
import { ExchangeType } from '../../wire/isakmp.ts';
import type { Conversation } from '../conversation.ts';
import type { Evidence, Finding } from '../finding.ts';
import { exchangesOf, type Message, type Negotiation } from '../negotiation.ts';
import { isEstablished, isInformational, isSameClient, of, quickModes, SHORT_ANSWER, unanswered } from '../phases.ts';
import type { Rule, Scene } from '../rule.ts';

export const rekeyFailure: Rule = { of: 'pair', judge: rekey };

/** A client that asks for several tunnels does it one right after the other; what comes after a pause is a renewal. */
const MIN_LIFE = 900;
/** Before it ends a tunnel is renewed by a minute or more. */
const MIN_OUTLIVED = 60_000;
/** Without a retransmission: so long nobody takes to answer a renewal. */
const MIN_SILENCE = 3000;
/** A new phase 1 between the same two, while the old one is in use. */
const MIN_PHASE1_LIFE = 30_000;

function rekey(conversation: Conversation, scene: Scene): Finding | undefined {
  for (const negotiation of conversation.negotiations) {
    const failed = failedPhase2(conversation, negotiation, scene) ?? failedPhase1(conversation, negotiation, scene);
    if (failed) return rekeyFinding(conversation, failed);
  }
  return undefined;
}

interface FailedRenewal {
  readonly begin: Message;
  readonly what: string;
  readonly since: number;
  readonly answer: Evidence;
}

/** A later quick mode, or CREATE_CHILD_SA, that is refused or unanswered at the end of what stood. */
function failedPhase2(conversation: Conversation, negotiation: Negotiation, scene: Scene): FailedRenewal | undefined {
  if (!isEstablished(negotiation)) return undefined;
  const type = negotiation.version === 1 ? ExchangeType.QUICK_MODE : Ikev2Exchange.CREATE_CHILD_SA;
  const last = (
    negotiation.version === 1 ? quickModes(negotiation) : exchangesOf(negotiation).filter((one) => one.type === type)
  ).at(-1);
  const begin = last?.messages[0];
  if (!last || !begin || begin.at - builtBefore(negotiation, begin) < MIN_LIFE) return undefined;
  if (outlives(conversation, negotiation, begin)) return undefined;
  const answer = last.messages.find(({ from }) => from !== begin.from);
  const refusal = refusalAfter(negotiation, begin, answer);
  const isSilent = !answer && (last.repeats.length > 0 || scene.lastAt - begin.at > MIN_SILENCE) && !refusal;
  if (!refusal && !isSilent) return undefined;
  return {
    begin,
    what: 'the tunnel (phase 2)',
    since: negotiation.firstAt,
    answer: refusal ?? {
      packet: last.repeats.at(-1)?.packet ?? begin.packet,
      says: `asked ${1 + last.repeats.length} times, no answer`,
    },
  };
}

/** When the last message came of the tunnels that were built before `begin`, or of the login. */
function builtBefore(negotiation: Negotiation, { packet }: Message): number {
  const before = negotiation.messages.filter((message) => message.packet < packet && !isInformational(message));
  return before.at(-1)?.at ?? negotiation.firstAt;
}

/** What stood goes on for longer than it had lived: another tunnel was refused, none renewed. */
function outlives({ flows }: Conversation, { firstAt }: Negotiation, begin: Message): boolean {
  const until = begin.at + Math.max(begin.at - firstAt, MIN_OUTLIVED);
  const old = flows.filter(({ first, last }) => first.at >= firstAt && first.at < begin.at && last.at > until);
  return new Set(old.map(({ source }) => source.address.text)).size === 2;
}

function refusalAfter(negotiation: Negotiation, begin: Message, answer: Message | undefined): Evidence | undefined {
  if (negotiation.version === 2)
    return answer && answer.length <= SHORT_ANSWER
      ? { packet: answer.packet, says: `the answer has ${answer.length} bytes: a refusal` }
      : undefined;
  if (answer) return undefined;
  const word = negotiation.messages.find(
    ({ packet, from, exchange }) =>
      packet > begin.packet && from !== begin.from && exchange === ExchangeType.INFORMATIONAL,
  );
  return word && { packet: word.packet, says: `instead of an answer: ${word.summary}` };
}

/** A new phase 1 between two whose old one stood until then. */
function failedPhase1(conversation: Conversation, negotiation: Negotiation, scene: Scene): FailedRenewal | undefined {
  if (!negotiation.isWhole || isEstablished(negotiation) || !isInUse(conversation, negotiation.firstAt))
    return undefined;
  const old = conversation.negotiations.find(
    (other) =>
      other.firstAt + MIN_PHASE1_LIFE < negotiation.firstAt && isEstablished(other) && isSameClient(other, negotiation),
  );
  if (!old || conversation.negotiations.some((other) => other.firstAt > negotiation.firstAt && isEstablished(other)))
    return undefined;
  const end = unanswered(negotiation, scene);
  const refusal = of('responder', negotiation.messages).find(({ exchange }) => exchange === ExchangeType.INFORMATIONAL);
  if (!end && !refusal) return undefined;
  return {
    begin: negotiation.messages[0]!,
    what: 'phase 1',
    since: old.firstAt,
    answer: refusal
      ? { packet: refusal.packet, says: `it is refused: ${refusal.summary}` }
      : { packet: end!.messages.at(-1)!.packet, says: 'it gets no answer' },
  };
}

function isInUse({ flows }: Conversation, at: number): boolean {
  return flows.some(({ first, last }) => first.at < at && last.at > at - MIN_PHASE1_LIFE);
}

/** After 8 and 60 minutes clients of Apple's renew; more or less an eighth. */
const APPLE_TIMES: readonly number[] = [8 * 60_000, 60 * 60_000];

function rekeyFinding({ gateway }: Conversation, { begin, what, since, answer }: FailedRenewal): Finding {
  const age = begin.at - since;
  const apple = APPLE_TIMES.find((time) => Math.abs(age - time) < time / 8);
  const who = begin.source.address.text === gateway.text ? 'gateway' : 'client';
  return {
    rule: 'rekey-failure',
    severity: 'cause',
    cause: `The connection ends because the renewal of ${what} fails, ${Math.round(age / 60_000)} minutes after the login${apple ? `: iPhones and Macs renew after ${apple / 60_000} minutes` : ''}.`,
    evidence: [{ packet: begin.packet, says: `the ${who} begins to renew ${what}: ${begin.summary}` }, answer],
    remedies: [
      {
        where: 'strongswan',
        does: "swanctl.conf: take the client's proposals also when renewing (PFS), and leave renewing to it.",
        lines: ['esp_proposals = aes256-sha256-modp2048, aes256-sha256, aes256-sha1', 'rekey_time = 0s'],
      },
      {
        where: 'libreswan',
        does: 'ipsec.conf, in the conn:',
        lines: ['rekey=no', 'pfs=no', 'ikelifetime=24h', 'salifetime=24h'],
      },
      {
        where: 'sallyport',
        does: 'How often the gateway renews by itself.',
        lines: ['lifetimes: { phase1: 24h, phase2: 8h }'],
      },
      {
        where: 'cisco-asa',
        does: 'Configuration:',
        lines: ['crypto ikev1 policy 10', ' lifetime 86400', 'no crypto dynamic-map DYN 10 set pfs'],
      },
    ],
  };
}
