/** Whether a capture shows one side of a pair alone, though the other one spoke too: its silence means nothing then. */
import type { Conversation } from './conversation.ts';
import type { Message, Negotiation } from './negotiation.ts';
import { isInformational, isPhase1 } from './phases.ts';

/** The message of the side that is seen which answers something that isn't there. Undefined: both are seen, or nothing shows that the other spoke. */
export function halfSeen({ negotiations, flows, l2tp, tcpFlows, keepalives }: Conversation): Message | undefined {
  if (negotiations.length === 0 || tcpFlows.length > 0) return undefined;
  const [one] = negotiations[0]!.messages;
  const isFromOne = ({ source }: Pick<Message, 'source'>) => source.address.text === one?.source.address.text;
  const isAlone =
    negotiations.every(({ messages }) => messages.every(isFromOne)) &&
    flows.every(isFromOne) &&
    l2tp.every(isFromOne) &&
    [...keepalives.keys()].every((address) => address === one?.source.address.text);
  return isAlone ? negotiations.map(proofIn).find((proof) => proof !== undefined) : undefined;
}

function proofIn(negotiation: Negotiation): Message | undefined {
  const own = negotiation.messages.filter(({ repeats }) => repeats === undefined);
  const [first, second] = own;
  // where it begins the responder's cookie is unknown: an answer brought it
  if (first?.from === 'initiator')
    return negotiation.isWhole && negotiation.responderCookie !== undefined ? (second ?? first) : undefined;
  // between two answers there was a question
  const answers = own.filter((message) => message.isResponse ?? !isInformational(message));
  return answers[0] && isPhase1(answers[0]) ? answers[1] : undefined;
}
