/**
 * A plan as single changes, each of which can be made again without harm and undone: what the journal holds.
 *
 * Not host routes but policy rules keep our own packets out of the tunnel:
 *
 *     0      lookup local                                loopback, our addresses, broadcasts (the system's own rule)
 *     P      udp 68 -> 67 lookup main                    a DHCP lease is renewed; IPv6: to fe80::/10
 *     P+1    iif TUN lookup main                         what came in for the host's containers goes to them, not back
 *     P+2..  to 10.0.0.0/8 ... lookup main               localLan: by any route of the host's but its default
 *     P+15   not fwmark MARK lookup TABLE                everything that isn't ours
 *     32766  lookup main
 *
 * TABLE holds the tunnel's routes and, with onLoss 'block', an unreachable one of worse metric beside each. These outlive the
 * TUN. In a full tunnel the last rule for IPv6 says `unreachable` itself, which holds for sockets bound to an interface too;
 * a route would be passed over for those.
 */
import { formatPrefix, type IpAddress, type Prefix, prefixContains } from '../../core/net/address.ts';
import type { NetworkPlan } from './plan.ts';
import type { Slot } from './slot.ts';

export type Family = 4 | 6;

export type Change = LinkChange | AddressChange | RouteChange | RuleChange;

interface LinkChange {
  readonly kind: 'link';
  readonly tun: string;
  readonly mtu: number;
}

interface AddressChange {
  readonly kind: 'address';
  readonly tun: string;
  readonly address: string;
}

export interface RouteChange {
  readonly kind: 'route';
  readonly family: Family;
  readonly prefix: string;
  readonly table: number;
  readonly metric: number;
  /** Without it the network is unreachable. */
  readonly through?: { readonly tun: string; readonly source: string };
}

export interface RuleChange {
  readonly kind: 'rule';
  readonly family: Family;
  /** One rule has it in each family: a rule of ours is known by its priority and {@link PROTOCOL}. */
  readonly priority: number;
  readonly match: { readonly to: string } | { readonly from: string } | { readonly notMark: number } | 'dhcp';
  /** `onlySpecific`: routes of length 0 don't count. */
  readonly action: { readonly table: number; readonly onlySpecific?: true } | 'unreachable';
}

/** Marks routes and rules as ours for people and programs that list them; a number nobody has registered with iproute2. */
export const PROTOCOL = 83;
export const MAIN_TABLE = 254;

const TUNNEL_METRIC = 100;
const BLOCK_METRIC = 200;

/** Where the host's own routes are followed with localLan: nobody on the way can claim a public network for himself. */
export const PRIVATE_IPV4 = ['10.0.0.0/8', '172.16.0.0/12', '192.168.0.0/16', '169.254.0.0/16'];
const MULTICAST_IPV4 = '224.0.0.0/4';
export const PRIVATE_IPV6 = ['fc00::/7'];
const LINK_LOCAL_IPV6 = 'fe80::/10';

/**
 * In the order in which they are made; undone from the end. The rules come last, so that the tunnel takes everything over
 * at once.
 *
 * @param ipv6 the system has it
 */
export function changesOf(plan: NetworkPlan, slot: Slot, ipv6: boolean): Change[] {
  return [
    { kind: 'link', tun: plan.tun, mtu: plan.mtu },
    { kind: 'address', tun: plan.tun, address: plan.address.text },
    ...routesOf(plan, slot.table, ipv6),
    ...rulesOf(plan, slot, ipv6),
  ];
}

/** Two changes that are the same, whoever wrote them down. */
export function changeKey(change: Change): string {
  return JSON.stringify(change);
}

function routesOf(plan: NetworkPlan, table: number, ipv6: boolean): Change[] {
  const through = { tun: plan.tun, source: plan.address.text };
  return tunnelPrefixes(plan).flatMap((network): RouteChange[] => {
    const family = familyOf(network.address);
    if (family === 6 && !ipv6) return [];
    const route = { kind: 'route', family, prefix: formatPrefix(network), table } as const;
    const block = { ...route, metric: BLOCK_METRIC };
    // The tunnel carries no IPv6, so what is meant for it goes nowhere.
    if (family === 6) return [block];
    const lead = { ...route, metric: TUNNEL_METRIC, through };
    return plan.onLoss === 'block' ? [block, lead] : [lead];
  });
}

/** Those of the plan, and of name servers that they don't cover. */
export function tunnelPrefixes({ routes, dns }: NetworkPlan): Prefix[] {
  const networks = routes === 'all' ? [DEFAULT_IPV4] : routes;
  const covered = (server: IpAddress) => networks.some((network) => prefixContains(network, server));
  const servers = (dns?.servers ?? []).filter((server) => server.bytes.length === 4 && !covered(server));
  const all = [...networks, ...servers.map((address) => ({ address, length: 32 }))];
  return [...new Map(all.map((network) => [formatPrefix(network), network])).values()];
}

const DEFAULT_IPV4: Prefix = {
  address: { bytes: new Uint8Array(4), text: '0.0.0.0' },
  length: 0,
};

function rulesOf(plan: NetworkPlan, slot: Slot, ipv6: boolean): Change[] {
  // A split tunnel knows better than a full one where its networks are, so its rules come first.
  const first = plan.routes === 'all' ? slot.fullPriority : slot.splitPriority;
  const families: Family[] = ipv6 ? [4, 6] : [4];
  return families.flatMap((family) => {
    const tunnel = tunnelRule(plan, slot, family);
    if (!tunnel) return [];
    return [...outsideRules(plan, family).map((rule, i) => ({ ...rule, priority: first + i })), tunnel].map(
      (rule): RuleChange => ({ kind: 'rule', family, priority: first + RULES_PER_SLOT - 1, ...rule }),
    );
  });
}

/** Priorities that one profile has in each range. */
export const RULES_PER_SLOT = 16;

type Rule = Pick<RuleChange, 'match' | 'action'>;

function outsideRules(plan: NetworkPlan, family: Family): Rule[] {
  const main = { table: MAIN_TABLE };
  const onTheLink: Rule = { match: family === 4 ? 'dhcp' : { to: LINK_LOCAL_IPV6 }, action: main };
  // The tunnel carries no IPv6.
  const link: Rule[] = family === 4 ? [onTheLink, { match: { from: plan.tun }, action: main }] : [onTheLink];
  if (!plan.localLan) return link;
  const networks = family === 4 ? PRIVATE_IPV4 : PRIVATE_IPV6;
  const toLan = networks.map((to): Rule => ({ match: { to }, action: { ...main, onlySpecific: true } }));
  const multicast: Rule[] = family === 4 ? [{ match: { to: MULTICAST_IPV4 }, action: main }] : [];
  return [...link, ...toLan, ...multicast];
}

function tunnelRule(plan: NetworkPlan, slot: Slot, family: Family): Rule | undefined {
  const match = { notMark: plan.mark };
  if (family === 6 && plan.routes === 'all') return { match, action: 'unreachable' };
  const needed = tunnelPrefixes(plan).some(({ address }) => familyOf(address) === family);
  return needed ? { match, action: { table: slot.table } } : undefined;
}

function familyOf(address: IpAddress): Family {
  return address.bytes.length === 4 ? 4 : 6;
}
