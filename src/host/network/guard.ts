/**
 * What routing can't promise, by one nftables table of our own where the host has nft:
 *
 * - The kernel takes a destination for a neighbour when a program is bound to an interface and the route says unreachable. With
 *   onLoss 'block' such packets are dropped too.
 * - A host answers to each of its addresses on every interface. Whoever sits beside us could find the inner address out, and
 *   guess his way into connections inside (CVE-2019-14899): it is reached through the tunnel alone.
 *
 * Like the routes it outlives a killed client.
 */
import { formatPrefix, prefixCovers } from '../../core/net/address.ts';
import { tableRemoval, tableRules } from '../nft-table.ts';
import { type Family, PRIVATE_IPV4, PRIVATE_IPV6, tunnelPrefixes } from './changes.ts';
import type { NetworkPlan } from './plan.ts';
import { findProgram } from './programs.ts';
import { complaint, run } from './run.ts';
import type { Slot } from './slot.ts';

export interface Guard {
  readonly table: string;
  /** As nft reads it. It replaces the table. */
  readonly rules: string;
}

/** What decides for the carrier's own packets comes first: each of them goes through these chains. */
export function guardOf(plan: NetworkPlan, slot: Slot): Guard {
  const table = `sallyport_client_${slot.table}`;
  const own = `{ "lo", "${plan.tun}" }`;
  const chain = `
  chain from_outside {
    type filter hook prerouting priority raw; policy accept;
    ip daddr ${plan.address.text} iifname != ${own} drop
  }`;
  const body = plan.onLoss === 'block' ? `${chain}${blocking(plan, own)}` : chain;
  return { table, rules: tableRules(table, body) };
}

/** Why it can't be had on this host, if so. */
export async function setGuard(guard: Guard, owner: string): Promise<string | undefined> {
  if (findProgram('nft') === undefined) return without('nft is missing; install it (Debian: apt install nftables)');
  const ran = await run('nft', ['-f', '-'], { input: guard.rules, owner });
  return ran.status === 0 ? undefined : without(`nft refused: ${complaint(ran)}`);
}

/** Also when it was never set. */
export async function removeGuard({ table }: Guard, owner: string): Promise<void> {
  if (findProgram('nft') !== undefined) await run('nft', ['-f', '-'], { input: tableRemoval(table), owner });
}

/** The link goes on to work whatever the tunnel is: neighbours are found, local multicast and broadcasts stay on it. */
function blocking(plan: NetworkPlan, own: string): string {
  const lan4 = plan.localLan ? PRIVATE_IPV4 : [];
  const lan6 = plan.localLan ? PRIVATE_IPV6 : [];
  return `
  chain to_outside {
    type filter hook output priority filter; policy accept;
    meta mark ${plan.mark} accept
    oifname ${own} accept
    udp sport 68 udp dport 67 accept
    icmpv6 type { nd-router-solicit, nd-neighbor-solicit, nd-neighbor-advert } accept
    ip daddr ${set(['224.0.0.0/4', '255.255.255.255', ...lan4])} accept
    ip6 daddr ${set(['fe80::/10', 'ff00::/8', ...lan6])} accept
    ${[...tunnelled(plan, 4), ...tunnelled(plan, 6)].join('\n    ')}
  }`;
}

function tunnelled(plan: NetworkPlan, family: Family): string[] {
  if (plan.routes === 'all') return [`meta nfproto ipv${family} drop`];
  const networks = tunnelPrefixes(plan).filter(({ address }) => address.bytes.length === (family === 4 ? 4 : 16));
  // A set takes none that lies in another.
  const outer = networks.filter((one) => !networks.some((other) => other !== one && prefixCovers(other, one)));
  return outer.length > 0 ? [`${family === 4 ? 'ip' : 'ip6'} daddr ${set(outer.map(formatPrefix))} drop`] : [];
}

function set(networks: readonly string[]): string {
  return `{ ${networks.join(', ')} }`;
}

function without(reason: string): string {
  return `programs that are bound to an interface are not kept from sending around the tunnel, nor neighbours from the inner address: ${reason}`;
}
