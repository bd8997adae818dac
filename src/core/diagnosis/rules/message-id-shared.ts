/** Several clients begin quick mode with one message ID, and only the first is served (KB942429). */
import type { Conversation } from '../conversation.ts';
import type { Finding } from '../finding.ts';
import type { Exchange, Negotiation } from '../negotiation.ts';
import { isPhase1Done, quickModes, unanswered } from '../phases.ts';
import type { Rule, Scene } from '../rule.ts';

export const messageIdShared: Rule = { of: 'all', judge };

interface Quick {
  readonly negotiation: Negotiation;
  readonly exchange: Exchange;
  readonly isServed: boolean;
}

function judge(scene: Scene): Finding | undefined {
  for (const [gateway, quicks] of byGateway(scene.conversations)) {
    for (const group of Map.groupBy(quicks, ({ exchange }) => exchange.messageId).values()) {
      const served = group.find(({ isServed }) => isServed);
      const starved = group.filter((quick) => !quick.isServed && isStarved(quick, served, scene));
      if (served && starved.length > 0) return finding(gateway, served, starved);
    }
  }
  return undefined;
}

/** The first quick mode of each client that came through phase 1. */
function byGateway(conversations: readonly Conversation[]): Map<string, Quick[]> {
  const found = new Map<string, Quick[]>();
  for (const { negotiations } of conversations) {
    for (const negotiation of negotiations) {
      const exchange = negotiation.version === 1 ? quickModes(negotiation)[0] : undefined;
      if (exchange?.begunBy !== 'initiator' || !isPhase1Done(negotiation)) continue;
      const gateway = negotiation.responder.address.text;
      const isServed = exchange.messages.some(({ from }) => from === 'responder');
      const list = found.get(gateway);
      if (list) list.push({ negotiation, exchange, isServed });
      else found.set(gateway, [{ negotiation, exchange, isServed }]);
    }
  }
  return found;
}

/** It asked after another had been served, and is given nothing: no answer and no refusal. */
function isStarved({ negotiation, exchange }: Quick, served: Quick | undefined, scene: Scene): boolean {
  if (!served || exchange.messages[0]!.at < served.exchange.messages[0]!.at) return false;
  return unanswered(negotiation, scene)?.role === 'initiator';
}

function finding(gateway: string, served: Quick, starved: readonly Quick[]): Finding {
  const id = served.exchange.messageId.toString(16).padStart(8, '0');
  const first = starved[0]!.exchange;
  return {
    rule: 'message-id-shared',
    severity: 'cause',
    cause: `Several clients begin phase 2 with the same message ID, ${id}, and ${gateway} serves the first alone: it takes the others for repeats, as it doesn't tell exchanges apart by the whole SA (KB942429).`,
    evidence: [
      { packet: served.exchange.messages[0]!.packet, says: `a first client's quick mode with message ID ${id}` },
      { packet: served.exchange.messages.find(({ from }) => from === 'responder')!.packet, says: 'it is answered' },
      { packet: first.messages[0]!.packet, says: `another client's quick mode, another SA, the same message ID` },
      {
        packet: first.repeats.at(-1)?.packet ?? first.messages[0]!.packet,
        says: `sent ${1 + first.repeats.length} times, never answered`,
      },
      ...(starved.length > 1
        ? [{ packet: starved[1]!.exchange.messages[0]!.packet, says: `so it goes for ${starved.length} clients` }]
        : []),
    ],
    remedies: [
      {
        where: 'cisco-asa',
        does: 'Update the gateway: Cisco mended it; Microsoft describes it as KB942429. Until then one such client at a time.',
        lines: ['show version', 'show crypto ikev1 sa detail'],
      },
      {
        where: 'sallyport',
        does: 'It names an exchange by both cookies and the message ID, so this never happens; serve these clients with it.',
        lines: ['l2tp: true'],
      },
    ],
  };
}
