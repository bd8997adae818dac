/**
 * Firewalls for tests, on a host or in front of the gateway, that let through what a test names and nothing else.
 *
 * `strict` is how the firewall of Windows XP SP2 met Cisco's client, whose driver sits below the firewall's table of
 * states: what comes in passes only where an exception names it, a reply as little as anything else. What goes out isn't
 * looked at, for that firewall never did.
 *
 * `stateful` is how such a firewall treats ordinary programs: what goes out is remembered, and its replies pass. Taken as
 * XP had it, everything goes out, so every carrier would pass and no set of openings would say anything. So here an opening
 * that isn't in the set is shut in both directions; one that is lets out what is for it, and a reply comes in only by
 * state (protocol 50 too, which the kernel remembers by its two addresses): nobody but the client can begin. A packet that
 * the client isn't allowed to send is refused to its face (EPERM), as a host's own firewall does.
 */
import type { Netns } from './netns.ts';

/** As `openingName` says them: the gateway's ports. */
export type OpeningName = `udp/${number}` | `tcp/${number}` | `protocol/${number}`;

/** What the carriers of the lab's gateway need, all of them. */
export const FIVE: readonly OpeningName[] = ['udp/500', 'udp/10000', 'protocol/50', 'tcp/10000', 'udp/4500'];

export type Variant = 'strict' | 'stateful';

export interface FirewallOptions {
  /** Default strict. */
  readonly variant?: Variant;
  /**
   * The firewall stands in a router in front of the gateway, and this is its device on the gateway's side; from there
   * nobody begins. Without it, on the client's own host.
   */
  readonly towardsGateway?: string;
}

/** Lets only `openings` through, ICMP, and what comes through a tunnel's device; replaces an earlier set. */
export async function raiseFirewall(
  netns: Netns,
  openings: readonly OpeningName[],
  { variant = 'strict', towardsGateway }: FirewallOptions = {},
): Promise<void> {
  const chains = towardsGateway === undefined ? onHost(openings, variant) : inFront(openings, variant, towardsGateway);
  await netns.nft(`
    table inet lab_firewall
    delete table inet lab_firewall
    table inet lab_firewall {
      ${chains.join('\n      ')}
    }`);
}

export async function dropFirewall(netns: Netns): Promise<void> {
  await netns.nft('delete table inet lab_firewall');
}

const INSIDE = '{ "lo", "tun*", "sp*", "ipsec*" } accept';
const ICMP = 'meta l4proto { icmp, icmpv6 } accept';
/** Not all that is established: what went out before the set was changed is shut with its opening. */
const REPLIES = 'ct state established ct direction reply accept';

function onHost(openings: readonly OpeningName[], variant: Variant): string[] {
  if (variant === 'strict') return [chain('input', [`iifname ${INSIDE}`, ICMP, ...openings.flatMap(eitherWay)])];
  return [
    chain('input', [`iifname ${INSIDE}`, ICMP, REPLIES]),
    chain('output', [`oifname ${INSIDE}`, ICMP, ...openings.map(towards)]),
  ];
}

function inFront(openings: readonly OpeningName[], variant: Variant, device: string): string[] {
  if (variant === 'strict') return [chain('forward', [ICMP, ...openings.flatMap(eitherWay)])];
  return [chain('forward', [ICMP, REPLIES, ...openings.map((opening) => `oifname "${device}" ${towards(opening)}`)])];
}

function chain(hook: string, rules: readonly string[]): string {
  return `chain ${hook} { type filter hook ${hook} priority 0; policy drop; ${rules.join('; ')}; }`;
}

function towards(opening: OpeningName): string {
  const [kind, number] = opening.split('/');
  return kind === 'protocol' ? `meta l4proto ${number} accept` : `${kind} dport ${number} accept`;
}

function eitherWay(opening: OpeningName): string[] {
  const forth = towards(opening);
  return opening.startsWith('protocol') ? [forth] : [forth, forth.replace('dport', 'sport')];
}
