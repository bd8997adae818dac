/** First messages get no answer of any kind. */
import { formatEndpoint } from '../../net/address.ts';
import type { Conversation } from '../conversation.ts';
import type { Finding } from '../finding.ts';
import { ofGateway } from '../gateways.ts';
import type { Negotiation } from '../negotiation.ts';
import { isAnswered, seconds, timesSent, unanswered } from '../phases.ts';
import { IS_IT_RUNNING, openFirewall } from '../remedies.ts';
import type { Rule, Scene } from '../rule.ts';

export const noAnswer: Rule = { of: 'pair', judge };

function judge(conversation: Conversation, scene: Scene): Finding | undefined {
  const { negotiations, errors, flows, gateway } = conversation;
  const spoken = negotiations.filter(({ isWhole, messages }) => isWhole && messages[0]?.way !== 'cisco-tcp');
  if (spoken.length === 0 || negotiations.some(isAnswered) || errors.length > 0) return undefined;
  if (flows.some(({ source }) => source.address.text === gateway.text)) return undefined;
  const silent = spoken.find((negotiation) => unanswered(negotiation, scene) !== undefined);
  return silent && finding(silent, spoken, scene, answeredOthers(gateway.text, scene));
}

/** Of somebody else's negotiations with the gateway one that it answered. */
const answeredOthers = ofGateway((gateway, conversations): Negotiation | undefined =>
  conversations
    .flatMap(({ negotiations }) => negotiations)
    .find((negotiation) => negotiation.responder.address.text === gateway && isAnswered(negotiation)),
);

function finding(
  negotiation: Negotiation,
  all: readonly Negotiation[],
  scene: Scene,
  other: Negotiation | undefined,
): Finding {
  const first = negotiation.messages[0]!;
  const last = negotiation.messages.at(-1)!;
  const gateway = formatEndpoint(first.destination);
  const times = timesSent(negotiation, first);
  return {
    rule: 'no-answer-500',
    severity: 'cause',
    cause: other
      ? `Nothing at all comes back from ${gateway} to this client, though it answers others: it has no connection for this client's address or for what it offers and says nothing, or a firewall lets only some clients in.`
      : `Nothing at all comes back from ${gateway}: a firewall drops UDP ${first.destination.port}, the address is wrong, or no VPN gateway listens there.`,
    evidence: [
      { packet: first.packet, says: `first message to ${gateway}: ${first.summary}` },
      ...(times > 1 ? [{ packet: last.packet, says: `the same again: ${times} times in all` }] : []),
      { packet: last.packet, says: `no answer until the capture ends, ${seconds(scene.lastAt - last.at)} later` },
      ...(other
        ? [
            {
              packet: other.messages.find(({ from }) => from === 'responder')!.packet,
              says: `the gateway answers ${other.initiator.address.text}`,
            },
          ]
        : []),
      ...(all.length > 1
        ? [{ packet: all[1]!.messages[0]!.packet, says: `nor to ${all.length - 1} more attempts` }]
        : []),
    ],
    remedies: [
      {
        where: 'client',
        does: 'See whether the address is that of the gateway, and what answers there.',
        lines: [`sallyport doctor ${first.destination.address.text}`],
      },
      IS_IT_RUNNING,
      ...openFirewall(['nat-t'], 'gateway'),
      ...openFirewall(['nat-t'], 'client'),
    ],
  };
}
