/** IKE is up, and ESP is seen in one direction only. */
import { type EspCarrier, goesWithIke } from '../../esp/sa.ts';
import { formatOpening } from '../../openings/openings.ts';
import { IpProtocol } from '../../wire/ip.ts';
import { L2TP_PORT } from '../../wire/l2tp.ts';
import type { Conversation, IcmpSighting } from '../conversation.ts';
import type { EspFlow } from '../esp-flow.ts';
import type { Evidence, Finding, Remedy } from '../finding.ts';
import { natSign, natSignOf } from '../nat.ts';
import type { Message } from '../negotiation.ts';
import { isAnswered, isInformational } from '../phases.ts';
import { openFirewall } from '../remedies.ts';
import type { Rule, Scene } from '../rule.ts';

export const espOneWay: Rule = {
  of: 'pair',
  judge: (conversation, scene) => judge('esp-one-way', conversation, scene),
};
export const natWithoutNatT: Rule = {
  of: 'pair',
  judge: (conversation, scene) => judge('nat-without-nat-t', conversation, scene),
};
export const ciscoUdpClosed: Rule = {
  of: 'pair',
  judge: (conversation, scene) => judge('cisco-udp-closed', conversation, scene),
};

type Name = 'esp-one-way' | 'nat-without-nat-t' | 'cisco-udp-closed';

/** So many packets, over so long, all in one direction: what is inside would have answered. */
const MIN_PACKETS = 3;
const MIN_TIME = 2000;
/** Who hangs up sooner, having sent so many, has found out by itself. */
const MANY_PACKETS = 12;
const MANY_TIME = 1000;

function judge(rule: Name, conversation: Conversation, scene: Scene): Finding | undefined {
  const { negotiations } = conversation;
  // a capture that sees no answers to IKE either sees one direction only
  if (negotiations.length > 0 && !negotiations.some(isAnswered)) return undefined;
  // what is inside was refused outside: a word came back
  if (conversation.errors.some(({ destinationPort }) => destinationPort === L2TP_PORT)) return undefined;
  const lone = loneDirection(conversation, scene);
  if (!lone) return undefined;
  if (nameOf(conversation, lone.flow) !== rule) return undefined;
  const { flow, packets } = lone;
  const [from, to] = [flow.source.address.text, flow.destination.address.text];
  const fromClient = from === conversation.client.text;
  const evidence: Evidence[] = [
    { packet: flow.first.packet, says: `ESP from ${from} to ${to} (SPI ${hex(flow.spi)})` },
    { packet: flow.last.packet, says: `${packets} such packets, and none comes from ${to}` },
    ...(lone.error
      ? [{ packet: lone.error.packet, says: `ICMP from ${lone.error.from.text}: ${lone.error.reason}` }]
      : []),
    ...natEvidence(conversation, rule),
  ];
  const remedies = remediesOf(rule, flow);
  if (negotiations.length > 0 || rule !== 'esp-one-way')
    return { rule, severity: 'cause', cause: CAUSES[rule](fromClient, flow), evidence, remedies };
  // how the two came to it isn't here: what comes back may go another way as well
  const cause = `ESP is seen from ${from} to ${to} alone: what comes back is dropped on the way, or it passes elsewhere than where this was captured.`;
  return { rule, severity: 'warning', cause, evidence, remedies };
}

/** All ESP of the pair comes from one side: its newest flow stands for it. */
function loneDirection(
  conversation: Conversation,
  scene: Scene,
): { readonly flow: EspFlow; readonly packets: number; readonly error: IcmpSighting | undefined } | undefined {
  const { flows, errors } = conversation;
  const flow = flows.at(-1);
  if (!flow || flows.some(({ source }) => source.address.text !== flow.source.address.text)) return undefined;
  const packets = flows.reduce((sum, one) => sum + one.packets, 0);
  const first = Math.min(...flows.map((one) => one.first.at));
  const goodbye = goodbyeIn(conversation);
  const time = (goodbye?.at ?? scene.lastAt) - first;
  const isLong = packets >= MIN_PACKETS && time >= MIN_TIME;
  const isGivenUp = goodbye !== undefined && packets >= MANY_PACKETS && time >= MANY_TIME;
  // of IKE's own ports and protocol 50 another rule tells
  const error = errors.find(
    ({ protocol, destinationPort, reason }) =>
      flow.carrier === 'cisco-udp' &&
      protocol === IpProtocol.UDP &&
      destinationPort === flow.destination.port &&
      reason !== 'too big',
  );
  return isLong || isGivenUp || error ? { flow, packets, error } : undefined;
}

