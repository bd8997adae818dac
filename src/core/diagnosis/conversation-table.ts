/** All conversations by their two addresses, whichever speaks. */
import type { IpAddress } from '../net/address.ts';
import { Conversation } from './conversation.ts';

/** Our own limit. */
export const MAX_CONVERSATIONS = 20_000;

export class ConversationTable {
  /** In the order of their first packets. */
  readonly all: Conversation[] = [];
  /** By the address whose text is the lower one, then by the other: it is asked for each packet, and makes no names. */
  readonly #byPair = new Map<string, Map<string, Conversation>>();

  find({ text: a }: IpAddress, { text: b }: IpAddress): Conversation | undefined {
    return a < b ? this.#byPair.get(a)?.get(b) : this.#byPair.get(b)?.get(a);
  }

  /** Begun if need be; undefined: there are too many. */
  of(source: IpAddress, destination: IpAddress): Conversation | undefined {
    return this.find(source, destination) ?? this.#begin(source, destination);
  }

  #begin(source: IpAddress, destination: IpAddress): Conversation | undefined {
    if (this.all.length >= MAX_CONVERSATIONS) return undefined;
    const conversation = new Conversation(this.all.length + 1, source, destination);
    this.all.push(conversation);
    const [low, high] = [source.text, destination.text].sort() as [string, string];
    const ofLow = this.#byPair.get(low);
    if (ofLow) ofLow.set(high, conversation);
    else this.#byPair.set(low, new Map([[high, conversation]]));
    return conversation;
  }
}
