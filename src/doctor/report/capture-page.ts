/** A capture's diagnosis as a report: the facts around it, and a ladder of each negotiation. */
import type { Conversation } from '../../core/diagnosis/conversation.ts';
import type { Diagnosis } from '../../core/diagnosis/diagnosis.ts';
import { gatewayPlace } from '../../core/diagnosis/gateway-place.ts';
import type { Message, Negotiation } from '../../core/diagnosis/negotiation.ts';
import { formatEndpoint } from '../../core/net/address.ts';
import type { LearntPort } from '../capture/interest.ts';
import type { CaptureSummary } from '../capture/read-capture.ts';
import type { Ladder, ReportPage, Step } from './page.ts';
import { verdictOf } from './verdict.ts';
import { counted } from './words.ts';

/** More make no page that anybody reads; those that findings are about come first. */
export const MAX_LADDERS = 60;

export function capturePage(title: string, diagnosis: Diagnosis, summary: CaptureSummary): ReportPage {
  const { text: verdict, isHealthy } = verdictOf(diagnosis);
  const findings = diagnosis.findings.map((finding) => {
    return { ...finding, gateway: finding.conversation && gatewayPlace(finding.conversation) };
  });
  const ladders = laddersOf(diagnosis);
  const inFull = ['--json', '--html FILE'];
  return { title, verdict, isHealthy, facts: factsOf(diagnosis, summary), findings, ladders, inFull };
}

function factsOf({ conversations, ipsec, dropped }: Diagnosis, summary: CaptureSummary): string[] {
  const { format, packets, firstAt, lastAt, problem, fragments, unknownLinkTypes, learntPorts } = summary;
  const negotiations = conversations.reduce((sum, conversation) => sum + conversation.negotiations.length, 0);
  const unread = [...unknownLinkTypes].map(
    ([linkType, count]) => `${counted(count, 'packet')} of link type ${linkType}, which isn't read`,
  );
  const pieces = [
    ...(fragments.lost > 0 ? [`${counted(fragments.lost, 'datagram')} of which fragments never came`] : []),
    ...(fragments.contradictory > 0
      ? [`${counted(fragments.contradictory, 'datagram')} whose fragments contradict`]
      : []),
    ...(fragments.crowdedOut > 0 ? [`${counted(fragments.crowdedOut, 'fragmented datagram')} too many at a time`] : []),
  ];
  return [
    ...(problem ? [`not read to its end: at offset ${problem.offset}, ${problem.says}`] : []),
    `${format}, ${counted(packets, 'packet')}${timesOf(firstAt, lastAt)}`,
    `${counted(ipsec, 'packet')} of IPsec`,
    `${counted(negotiations, 'negotiation')} of ${counted(conversations.length, 'pair')} of addresses`,
    ...pieces,
    ...unread,
    ...learntPorts.map(learntText),
    ...dropped.map(({ what, count }) => `left out: ${count.toLocaleString('en')} ${what}`),
  ];
}

function learntText({ protocol, port, packet, before }: LearntPort): string {
  const missed =
    before === 0 ? '' : `; ${counted(before, 'packet')} of that port before it could not be told and were passed over`;
  return `IPsec on ${protocol.toUpperCase()} ${port}, as #${packet} shows${missed}`;
}

function timesOf(firstAt: number | undefined, lastAt: number | undefined): string {
  if (firstAt === undefined || lastAt === undefined) return '';
  return ` from ${momentOf(firstAt)} to ${momentOf(lastAt)} UTC`;
}

/** A capture's clock may be anywhere, also where no calendar goes. */
function momentOf(at: number): string {
  const date = new Date(at);
  return Number.isNaN(date.getTime()) ? 'no time' : date.toISOString().replace('T', ' ').replace(/\..*/, '');
}

function laddersOf({ conversations, findings }: Diagnosis): Ladder[] {
  const accused = findings.flatMap(({ conversation }) => (conversation ? [conversation] : []));
  const inOrder: Iterable<Conversation> = new Set([...accused, ...conversations]);
  const ladders: Ladder[] = [];
  for (const { negotiations } of inOrder)
    for (const negotiation of negotiations) {
      if (ladders.length >= MAX_LADDERS) return ladders;
      ladders.push(ladderOf(negotiation));
    }
  return ladders;
}

function ladderOf({ version, initiator, responder, messages, skipped }: Negotiation): Ladder {
  return {
    title: `IKEv${version}, ${counted(messages.length + skipped, 'message')}`,
    left: formatEndpoint(initiator),
    right: formatEndpoint(responder),
    steps: messages.map(stepOf),
    omitted: skipped,
  };
}

function stepOf(message: Message): Step {
  const { packet, at, from, summary, repeats, fragments, isLost, trouble } = message;
  const details = [
    ...(repeats === undefined ? [] : [`the same as #${repeats}`]),
    ...(isLost
      ? [`in IP fragments, of which ${fragments} came`]
      : fragments > 1
        ? [`in ${fragments} IP fragments`]
        : []),
    ...(trouble === undefined ? [] : [trouble]),
  ];
  return { packet, at, isFromLeft: from === 'initiator', what: summary, details, isRepeat: repeats !== undefined };
}
