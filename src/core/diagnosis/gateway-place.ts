/** What the gateway of a conversation is, by its own vendor IDs. */
import { fromHex } from '../bytes/text.ts';
import type { Conversation } from './conversation.ts';
import type { Place } from './finding.ts';
import { facts } from './phases.ts';
import { placeOf, productOf } from './products.ts';

/** What the gateway says that it is; undefined: it doesn't, or it is something that we know no lines of. */
export function gatewayPlace({ gateway, negotiations }: Conversation): Place | undefined {
  for (const { messages } of negotiations) {
    const sent = messages.filter(({ source }) => source.address.text === gateway.text);
    for (const { hex } of facts(sent, 'VID')) {
      const product = productOf(fromHex(hex));
      if (product !== undefined) return placeOf(product);
    }
  }
  return undefined;
}
