/**
 * What a gateway tells a client about the network behind it: hostile input, of which only what a host can safely take is kept.
 * The rest is dropped and named.
 */
import {
  formatPrefix,
  type IpAddress,
  type Prefix,
  parsePrefix,
  prefixContains,
  prefixCovers,
} from '../../net/address.ts';

export interface Kept<T> {
  readonly kept: T;
  readonly dropped: readonly Dropped[];
}

export interface Dropped {
  /** As the gateway said it, cut to a line's length; not fit for a terminal until escaped. */
  readonly what: string;
  readonly why: string;
}

export const MAX_OFFERED_ROUTES = 256;
export const MAX_OFFERED_SERVERS = 4;
export const MAX_OFFERED_DOMAINS = 64;

/**
 * Networks for the tunnel. One of length 0 means everything, which is safe although it covers all that is forbidden here: our
 * own packets go round the tunnel by their mark, and the host's local addresses come before it. Any other network that
 * touches a forbidden one, or holds the gateway, is dropped: there is no honest reason for it, and other programs' packets
 * to the gateway would go astray. An empty list says nothing, so it means everything; a list of which nothing is kept means nothing.
 *
 * @param gateway the addresses that the gateway is dialled at
 */
export function checkRoutes(routes: readonly Prefix[], gateway: readonly IpAddress[]): Kept<readonly Prefix[] | 'all'> {
  if (routes.length === 0 || routes.some(({ length }) => length === 0)) return { kept: 'all', dropped: [] };
  const { kept, dropped } = sift(routes, MAX_OFFERED_ROUTES, formatPrefix, (route) => {
    const held = gateway.find((address) => prefixContains(route, address));
    return wrongNetwork(route) ?? (held && `it holds the gateway's own address ${held.text}`);
  });
  return { kept, dropped };
}

/** Name servers, each once. */
export function checkNameServers(servers: readonly IpAddress[]): Kept<readonly IpAddress[]> {
  return sift(servers, MAX_OFFERED_SERVERS, ({ text }) => text, wrongAddress);
}

/** Domains for split DNS or to search in, each once, in lower case and without the dot at the end. */
export function checkDomains(domains: readonly string[]): Kept<readonly string[]> {
  const names = domains.slice(0, MAX_OFFERED_DOMAINS + 1).map((domain) => domain.replace(/\.$/, '').toLowerCase());
  return sift(names, MAX_OFFERED_DOMAINS, (name) => name, wrongDomain);
}

/** Why the gateway can't give us `address`; undefined: it can. */
export function wrongInnerAddress(address: IpAddress, gateway: readonly IpAddress[]): string | undefined {
  const isGateways = gateway.some(({ text }) => text === address.text);
  return isGateways ? "it is the gateway's own address" : wrongAddress(address);
}

/** RFC 1035 section 2.3.1, with digits and underscores anywhere as in use: nothing that a file or a program could misread. */
export function isDomainName(text: string): boolean {
  return text.length <= 253 && /^(?!-)[a-z0-9_-]{1,63}(\.(?!-)[a-z0-9_-]{1,63})*$/i.test(text);
}

function wrongDomain(name: string): string | undefined {
  return isDomainName(name) ? undefined : 'it is no domain name';
}

function wrongAddress(address: IpAddress): string | undefined {
  return wrongNetwork({ address, length: address.bytes.length * 8 });
}

function wrongNetwork(network: Prefix): string | undefined {
  const touched = FORBIDDEN.find(({ prefix }) => prefixCovers(prefix, network) || prefixCovers(network, prefix));
  return touched && `it touches ${formatPrefix(touched.prefix)}, ${touched.name}`;
}

const FORBIDDEN = (
  [
    ['0.0.0.0/8', 'this host'],
    ['127.0.0.0/8', 'loopback'],
    ['169.254.0.0/16', 'link-local'],
    ['224.0.0.0/4', 'multicast'],
    ['240.0.0.0/4', 'reserved'],
    ['::/127', 'loopback'],
    ['fe80::/10', 'link-local'],
    ['ff00::/8', 'multicast'],
  ] as const
).map(([prefix, name]) => ({ prefix: parsePrefix(prefix)!, name }));

const MAX_SHOWN = 80;

function sift<T>(
  offered: readonly T[],
  most: number,
  name: (one: T) => string,
  wrong: (one: T) => string | undefined,
): Kept<readonly T[]> {
  const kept = new Map<string, T>();
  const dropped: Dropped[] = [];
  for (const one of offered.slice(0, most)) {
    const text = name(one);
    const why = wrong(one);
    if (why === undefined) kept.set(text, one);
    else dropped.push({ what: text.slice(0, MAX_SHOWN), why });
  }
  const beyond = offered[most];
  if (beyond !== undefined) {
    dropped.push({
      what: `${name(beyond).slice(0, MAX_SHOWN)} and what follows`,
      why: `more than ${most} are not taken`,
    });
  }
  return { kept: [...kept.values()], dropped };
}
