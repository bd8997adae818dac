/**
 * What all who spoke to a gateway show of it. Rules ask this for each pair, and a gateway may have thousands of clients: so it
 * is found out once.
 */
import type { Conversation } from './conversation.ts';
import type { Scene } from './rule.ts';

/** A question about a gateway, answered from the conversations that it is one of. Each answer is remembered with its scene. */
export function ofGateway<T>(
  answer: (gateway: string, conversations: readonly Conversation[]) => T,
): (gateway: string, scene: Scene) => T {
  const answered = new WeakMap<Scene, Map<string, T>>();
  return (gateway, scene) => {
    const known = entry(answered, scene, () => new Map<string, T>());
    if (!known.has(gateway)) known.set(gateway, answer(gateway, conversationsOf(gateway, scene)));
    return known.get(gateway) as T;
  };
}

const byAddress = new WeakMap<Scene, Map<string, Conversation[]>>();

function conversationsOf(address: string, scene: Scene): readonly Conversation[] {
  return entry(byAddress, scene, () => sortByAddress(scene)).get(address) ?? [];
}

function sortByAddress({ conversations }: Scene): Map<string, Conversation[]> {
  const sorted = new Map<string, Conversation[]>();
  for (const conversation of conversations)
    for (const { text } of new Set(conversation.addresses)) {
      const known = sorted.get(text);
      if (known) known.push(conversation);
      else sorted.set(text, [conversation]);
    }
  return sorted;
}

function entry<K extends object, V>(map: WeakMap<K, V>, key: K, make: () => V): V {
  const known = map.get(key);
  if (known !== undefined) return known;
  const made = make();
  map.set(key, made);
  return made;
}
