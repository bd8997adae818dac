/** The networks of a configuration that are reached through the tunnel. */
import type { GatewayConfig } from '../config/config.ts';
import { formatPrefix, type Prefix } from '../core/net/address.ts';

/** What clients have their addresses of, each pool once: groups may share one. */
export function poolsOf({ given, policy }: GatewayConfig): Prefix[] {
  return once([given.pool, ...policy.groups.map((group) => group.pool)]);
}

/** The pools, and what is behind peers. */
export function innerNetworks(config: GatewayConfig): Prefix[] {
  return once([...poolsOf(config), ...config.policy.peers.map((peer) => peer.inner)]);
}

function once(prefixes: readonly Prefix[]): Prefix[] {
  return [...new Map(prefixes.map((prefix) => [formatPrefix(prefix), prefix])).values()];
}
