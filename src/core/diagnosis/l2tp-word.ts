/** The name of an L2TP message, for a timeline. */
import { type Bytes, readU16 } from '../bytes/bytes.ts';
import { MalformedError } from '../bytes/reader.ts';
import { AvpType, MessageType, parseAvps, parseL2tp } from '../wire/l2tp.ts';
import { namesByNumber } from './notify-words.ts';

const NAMES = namesByNumber(MessageType);

/** "SCCRQ", "acknowledgment", "data"; undefined: it isn't L2TP. */
export function l2tpWord(bytes: Bytes): string | undefined {
  try {
    const message = parseL2tp(bytes);
    if (message.kind === 'data') return 'data';
    if (message.body.length === 0) return 'acknowledgment';
    const [first] = parseAvps(message.body);
    if (first?.type !== AvpType.MESSAGE_TYPE || first.value.length !== 2) return 'control';
    const type = readU16(first.value);
    return NAMES.get(type) ?? `message ${type}`;
  } catch (error) {
    if (error instanceof MalformedError) return undefined;
    throw error;
  }
}
