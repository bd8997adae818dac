/** The fault of KB942429: what answers a quick mode by its message ID alone takes a second client's for a replay. */
import type { Bytes } from '../../../src/core/bytes/bytes.ts';
import { ExchangeType, parseMessage } from '../../../src/core/wire/isakmp.ts';

/** True for what such a gateway takes; whoever uses an ID first has it for good. */
export function keyedByMessageIdAlone(): (message: Bytes) => boolean {
  const owners = new Map<number, string>();
  return (message) => {
    const { header } = parseMessage(message);
    if (header.exchangeType !== ExchangeType.QUICK_MODE) return true;
    const owner = owners.get(header.messageId) ?? String(header.initiatorCookie);
    owners.set(header.messageId, owner);
    return owner === String(header.initiatorCookie);
  };
}
