/** The TCP port of cTCP answers by RST or not at all, or opens and what is inside is never answered. */
import { formatEndpoint } from '../../net/address.ts';
import { STANDARD_PORTS } from '../../openings/openings.ts';
import { IpProtocol } from '../../wire/ip.ts';
import type { Conversation, IcmpSighting, TcpFlow } from '../conversation.ts';
import type { Finding } from '../finding.ts';
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
  const ports = { ...STANDARD_PORTS, ciscoTcp: flow.server.port };
  return {
    rule: 'cisco-tcp-closed',
    severity: 'cause',
    cause: `TCP ${flow.server.port} at ${flow.server.address.text} ${how.says}.`,
    evidence: [
      ...(flow.syns[0] ? [{ packet: flow.syns[0].packet, says: `the client opens TCP to ${server}` }] : []),
      { packet: how.packet, says: how.seen },
    ],
    remedies: [
      {
        where: 'sallyport',
        does: 'Serve IPsec over TCP on that port.',
        lines: [`carriers: { cisco-tcp: [${flow.server.port}] }`],
      },
      ...openFirewall(['cisco-tcp'], 'gateway', ports),
      ...openFirewall(['cisco-tcp'], 'client', ports),
      { where: 'cisco-asa', does: 'As the gateway:', lines: [`crypto ikev1 ipsec-over-tcp port ${flow.server.port}`] },
    ],
  };
}

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