/** The last word of IKE, behind all ESP: from then on nobody awaits an answer. */
function goodbyeIn({ negotiations, flows }: Conversation): Message | undefined {
  const lastEsp = Math.max(0, ...flows.map(({ last }) => last.at));
  return negotiations
    .flatMap(({ messages }) => messages.at(-1) ?? [])
    .findLast((message) => isInformational(message) && message.at > lastEsp);
}

function nameOf(conversation: Conversation, flow: EspFlow): Name {
  if (flow.carrier === 'cisco-udp') return 'cisco-udp-closed';
  return flow.carrier === 'esp' && signOfNat(conversation) !== undefined ? 'nat-without-nat-t' : 'esp-one-way';
}

function signOfNat({ client, gateway, negotiations }: Conversation): Evidence | undefined {
  return negotiations.map(natSign).find((sign) => sign !== undefined) ?? natSignOf(client, gateway);
}

function natEvidence(conversation: Conversation, rule: Name): Evidence[] {
  const sign = rule === 'nat-without-nat-t' ? signOfNat(conversation) : undefined;
  return sign ? [sign] : [];
}

function hex(spi: number): string {
  return spi.toString(16).padStart(8, '0');
}

const WAYS: Readonly<Record<EspCarrier, string>> = {
  esp: formatOpening({ kind: 'protocol', number: 50 }),
  'nat-t': 'ESP in UDP 4500',
  'cisco-udp': "ESP in Cisco's UDP",
  'cisco-tcp': "ESP in IKE's own TCP connection",
};

const CAUSES: Readonly<Record<Name, (fromClient: boolean, flow: EspFlow) => string>> = {
  'esp-one-way': (fromClient, { carrier }) => {
    const way = WAYS[carrier];
    const lost = fromClient ? 'nothing comes back from the gateway' : 'nothing comes from the client';
    return `IKE is up, but ${lost}: ${way} is dropped on the way, or the other side has no route or forwarding for what is inside.`;
  },
  'nat-without-nat-t': () =>
    'There is a NAT on the way and the two sides agreed on plain ESP, which has no ports for a NAT to go by: one of them has NAT traversal off or lacks it.',
  'cisco-udp-closed': (_, { destination }) =>
    `IKE is up, but the ESP that the client sends to UDP ${destination.port} (Cisco IPsec over UDP) gets nothing back: a firewall drops that port.`,
};

function remediesOf(rule: Name, { carrier }: EspFlow): readonly Remedy[] {
  if (rule === 'cisco-udp-closed')
    return [...openFirewall(['cisco-udp'], 'gateway'), ...openFirewall(['cisco-udp'], 'client'), ...NAT_T];
  if (rule === 'nat-without-nat-t') return [...NAT_T, ...openFirewall(['nat-t'], 'client')];
  // what carries IKE as well is open
  if (goesWithIke(carrier)) return ROUTES;
  return [...openFirewall(['esp'], 'gateway'), ...openFirewall(['esp'], 'client'), ...NAT_T, ...ROUTES];
}

/** ESP in UDP, which passes NATs and most firewalls. */
const NAT_T: readonly Remedy[] = [
  {
    where: 'sallyport',
    does: 'Let clients use NAT traversal, which is the default.',
    lines: ['carriers: { nat-t: true }'],
  },
  {
    where: 'strongswan',
    does: 'swanctl.conf, in the connection: ESP in UDP 4500 in any case.',
    lines: ['encap = yes'],
  },
  { where: 'libreswan', does: 'ipsec.conf, in the conn:', lines: ['encapsulation=yes'] },
  { where: 'cisco-asa', does: 'Configuration:', lines: ['crypto isakmp nat-traversal 20'] },
];

const ROUTES: readonly Remedy[] = [
  {
    where: 'strongswan',
    does: 'A Linux gateway: see that it forwards, and that nothing but the tunnel handles what is for the clients.',
    lines: ['sysctl -w net.ipv4.ip_forward=1', 'ip xfrm policy', 'ip -s xfrm state'],
  },
];
