/** One side sends ESP by an SA that the other doesn't have, and is told so (INVALID_SPI): it was restarted, or the SA ran out there alone. */

import { u32 } from '../../bytes/bytes.ts';
import { toHex } from '../../bytes/text.ts';
import type { Endpoint } from '../../net/address.ts';
import type { Conversation } from '../conversation.ts';
import type { EspFlow } from '../esp-flow.ts';
import type { Finding } from '../finding.ts';
import { isInformational, notifiesOf, phase1Of, type SeenNotify, seconds } from '../phases.ts';
import type { Rule } from '../rule.ts';
import { KEEP_ALIVE } from './lost-peer.ts';

export const saForgotten: Rule = { of: 'pair', judge };

/** What was on its way when an SA was deleted or renewed comes too late as well; nobody goes on for so long then. Milliseconds. */
const ON_ITS_WAY = 2000;

function judge(conversation: Conversation): Finding | undefined {
  const { flows, negotiations } = conversation;
  const told = Map.groupBy(negotiations.flatMap(notifiesOf).filter(isAboutSpi), nameOfWord);
  if (told.size === 0) return undefined;
  for (const flow of flows) {
    const words = told.get(nameOf(flow.destination, toHex(u32(flow.spi)))) ?? [];
    const [word] = words;
    if (word && flow.last.at - word.message.at > ON_ITS_WAY && !isOver(conversation, flow, word))
      return finding(flow, word, words.length);
  }
  return undefined;
}

function isAboutSpi({ message, notify }: SeenNotify): boolean {
  return notify.name === 'INVALID_SPI' && isInformational(message);
}

/** IKEv1 names the SPI as such (RFC 2408 section 3.14), IKEv2 has it as data (RFC 7296 section 3.10.1). */
function nameOfWord({ message, notify }: SeenNotify): string {
  return nameOf(message.source, notify.spi || notify.detail);
}

/** An SA, by who is to have it. */
function nameOf({ address }: Endpoint, spi: string): string {
  return `${address.text} ${spi}`;
}

/** Who said so has SAs with the other, or one of the two begins anew: what becomes of that is another matter. */
function isOver({ flows, negotiations }: Conversation, left: EspFlow, { message }: SeenNotify): boolean {
  const isBack = ({ source, destination }: EspFlow) =>
    source.address.text === left.destination.address.text && destination.port === left.source.port;
  return (
    flows.some((flow) => isBack(flow) && flow.last.at > message.at + ON_ITS_WAY) ||
    negotiations.some((negotiation) => negotiation.firstAt > message.at && phase1Of(negotiation).length > 0)
  );
}

function finding(flow: EspFlow, { message }: SeenNotify, times: number): Finding {
  const [sender, other] = [flow.source.address.text, flow.destination.address.text];
  const spi = `0x${toHex(u32(flow.spi))}`;
  return {
    rule: 'sa-forgotten',
    severity: 'cause',
    cause: `${other} knows nothing of the SA by which ${sender} sends ESP, and says so (INVALID_SPI): it was restarted, or the SA was deleted or ran out there alone. ${sender} goes on with it, and all of that is lost.`,
    evidence: [
      { packet: flow.first.packet, says: `ESP from ${sender} by the SPI ${spi}` },
      {
        packet: message.packet,
        says: `${other} answers INVALID_SPI of it${times > 1 ? `, ${times} times in all` : ''}`,
      },
      {
        packet: flow.last.packet,
        says: `${sender} still sends by it ${seconds(flow.last.at - message.at)} later, and begins nothing new`,
      },
    ],
    remedies: [
      {
        where: 'client',
        does: 'Disconnect and dial again. Such a word is not protected, so that nobody may end a tunnel by it: only DPD tells for sure.',
        lines: [],
      },
      ...KEEP_ALIVE,
    ],
  };
}
