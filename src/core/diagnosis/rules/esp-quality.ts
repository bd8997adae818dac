/** ESP that arrives badly: numbers that repeat or come too late, packets that get lost, packets that are too large. */
import { IPV4_HEADER_LENGTH, IPV6_HEADER_LENGTH, IpProtocol } from '../../wire/ip.ts';
import { UDP_HEADER_LENGTH } from '../../wire/udp.ts';
import type { Conversation } from '../conversation.ts';
import type { EspFlow } from '../esp-flow.ts';
import type { Finding } from '../finding.ts';
import { exchangesOf } from '../negotiation.ts';
import { isEstablished } from '../phases.ts';
import { SMALLER } from '../remedies.ts';
import type { Rule } from '../rule.ts';

export const replayWindow: Rule = { of: 'pair', judge: lateOrTwice };
export const loss: Rule = { of: 'pair', judge: lossy };
export const pathMtu: Rule = { of: 'pair', judge: tooLarge };

/** Below these it is chance, or the edge of the capture. */
const MIN_LATE = 3;
const MIN_PACKETS = 25;
const LOSS_SHARE = 0.03;
const MIN_MISSING = 5;
/** A phone that changes its cell loses a handful at once, and nothing after; a lossy path loses here and there. */
const MIN_GAPS = 4;

function lateOrTwice({ flows }: Conversation): Finding | undefined {
  const flow = flows.find(({ late, replayed }) => late + replayed >= MIN_LATE);
  if (!flow) return undefined;
  const { late, replayed, firstLate, firstReplayed } = flow;
  return {
    rule: 'replay-window',
    severity: 'warning',
    cause: `ESP packets ${late > replayed ? 'arrive later than the replay window of most receivers lets them' : 'come again with numbers that were there already'}: the receiver drops them.`,
    evidence: [
      ...(firstLate === undefined
        ? []
        : [
            { packet: firstLate, says: `the first of ${late} that come more than 64 numbers late (${flowText(flow)})` },
          ]),
      ...(firstReplayed === undefined
        ? []
        : [
            {
              packet: firstReplayed,
              says: `the first of ${replayed} whose number was seen before (${flowText(flow)})`,
            },
          ]),
    ],
    remedies: [
      { where: 'strongswan', does: 'swanctl.conf, in the child: a wider window.', lines: ['replay_window = 1024'] },
      { where: 'libreswan', does: 'ipsec.conf, in the conn:', lines: ['replay-window=1024'] },
      {
        where: 'cisco-asa',
        does: 'Configuration:',
        lines: ['crypto ipsec security-association replay window-size 1024'],
      },
      { where: 'sallyport', does: 'Its window is 2016 packets; nothing to change.', lines: [] },
      {
        where: 'firewall',
        does: 'Find what on the way sends packets of one flow by several ways, or by priority (QoS), or twice.',
        lines: [],
      },
    ],
  };
}

function lossy(conversation: Conversation): Finding | undefined {
  const { flows, client } = conversation;
  const flow = flows.find(
    ({ packets, missing, gaps, isJoined }) =>
      !isJoined &&
      packets >= MIN_PACKETS &&
      missing >= MIN_MISSING &&
      gaps >= MIN_GAPS &&
      missing / (packets + missing) >= LOSS_SHARE,
  );
  if (!flow) return lossBeyond(conversation);
  const share = Math.round((100 * flow.missing) / (flow.packets + flow.missing));
  const fromClient = flow.source.address.text === client.text;
  return {
    rule: 'loss',
    severity: 'warning',
    cause: `${share} % of the ESP packets from the ${fromClient ? 'client' : 'gateway'} were lost before they came to where this was captured.`,
    evidence: [
      { packet: flow.first.packet, says: flowText(flow) },
      {
        packet: flow.last.packet,
        says: `${flow.packets} packets, and ${flow.missing} numbers between them that never came`,
      },
    ],
    remedies: [
      {
        where: 'client',
        does: `Look for the loss between ${flow.source.address.text} and the place of the capture: a full line, radio, a shaper. This shows at which step it begins.`,
        lines: [`mtr -n --report --report-cycles 100 ${flow.source.address.text}`],
      },
    ],
  };
}

