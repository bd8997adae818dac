/** What stood ends: a peer that no longer answers, a NAT that forgot, a renewal that failed. */

import { Ikev2Exchange } from '../../wire/ikev2.ts';
import { ExchangeType } from '../../wire/isakmp.ts';
import type { Conversation } from '../conversation.ts';
import type { EspFlow, Place } from '../esp-flow.ts';
import type { Evidence, Finding, Remedy } from '../finding.ts';
import { exchangesOf, type Message, type Negotiation } from '../negotiation.ts';
import { isAnswered, isEstablished, of, quickModes, SHORT_ANSWER, seconds, trailing, unanswered } from '../phases.ts';
import type { Rule, Scene } from '../rule.ts';

export const natMappingTimeout: Rule = { of: 'pair', judge: mappingTimeout };
export const rekeyFailure: Rule = { of: 'pair', judge: rekey };
export const dpdDeath: Rule = { of: 'pair', judge: death };

/** A goodbye is one message or two at once; questions come one after the other. */
const MIN_QUESTIONS = 2;
const MIN_SPAN = 3000;

function death(conversation: Conversation, scene: Scene): Finding | undefined {
  for (const negotiation of conversation.negotiations) {
    if (!stood(negotiation, conversation)) continue;
    const asked = questions(negotiation);
    if (!asked || isOvertaken(conversation, negotiation)) continue;
    const [first, last] = [asked[0]!, asked.at(-1)!];
    const [asker, other] = first.from === 'initiator' ? ['client', 'gateway'] : ['gateway', 'client'];
    const before = lastOf(conversation, negotiation, first);
    return {
      rule: 'dpd-death',
      severity: 'cause',
      cause: `The ${other} has stopped answering: the ${asker} asked ${asked.length} times whether it still lives (DPD), got nothing, and gives up. It was switched off, lost its network, or the way to it was closed.`,
      evidence: [
        ...(before ? [before] : []),
        { packet: first.packet, says: `the ${asker} asks: ${first.summary}` },
        {
          packet: last.packet,
          says: `asked ${asked.length} times within ${seconds(last.at - first.at)}, no answer until the capture ends ${seconds(scene.lastAt - last.at)} later`,
        },
      ],
      remedies: KEEP_ALIVE,
    };
  }
  return undefined;
}

/** It was in use, as far as the capture goes back. */
function stood(negotiation: Negotiation, { flows }: Conversation): boolean {
  return isEstablished(negotiation) || (!negotiation.isWhole && (isAnswered(negotiation) || flows.length > 0));
}

/** Informational messages at the end to which the other side says nothing any more. */
function questions(negotiation: Negotiation): readonly Message[] | undefined {
  const end = trailing(negotiation);
  const asked =
    end?.messages.filter(
      ({ exchange }) => exchange === ExchangeType.INFORMATIONAL || exchange === Ikev2Exchange.INFORMATIONAL,
    ) ?? [];
  const [first, last] = [asked[0], asked.at(-1)];
  if (!first || !last || asked.length < MIN_QUESTIONS || last.at - first.at < MIN_SPAN) return undefined;
  return asked;
}

/** The same two went on under a newer negotiation before the questions began. */
function isOvertaken({ negotiations }: Conversation, negotiation: Negotiation): boolean {
  return negotiations.some(
    (other) =>
      other !== negotiation &&
      isEstablished(other) &&
      other.firstAt > negotiation.firstAt &&
      other.lastAt >= negotiation.lastAt - MIN_SPAN,
  );
}

function lastOf({ flows }: Conversation, negotiation: Negotiation, question: Message): Evidence | undefined {
  const silent = question.from === 'initiator' ? negotiation.responder : negotiation.initiator;
  const last = flows
    .filter(({ source }) => source.address.text === silent.address.text)
    .sort((a, b) => b.last.at - a.last.at)[0]?.last;
  return (
    last && {
      packet: last.packet,
      says: `its last ESP packet, ${seconds(question.at - last.at)} before the first question`,
    }
  );
}

export const KEEP_ALIVE: readonly Remedy[] = [
  {
    where: 'strongswan',
    does: 'swanctl.conf: notice it, and come back by itself; keep NATs awake (strongswan.conf).',
    lines: ['dpd_delay = 30s', 'dpd_action = restart', 'charon { keep_alive = 20s }'],
  },
  {
    where: 'libreswan',
    does: 'ipsec.conf, in the conn:',
    lines: ['dpddelay=30', 'dpdtimeout=120', 'dpdaction=restart'],
  },
  { where: 'sallyport', does: 'How long a silent client is kept.', lines: ['dpd: { idle: 30s, timeout: 2m }'] },
  {
    where: 'cisco-asa',
    does: 'Configuration:',
    lines: ['tunnel-group GROUP ipsec-attributes', ' isakmp keepalive threshold 30 retry 5'],
  },
];

