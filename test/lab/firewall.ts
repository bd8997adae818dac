/**
 * A host firewall as the one of Windows XP SP2 met Cisco's client: what comes in passes only where an exception names
 * it. Replies get no exception of their own, because the client's driver sits below the firewall's table of states.
 */
import type { Netns } from './netns.ts';

/** `udp/500`, `tcp/10000`, `proto/50`. */
export type Opening = `udp/${number}` | `tcp/${number}` | `proto/${number}`;

/** Lets in only `openings`, ICMP, and what comes through a tunnel device; replaces an earlier set. */
export async function raiseFirewall(netns: Netns, openings: readonly Opening[]): Promise<void> {
  await netns.nft(`
    table inet xpsp2
    delete table inet xpsp2
    table inet xpsp2 {
      chain in {
        type filter hook input priority 0; policy drop;
        iifname { "lo", "tun*", "sp*", "ipsec*" } accept
        meta l4proto { icmp, icmpv6 } accept
        ${openings.flatMap(rules).join('\n        ')}
      }
    }`);
}

export async function dropFirewall(netns: Netns): Promise<void> {
  await netns.nft('delete table inet xpsp2');
}

function rules(opening: Opening): string[] {
  const [kind, number] = opening.split('/');
  if (kind === 'proto') return [`meta l4proto ${number} accept`];
  return [`${kind} dport ${number} accept`, `${kind} sport ${number} accept`];
}
