/** The TCP port of cTCP, or of RFC 9329, answers by RST or not at all, or opens and what is inside is never answered. */
import { formatEndpoint } from '../../net/address.ts';
import { STANDARD_PORTS } from '../../openings/openings.ts';
import { IpProtocol } from '../../wire/ip.ts';
import type { Conversation, IcmpSighting, TcpFlow } from '../conversation.ts';
import type { Finding, Remedy } from '../finding.ts';
import { isEstablished } from '../phases.ts';
import { openFirewall } from '../remedies.ts';
import { PATIENCE, type Rule, type Scene } from '../rule.ts';

export const ciscoTcpClosed: Rule = { of: 'pair', judge };

/** So much of the client's that nobody answers isn't a packet lost. */
const MIN_CARRIED = 2;

function judge(conversation: Conversation, scene: Scene): Finding | undefined {
  const { tcpFlows, negotiations, errors } = conversation;
  if (negotiations.some(isEstablished) || tcpFlows.some(({ fromServer }) => fromServer > 0)) return undefined;
  const told = tcpFlows
    .map((flow) => ({ flow, how: refusedOnTheWay(flow, errors) ?? howItFails(flow, scene) }))
    .find(({ how }) => how !== undefined);
  if (!told?.how) return undefined;
  const { flow, how } = told;
  const server = formatEndpoint(flow.server);
  return {
    rule: 'cisco-tcp-closed',
    severity: 'cause',
    cause: `TCP ${flow.server.port} at ${flow.server.address.text} ${how.says}.`,
    evidence: [
      ...(flow.syns[0] ? [{ packet: flow.syns[0].packet, says: `the client opens TCP to ${server}` }] : []),
      { packet: how.packet, says: how.seen },
    ],
    remedies: remediesOf(flow),
  };
}

function remediesOf({ kind, server: { port } }: TcpFlow): Remedy[] {
  const ports = { ...STANDARD_PORTS, ciscoTcp: port };
  // what is opened is the port, whoever listens there
  const opened = [...openFirewall(['cisco-tcp'], 'gateway', ports), ...openFirewall(['cisco-tcp'], 'client', ports)];
  if (kind === 'stream') return [...LISTENS, ...opened];
  return [
    { where: 'sallyport', does: 'Serve IPsec over TCP on that port.', lines: [`carriers: { cisco-tcp: [${port}] }`] },
    ...opened,
    { where: 'cisco-asa', does: 'As the gateway:', lines: [`crypto ikev1 ipsec-over-tcp port ${port}`] },
  ];
}

/** The client speaks as RFC 9329 has it, with IKEv2 inside. */
const LISTENS: readonly Remedy[] = [
  { where: 'libreswan', does: 'ipsec.conf, under config setup: serve IKEv2 over TCP.', lines: ['listen-tcp=yes'] },
  { where: 'sallyport', does: "It has no IKEv2, and of IPsec over TCP Cisco's alone: dial it by UDP.", lines: [] },
];

interface Failure {
  readonly packet: number;
  readonly says: string;
  readonly seen: string;
}

function refusedOnTheWay({ server, opened }: TcpFlow, errors: readonly IcmpSighting[]): Failure | undefined {
  const error = errors.find(
    ({ protocol, destinationPort, reason }) =>
      protocol === IpProtocol.TCP && destinationPort === server.port && reason !== 'too big',
  );
  if (!error || opened) return undefined;
  const whose =
    error.from.text === server.address.text ? 'its own machine' : `${error.from.text}, a router on the way,`;
  return {
    packet: error.packet,
    says: `is closed: ${whose} refuses it`,
    seen: `ICMP from ${error.from.text}: ${error.reason}`,
  };
}

function howItFails({ syns, opened, reset, fromClient }: TcpFlow, scene: Scene): Failure | undefined {
  const first = syns[0];
  if (first && !opened && reset)
    return { packet: reset.packet, says: 'is closed: it answers by RST', seen: 'the answer is a RST' };
  if (first && !opened && scene.lastAt - first.at >= PATIENCE / 2)
    return {
      packet: syns.at(-1)!.packet,
      says: 'gives no answer: a firewall drops it',
      seen: `no answer to ${syns.length} SYNs`,
    };
  if (opened && fromClient >= MIN_CARRIED)
    return {
      packet: opened.packet,
      says: 'opens, but what the client sends through it is never answered: something else than IPsec over TCP listens there, or a firewall on the way looks inside',
      seen: `it opens; ${fromClient} packets of the client's in it get no answer`,
    };
  return undefined;
}