/** Seen from the sender's side: messages that had to be repeated before the answer came, in several exchanges. */
function lossBeyond(conversation: Conversation): Finding | undefined {
  for (const negotiation of conversation.negotiations) {
    if (!isEstablished(negotiation)) continue;
    const repeated = exchangesOf(negotiation).flatMap(({ repeats }) => repeats);
    const answered = repeated.filter(({ packet, from }) =>
      negotiation.messages.some((message) => message.from !== from && message.packet > packet),
    );
    const exchanges = new Set(answered.map(({ exchange, messageId }) => `${exchange} ${messageId}`));
    if (exchanges.size < MIN_REPEATED || exchanges.size < REPEATED_SHARE * exchangesOf(negotiation).length) continue;
    const [first, last] = [answered[0]!, answered.at(-1)!];
    return {
      rule: 'loss',
      severity: 'warning',
      cause: `Packets get lost between the place of the capture and ${first.destination.address.text}: ${answered.length} messages had to be sent again before the answer came.`,
      evidence: [
        { packet: first.packet, says: `packet ${first.repeats} again` },
        { packet: last.packet, says: `packet ${last.repeats} again, the last of ${answered.length}` },
      ],
      remedies: [
        {
          where: 'client',
          does: 'See at which step of the way the loss begins.',
          lines: [`mtr -n --report --report-cycles 100 ${first.destination.address.text}`],
        },
      ],
    };
  }
  return undefined;
}

/** Exchanges in which something was repeated; one is nothing. */
const MIN_REPEATED = 3;
/** Of all exchanges: in a day's questions a few are repeated on any path. */
const REPEATED_SHARE = 0.1;

/** A router said which size passes, and larger packets go on coming. */
function tooLarge(conversation: Conversation): Finding | undefined {
  const { errors, flows } = conversation;
  const told = errors.filter(({ reason }) => reason === 'too big');
  for (const error of told) {
    const ipHeader = error.source.bytes.length === 16 ? IPV6_HEADER_LENGTH : IPV4_HEADER_LENGTH;
    const headers = error.protocol === IpProtocol.ESP ? ipHeader : ipHeader + UDP_HEADER_LENGTH;
    const flow = flows.find(
      ({ source, lastOversize }) =>
        source.address.text === error.source.text &&
        lastOversize !== undefined &&
        lastOversize.at - error.at > HEEDED &&
        lastOversize.length + headers > error.mtu,
    );
    if (!flow?.lastOversize) continue;
    const { packet, length } = flow.lastOversize;
    return {
      rule: 'path-mtu',
      severity: 'cause',
      cause: `The path carries packets of ${error.mtu} bytes; ${error.source.text} goes on sending larger ones, though it was told: they disappear.`,
      evidence: [
        { packet: error.packet, says: `ICMP from ${error.from.text}: fragmentation needed, MTU ${error.mtu}` },
        { packet, says: `still ${length + headers} bytes (${flowText(flow)})` },
      ],
      remedies: [
        ...SMALLER,
        {
          where: 'firewall',
          does: 'Let ICMP "fragmentation needed" through to the gateway, else nobody can know.',
          lines: ['iptables -I INPUT -p icmp --icmp-type fragmentation-needed -j ACCEPT'],
        },
      ],
    };
  }
  return largeUnanswered(conversation, 'path-mtu');
}

/** So many large packets, and none is ever followed by one from the other side, while small ones are. */
const MIN_LARGE = 3;
const MIN_SMALL = 2;

export function largeUnanswered(conversation: Conversation, rule: 'path-mtu' | 'fragments-lost'): Finding | undefined {
  for (const side of [0, 1] as const) {
    const { small, large } = conversation.turns.of(side);
    if (large.sent < MIN_LARGE || large.answered > 0 || small.answered < MIN_SMALL || !large.last) continue;
    // the other side is still there when they go unanswered
    if ((small.lastAnswered ?? 0) < large.first!.at) continue;
    const isInFragments = large.fragmented >= large.sent / 2;
    if (isInFragments !== (rule === 'fragments-lost')) continue;
    const from = conversation.addresses[side].text;
    return {
      rule,
      severity: 'cause',
      cause: isInFragments
        ? `Large packets from ${from} are cut into IP fragments and disappear on the way; small ones are answered.`
        : `Large packets from ${from} disappear on the way, and nobody says so; small ones are answered: some link carries less, or a firewall drops the ICMP messages that would tell.`,
      evidence: [
        {
          packet: large.last.packet,
          says: `the last of ${large.sent} large ESP packets from ${from}${isInFragments ? ', in IP fragments' : ''}; none got an answer`,
        },
        ...(small.last
          ? [{ packet: small.last.packet, says: `small ones do: ${small.answered} of ${small.sent}` }]
          : []),
      ],
      remedies: SMALLER,
    };
  }
  return undefined;
}

/** What was on its way when the error was sent doesn't count. Milliseconds. */
const HEEDED = 2000;

function flowText({ spi, source, destination }: EspFlow): string {
  return `SPI ${spi.toString(16).padStart(8, '0')}, ${source.address.text} to ${destination.address.text}`;
}
