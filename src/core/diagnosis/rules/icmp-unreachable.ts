/** A router or the gateway's own machine says by ICMP that the client's packets end there. */
import { IpProtocol } from '../../wire/ip.ts';
import type { Conversation, IcmpSighting } from '../conversation.ts';
import type { Finding } from '../finding.ts';
import type { IcmpReason } from '../icmp-error.ts';
import { isEstablished } from '../phases.ts';
import { IS_IT_RUNNING, openFirewall } from '../remedies.ts';
import type { Rule } from '../rule.ts';

export const icmpUnreachable: Rule = { of: 'pair', judge };

const REASONS: readonly IcmpReason[] = [
  'no route',
  'host unreachable',
  'protocol unreachable',
  'port unreachable',
  'prohibited',
  'unreachable',
];
/** Cisco's UDP port has a rule of its own. */
const IKE_PORTS: readonly number[] = [500, 4500];

function judge(conversation: Conversation): Finding | undefined {
  const { gateway, errors } = conversation;
  const [first, ...more] = errors.filter((error) => error.destination.text === gateway.text && isAboutIke(error));
  if (!first || wentOn(conversation, first)) return undefined;
  const what = first.protocol === IpProtocol.ESP ? 'ESP (IP protocol 50)' : `UDP ${first.destinationPort}`;
  const whose = first.from.text === gateway.text ? 'the gateway itself' : `${first.from.text}, a router on the way,`;
  return {
    rule: 'icmp-unreachable',
    severity: 'cause',
    cause: `${capital(whose)} refuses ${what} to ${gateway.text}: ${MEANINGS[first.reason] ?? first.reason}.`,
    evidence: [
      { packet: first.packet, says: `ICMP from ${first.from.text}: ${first.reason}, about ${what} to ${gateway.text}` },
      ...(more.length > 0
        ? [{ packet: more.at(-1)!.packet, says: `the same again, ${more.length + 1} times in all` }]
        : []),
    ],
    remedies:
      first.reason === 'port unreachable'
        ? [IS_IT_RUNNING, ...openFirewall(['nat-t'], 'gateway')]
        : first.reason === 'no route' || first.reason === 'host unreachable'
          ? [
              {
                where: 'client',
                does: 'See whether the address is right and how far packets come.',
                lines: [`tracert ${gateway.text}`, `traceroute -n ${gateway.text}`],
              },
            ]
          : openFirewall([first.protocol === IpProtocol.ESP ? 'esp' : 'nat-t'], 'gateway'),
  };
}

const MEANINGS: Partial<Readonly<Record<IcmpReason, string>>> = {
  'port unreachable': 'nobody listens on that port',
  'protocol unreachable': 'its system takes no ESP',
  prohibited: 'a firewall forbids it',
  'no route': 'there is no way to that network',
  'host unreachable': 'the machine is off, or the address is wrong',
};

function isAboutIke({ reason, protocol, destinationPort }: IcmpSighting): boolean {
  if (!REASONS.includes(reason)) return false;
  return protocol === IpProtocol.ESP || (protocol === IpProtocol.UDP && IKE_PORTS.includes(destinationPort));
}

/** By another port, or later, it worked: clients try several. */
function wentOn({ negotiations, flows, gateway }: Conversation, error: IcmpSighting): boolean {
  if (error.protocol === IpProtocol.ESP)
    return flows.some(({ source, last }) => source.address.text === gateway.text && last.at > error.at);
  return negotiations.some((negotiation) => isEstablished(negotiation) && negotiation.lastAt >= error.at - HANGOVER);
}

/** An error this long after all was over says that one side has gone, not why it failed. Milliseconds. */
const HANGOVER = 60_000;

function capital(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}
