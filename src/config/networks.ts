/** Which networks may touch: pools are equal or apart, and a peer's network is its own. */
import { formatPrefix, type Prefix, prefixCovers } from '../core/net/address.ts';
import type { Located } from './checks.ts';
import type { Report } from './report.ts';
import type { GatewaySettings } from './schema.ts';

/** A gateway's address, a client's, and the two that a network keeps for itself. */
const LONGEST_POOL = 30;

export function checkNetworks(settings: GatewaySettings, pool: Prefix, report: Report): void {
  const pools = settings.pool ? [settings.pool] : [];
  for (const { value } of settings.groups?.value.values() ?? []) if (value.pool) pools.push(value.pool);
  for (const at of pools) checkSize(at, report);
  const others = pools.filter((at) => at !== settings.pool);
  for (const [i, at] of others.entries()) {
    const clash = [pool, ...others.slice(0, i).map((other) => other.value)].find((other) =>
      partlyOverlap(other, at.value),
    );
    if (clash) report.error(at.item, `overlaps the pool ${formatPrefix(clash)}`, 'make the two equal or apart');
  }
  checkPeers(settings, [pool, ...others.map((other) => other.value)], report);
}

function checkSize({ value, item }: Located<Prefix>, report: Report): void {
  if (value.length > LONGEST_POOL) {
    report.error(item, `${formatPrefix(value)} is too small for a pool`, `/${LONGEST_POOL} holds one client, /24 253`);
  }
  if (value.length < 8) report.error(item, `${formatPrefix(value)} is too large for a pool`, '/8 is the largest');
}

function checkPeers(settings: GatewaySettings, pools: readonly Prefix[], report: Report): void {
  const taken = [...pools];
  const ids = new Set<string>();
  for (const { value } of settings.peers ?? []) {
    const { id, inner } = value;
    if (id && ids.has(id.value)) report.error(id.item, 'another peer has the same id');
    if (id) ids.add(id.value);
    const clash = inner && taken.find((other) => overlap(other, inner.value));
    if (clash) report.error(inner.item, `overlaps ${formatPrefix(clash)}, which leads to others`);
    if (inner) taken.push(inner.value);
  }
}

function overlap(a: Prefix, b: Prefix): boolean {
  return prefixCovers(a, b) || prefixCovers(b, a);
}

function partlyOverlap(a: Prefix, b: Prefix): boolean {
  return a.length !== b.length && overlap(a, b);
}
