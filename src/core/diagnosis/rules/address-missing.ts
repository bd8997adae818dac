/** IKEv2, with keys: the gateway welcomes a client that asks for an address, has none for it, and says nothing of that. */
import { ConfigurationAttribute, ConfigurationType } from '../../wire/ikev1.ts';
import type { Conversation } from '../conversation.ts';
import type { Finding } from '../finding.ts';
import type { Message, Negotiation } from '../negotiation.ts';
import type { ConfiguredAttribute } from '../payload-facts.ts';
import { facts, isWelcome, of } from '../phases.ts';
import type { Rule } from '../rule.ts';
import { POOLS } from './login.ts';

/** By the name of `poolEmpty`, which tells it of the logins that fail. */
export const addressMissing: Rule = { of: 'pair', judge };

/** RFC 7296 section 3.15.1 */
const INTERNAL_IP6_ADDRESS = 8;

function judge(conversation: Conversation): Finding | undefined {
  for (const negotiation of conversation.negotiations) {
    const asked = negotiation.version === 2 ? of('initiator', negotiation.messages).find(asksForAddress) : undefined;
    const answer = asked && of('responder', negotiation.messages).find(isWelcome);
    if (!answer || givesAddress(answer)) continue;
    if (!carriesAny(conversation, negotiation, answer)) return finding(asked, answer);
  }
  return undefined;
}

function asksForAddress(message: Message): boolean {
  return facts([message], 'CP').some(
    ({ type, attributes }) => type === ConfigurationType.REQUEST && attributes.some(isAddress),
  );
}

function givesAddress(message: Message): boolean {
  return facts([message], 'CP').some(({ attributes }) => attributes.some((one) => isAddress(one) && one.length > 0));
}

function isAddress({ type }: ConfiguredAttribute): boolean {
  return type === ConfigurationAttribute.INTERNAL_IP4_ADDRESS || type === INTERNAL_IP6_ADDRESS;
}

/** Then the client has an address of its own that does, or got one by a further try. */
function carriesAny({ flows }: Conversation, { responder }: Negotiation, { at }: Message): boolean {
  return flows.some(({ source, last }) => source.address.text === responder.address.text && last.at > at);
}

function finding(asked: Message, answer: Message): Finding {
  return {
    rule: 'pool-empty',
    severity: 'cause',
    cause:
      'The gateway lets the client in and gives it no address, though it asks for one: the connection has no pool, or its pool is empty. Nothing comes through the tunnel.',
    evidence: [
      { packet: asked.packet, says: asked.summary },
      { packet: answer.packet, says: answer.summary },
    ],
    remedies: POOLS,
  };
}
