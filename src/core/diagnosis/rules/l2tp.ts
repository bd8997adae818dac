/** L2TP: in clear, and two clients behind one NAT. */
import { formatEndpoint } from '../../net/address.ts';
import { ExchangeType } from '../../wire/isakmp.ts';
import { L2TP_PORT } from '../../wire/l2tp.ts';
import type { Conversation } from '../conversation.ts';
import type { EspFlow } from '../esp-flow.ts';
import type { Finding } from '../finding.ts';
import { exchangesOf, type Negotiation } from '../negotiation.ts';
import { chosenOf, isEstablished, isPhase1Done, isWindows, quickModes, seconds, unanswered } from '../phases.ts';
import type { Rule, Scene } from '../rule.ts';

export const l2tpInClear: Rule = { of: 'pair', judge: inClear };
export const l2tpSecondClientStarves: Rule = { of: 'pair', judge: starves };

function inClear({ l2tp: all, errors }: Conversation): Finding | undefined {
  const l2tp = all.filter(({ isInside }) => !isInside);
  const first = l2tp.find(({ what }) => what === 'SCCRQ') ?? l2tp.find(({ what }) => what !== 'data');
  if (!first) return undefined;
  const answer = l2tp.find(
    ({ source, packet }) => packet > first.packet && source.address.text === first.destination.address.text,
  );
  const refused = errors.find(({ destinationPort }) => destinationPort === L2TP_PORT);
  return {
    rule: 'l2tp-in-clear',
    severity: 'warning',
    cause: `L2TP goes to ${formatEndpoint(first.destination)} without IPsec around it: everybody on the way reads the login and all that is sent.`,
    evidence: [
      { packet: first.packet, says: `${first.what} in clear` },
      ...(answer ? [{ packet: answer.packet, says: `answered in clear: ${answer.what}` }] : []),
      ...(refused ? [{ packet: refused.packet, says: `ICMP: ${refused.reason}` }] : []),
    ],
    remedies: [
      {
        where: 'windows',
        does: 'This value turns IPsec off for L2TP; take it away and restart.',
        lines: [
          'reg delete HKLM\\SYSTEM\\CurrentControlSet\\Services\\RasMan\\Parameters /v ProhibitIpSec /f',
          'net stop RasMan && net start RasMan',
        ],
      },
      {
        where: 'client',
        does: 'Linux: bring IPsec up before xl2tpd dials, and let nothing go to port 1701 without it.',
        lines: ['nft add rule inet filter output udp dport 1701 rt ipsec missing drop'],
      },
      {
        where: 'strongswan',
        does: 'At the gateway: take L2TP out of ESP alone.',
        lines: ['iptables -I INPUT -p udp --dport 1701 -m policy --dir in --pol none -j DROP'],
      },
      { where: 'sallyport', does: 'It never takes L2TP in clear; nothing to change.', lines: [] },
    ],
  };
}

interface Client {
  readonly negotiation: Negotiation;
  readonly port: number;
}

/** One address, several L2TP clients by their ports and cookies: with the second, somebody's traffic or negotiation stops. */
function starves(conversation: Conversation, scene: Scene): Finding | undefined {
  const clients = clientsOf(conversation);
  const hushed = hushedOf(conversation, clients, scene);
  // the first that stands, and the first at another port: one of them is earlier than whoever comes, and apart
  const stood: Client[] = [];
  for (const later of clients) {
    const earlier = stood.find(({ port }) => port !== later.port);
    if (stood.length < 2 && isEstablished(later.negotiation) && stood.every(({ port }) => port !== later.port))
      stood.push(later);
    if (!earlier) continue;
    const unserved = !isEstablished(later.negotiation) && unansweredQuick(later.negotiation, scene);
    if (unserved)
      return finding(conversation, earlier, later, {
        packet: unserved,
        says: 'its phase 2 gets no answer, or a refusal',
      });
    const shown = hushedSince(later.negotiation.lastAt, hushed, scene);
    if (shown) return finding(conversation, earlier, later, shown);
  }
  return undefined;
}

function clientsOf({ negotiations }: Conversation): Client[] {
  return negotiations
    .filter(
      (negotiation) =>
        negotiation.version === 1 && negotiation.isWhole && isPhase1Done(negotiation) && mayBeL2tp(negotiation),
    )
    .map((negotiation) => ({ negotiation, port: floatedPort(negotiation) }));
}

/** A secret or certificate without XAUTH, as L2TP has it, with no Mode-Config either. */
function mayBeL2tp(negotiation: Negotiation): boolean {
  const methods = chosenOf(negotiation)?.authentication ?? [];
  return (
    !methods.some((method) => method.startsWith('xauth') || method.startsWith('hybrid')) &&
    !exchangesOf(negotiation).some(({ type }) => type === ExchangeType.TRANSACTION)
  );
}

