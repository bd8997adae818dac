/** `bin/sallyport` with one thing wrong: a quick mode is known by its message ID alone. Nothing but the demo starts it. */
import { GatewayState } from '../src/core/session/gateway-state.ts';
import { parseMessage } from '../src/core/wire/isakmp.ts';
import { keyedByMessageIdAlone } from '../test/core/session/keyed-by-message-id.ts';

const takes = keyedByMessageIdAlone();
const { handleDatagram } = GatewayState.prototype;
let told = false;

GatewayState.prototype.handleDatagram = function (path, message, now) {
  if (takes(message)) return handleDatagram.call(this, path, message, now);
  const { messageId } = parseMessage(message).header;
  if (!told) console.log(`quick mode ${messageId} was another client's before: taken for a replay`);
  told = true;
};

await import('../src/cli/main.ts');