function mappingTimeout(conversation: Conversation): Finding | undefined {
  const { flows, client } = conversation;
  for (const flow of flows) {
    const [moved] = flow.newPorts;
    if (!moved || flow.source.address.text !== client.text) continue;
    if (!isLeftBehind(flows, flow, moved)) continue;
    return mappingFinding(flow.source.port, moved.port, moved.place.packet, flow);
  }
  return undefined;
}

/** The gateway goes on sending to the old port. */
function isLeftBehind(
  flows: readonly EspFlow[],
  moved: EspFlow,
  { port, place }: { readonly port: number; readonly place: Place },
): boolean {
  const back = flows.filter(
    ({ source, last }) => source.address.text === moved.destination.address.text && last.at > place.at + ROUND_TRIP,
  );
  return back.length > 0 && back.every(({ lastPortTo }) => lastPortTo !== port);
}

/** What the gateway sends before it can know of a move. Milliseconds. */
const ROUND_TRIP = 100;

function mappingFinding(before: number, after: number, packet: number, flow: EspFlow): Finding {
  return {
    rule: 'nat-mapping-timeout',
    severity: 'cause',
    cause: `After a pause the NAT gave the client another port (${before}, then ${after}), and the gateway goes on sending to the old one: the NAT forgets sooner than the client sends keepalives.`,
    evidence: [
      { packet: flow.first.packet, says: `the client's ESP comes from port ${before}` },
      { packet, says: `now it comes from port ${after}; nothing from the gateway goes there` },
    ],
    remedies: [
      {
        where: 'strongswan',
        does: 'strongswan.conf: a keepalive more often than the NAT forgets.',
        lines: ['charon { keep_alive = 15s }'],
      },
      {
        where: 'libreswan',
        does: 'ipsec.conf, in the conn; and under config setup:',
        lines: ['nat-keepalive=yes', 'keep-alive=15'],
      },
      { where: 'cisco-asa', does: 'Configuration:', lines: ['crypto isakmp nat-traversal 15'] },
      {
        where: 'firewall',
        does: 'A longer life for UDP 4500 in the NAT; on Linux:',
        lines: ['sysctl -w net.netfilter.nf_conntrack_udp_timeout_stream=300'],
      },
      {
        where: 'sallyport',
        does: 'It follows its clients to a new port with their first authentic packet; nothing to change.',
        lines: [],
      },
    ],
  };
}

/** A client that asks for several tunnels does it at once; what comes later is a renewal. */
const MIN_LIFE = 900;
/** A new phase 1 between the same two, while the old one is in use. */
const MIN_PHASE1_LIFE = 30_000;

function rekey(conversation: Conversation, scene: Scene): Finding | undefined {
  for (const negotiation of conversation.negotiations) {
    const failed = failedPhase2(negotiation, scene) ?? failedPhase1(conversation, negotiation, scene);
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
function failedPhase2(negotiation: Negotiation, scene: Scene): FailedRenewal | undefined {
  if (!isEstablished(negotiation)) return undefined;
  const type = negotiation.version === 1 ? ExchangeType.QUICK_MODE : Ikev2Exchange.CREATE_CHILD_SA;
  const last = (
    negotiation.version === 1 ? quickModes(negotiation) : exchangesOf(negotiation).filter((one) => one.type === type)
  ).at(-1);
  const begin = last?.messages[0];
  if (!last || !begin || begin.at - negotiation.firstAt < MIN_LIFE) return undefined;
  const answer = last.messages.find(({ from }) => from !== begin.from);
  const refusal = refusalAfter(negotiation, begin, answer);
  const isSilent = !answer && (last.repeats.length > 0 || scene.lastAt - begin.at > MIN_SPAN) && !refusal;
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
  if (!negotiation.isWhole || isEstablished(negotiation)) return undefined;
  const old = conversation.negotiations.find(
    (other) =>
      other.firstAt + MIN_PHASE1_LIFE < negotiation.firstAt &&
      isEstablished(other) &&
      isInUse(conversation, negotiation.firstAt),
  );
  if (!old || conversation.negotiations.some((other) => other.firstAt > negotiation.firstAt && isEstablished(other)))
    return undefined;
  const end = unanswered(negotiation, scene);
  const refusal = of('responder', negotiation.messages).find(
    ({ exchange, from }) => exchange === ExchangeType.INFORMATIONAL && from !== 'initiator',
  );
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

/** After 8 and 60 minutes clients of Apple's renew; more or less a tenth. */
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