/** Where the client's messages come from in the end: behind a NAT each has its own. */
function floatedPort({ messages, initiator }: Negotiation): number {
  return messages.findLast(({ from }) => from === 'initiator')?.source.port ?? initiator.port;
}

function unansweredQuick(negotiation: Negotiation, scene: Scene): number | undefined {
  const [quick] = quickModes(negotiation);
  if (!quick || quick.messages.some(({ from }) => from === 'responder')) return undefined;
  const refusal = negotiation.messages.find(
    ({ packet, from, exchange }) =>
      packet > quick.messages[0]!.packet && from === 'responder' && exchange === ExchangeType.INFORMATIONAL,
  );
  if (refusal) return refusal.packet;
  return unanswered(negotiation, scene) ? (quick.repeats.at(-1) ?? quick.messages[0]!).packet : undefined;
}

/** A client that goes on sending ESP from its port, and what was last sent to there. */
interface Hushed {
  readonly port: number;
  readonly up: EspFlow;
  /** 0: never. */
  readonly answeredAt: number;
}

/** Those to whose port nothing comes any more. */
function hushedOf({ flows, gateway }: Conversation, clients: readonly Client[], scene: Scene): Hushed[] {
  const ports = new Set(clients.map(({ port }) => port));
  if (ports.size < 2) return [];
  const [sent, answered] = [new Map<number, EspFlow>(), new Map<number, number>()];
  for (const flow of flows) {
    const { source, destination, last } = flow;
    if (source.address.text !== gateway.text) sent.set(source.port, flow);
    else answered.set(destination.port, Math.max(last.at, answered.get(destination.port) ?? 0));
  }
  return [...ports].flatMap((port) => {
    const [up, answeredAt = 0] = [sent.get(port), answered.get(port)];
    const isHushed = up && up.packets >= MIN_SENT && up.last.at - answeredAt >= STARVED;
    return isHushed && isPersistent(up, answeredAt, scene) ? [{ port, up, answeredAt }] : [];
  });
}

/** One that sends for so long since the later client was let in that it should have been answered. */
function hushedSince(
  since: number,
  hushed: readonly Hushed[],
  scene: Scene,
): { packet: number; says: string } | undefined {
  if (scene.lastAt - since < STARVED) return undefined;
  const found = hushed.find(({ up }) => up.last.at - since >= STARVED);
  if (!found) return undefined;
  const { port, up, answeredAt } = found;
  return {
    packet: up.last.packet,
    says: `the client at port ${port} still sends, and ${answeredAt === 0 ? 'never got anything' : `has got nothing for ${seconds(up.last.at - answeredAt)}`}`,
  };
}

const STARVED = 3000;
const MIN_SENT = 3;
/** What is inside is answered within this time. Milliseconds. */
const ANSWERED = 2000;

/** It sent three packets or more since the last answer, not all of them just now: a client that was idle has one on its way. */
function isPersistent({ thirdLastAt }: EspFlow, answered: number, { lastAt }: Scene): boolean {
  return thirdLastAt > answered && lastAt - thirdLastAt >= ANSWERED;
}

function finding(
  { gateway, client }: Conversation,
  earlier: Client,
  later: Client,
  shown: { packet: number; says: string },
): Finding {
  return {
    rule: 'l2tp-second-client-starves',
    severity: 'cause',
    cause: `Two L2TP clients behind the NAT ${client.text} look alike to ${gateway.text} (transport mode, port 1701, one address), and it serves one of them only.`,
    evidence: [
      { packet: earlier.negotiation.messages[0]!.packet, says: `a first client, at port ${earlier.port}` },
      {
        packet: later.negotiation.messages[0]!.packet,
        says: `a second one, at port ${later.port}${isWindows(later.negotiation) ? ' (Windows)' : ''}`,
      },
      shown,
    ],
    remedies: [
      {
        where: 'sallyport',
        does: 'It tells clients apart by their SA: any number behind one NAT.',
        lines: ['l2tp: true'],
      },
      {
        where: 'strongswan',
        does: 'swanctl.conf, with the connmark plugin: a mark of its own for each client.',
        lines: ['mark_in = %unique', 'mark_out = %unique'],
      },
      {
        where: 'libreswan',
        does: 'It serves one L2TP client behind a NAT; let clients use IKEv2 or Cisco IPsec (XAUTH) instead, which have addresses of their own.',
        lines: ['ikev2=insist', 'rightaddresspool=10.77.0.10-10.77.0.250'],
      },
      {
        where: 'client',
        does: 'Dial by IKEv2 or Cisco IPsec, if the gateway has them: their tunnels do not collide.',
        lines: [],
      },
    ],
  };
}
