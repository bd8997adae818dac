/** What stood ends: a peer that no longer answers, a NAT that forgot. */

import type { Conversation } from '../conversation.ts';
import type { EspFlow, PortMove } from '../esp-flow.ts';
import type { Evidence, Finding, Remedy } from '../finding.ts';
import type { Message, Negotiation } from '../negotiation.ts';
import { isAnswered, isEstablished, isInformational, seconds, trailing } from '../phases.ts';
import type { Rule, Scene } from '../rule.ts';

export const natMappingTimeout: Rule = { of: 'pair', judge: mappingTimeout };
export const dpdDeath: Rule = { of: 'pair', judge: death };

/** A goodbye is one message or two at once; questions come one after the other. */
const MIN_QUESTIONS = 2;
const MIN_SPAN = 3000;
/** After so many a peer that crosses a tunnel would have answered: new questions, or sent in all. */
const MANY_QUESTIONS = 3;
const MANY_SENT = 5;
/** With fewer, the asker must have given up: the next question is overdue, by its own pace. Retransmissions come ever slower. */
const PACE = 1.1;
const SLOWING_PACE = 2;

function death(conversation: Conversation, scene: Scene): Finding | undefined {
  for (const negotiation of conversation.negotiations) {
    if (!stood(negotiation, conversation)) continue;
    const asked = questions(negotiation, scene);
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
function questions(negotiation: Negotiation, scene: Scene): readonly Message[] | undefined {
  const end = trailing(negotiation);
  const asked = end?.messages.filter(isInformational) ?? [];
  const [first, last] = [asked[0], asked.at(-1)];
  if (!first || !last || asked.length < MIN_QUESTIONS || last.at - first.at < MIN_SPAN) return undefined;
  const isLong =
    asked.length >= MANY_SENT || asked.filter(({ repeats }) => repeats === undefined).length >= MANY_QUESTIONS;
  return isLong || hasGivenUp(asked, scene) ? asked : undefined;
}

function hasGivenUp(asked: readonly Message[], { lastAt }: Scene): boolean {
  const gaps = asked.slice(1).map(({ at }, i) => at - asked[i]!.at);
  const pace = asked.some(({ repeats }) => repeats !== undefined) ? SLOWING_PACE : PACE;
  return lastAt - asked.at(-1)!.at >= pace * Math.max(...gaps);
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
    const { lastMove } = flow;
    if (!lastMove || flow.source.address.text !== client.text) continue;
    if (isLeftBehind(flows, flow, lastMove)) return mappingFinding(lastMove, flow);
  }
  return undefined;
}

/** The gateway goes on sending to the old port. */
function isLeftBehind(flows: readonly EspFlow[], moved: EspFlow, { to, place }: PortMove): boolean {
  const back = flows.filter(
    ({ source, last }) => source.address.text === moved.destination.address.text && last.at > place.at + ROUND_TRIP,
  );
  return back.length > 0 && back.every(({ lastPortTo }) => lastPortTo !== to);
}

/** What the gateway sends before it can know of a move, also over a radio link that wakes up. Milliseconds. */
const ROUND_TRIP = 750;

function mappingFinding({ from: before, to: after, place: { packet } }: PortMove, flow: EspFlow): Finding {
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
