/** Who else is there: floods of first messages, and scanners. */
import type { Finding } from '../finding.ts';
import type { Negotiation } from '../negotiation.ts';
import { offerText } from '../offer.ts';
import { isAnswered, neverWentOn, offerOf, phase1Of } from '../phases.ts';
import type { Rule, Scene } from '../rule.ts';

export const halfOpenFlood: Rule = { of: 'all', judge: flood };
export const scanner: Rule = { of: 'all', judge: scan };

const MINUTE = 60_000;
/** So many first messages to one gateway within a minute whose senders never go on. */
const FLOOD = 64;
/** Most of what comes to it then is of that kind. */
const FLOOD_SHARE = 0.5;
/** So many tries of one address that never go on, of so many kinds or to so many gateways. */
const SCAN_TRIES = 5;
const SCAN_KINDS = 3;

function isAbandoned(negotiation: Negotiation): boolean {
  return negotiation.isWhole && neverWentOn(negotiation);
}

function allOf({ conversations }: Scene): Negotiation[] {
  return conversations.flatMap(({ negotiations }) => negotiations).sort((a, b) => a.firstAt - b.firstAt);
}

interface Flood {
  readonly gateway: string;
  readonly open: readonly Negotiation[];
  /** Of `open`, where it is thickest. */
  readonly start: number;
}

function floodsIn(scene: Scene): Flood[] {
  const floods: Flood[] = [];
  for (const [gateway, list] of Map.groupBy(allOf(scene), ({ responder }) => responder.address.text)) {
    const open = list.filter(isAbandoned);
    if (open.length < FLOOD || open.length / list.length < FLOOD_SHARE) continue;
    const start = open.findIndex(
      (negotiation, i) => (open[i + FLOOD - 1]?.firstAt ?? Number.POSITIVE_INFINITY) - negotiation.firstAt <= MINUTE,
    );
    if (start >= 0) floods.push({ gateway, open, start });
  }
  return floods;
}

/** Negotiations that were answered and are nobody's failure: those who began them never meant to go on. */
export function floodingIn(scene: Scene): ReadonlySet<Negotiation> {
  return new Set(floodsIn(scene).flatMap(({ open }) => open.filter(isAnswered)));
}

function flood(scene: Scene): Finding | undefined {
  for (const { gateway, open, start } of floodsIn(scene)) {
    const sources = new Set(open.map(({ initiator }) => initiator.address.text)).size;
    return {
      rule: 'half-open-flood',
      severity: 'warning',
      cause: `${gateway} is flooded: ${open.length} negotiations from ${sources} ${sources === 1 ? 'address' : 'addresses'} were begun and never continued. Honest clients may not get through meanwhile.`,
      evidence: [
        {
          packet: open[start]!.messages[0]!.packet,
          says: `a first message that nobody continues, from ${open[start]!.initiator.address.text}`,
        },
        {
          packet: open[start + FLOOD - 1]!.messages[0]!.packet,
          says: `${FLOOD} of them within ${Math.ceil((open[start + FLOOD - 1]!.firstAt - open[start]!.firstAt) / 1000)} s`,
        },
      ],
      remedies: [
        {
          where: 'strongswan',
          does: 'strongswan.conf: ask for a cookie early, and hold back half-open ones of one address.',
          lines: ['charon {', '  cookie_threshold = 10', '  block_threshold = 5', '  init_limit_half_open = 1000', '}'],
        },
        {
          where: 'libreswan',
          does: 'ipsec.conf, under config setup:',
          lines: ['ddos-mode=busy', 'ddos-ike-threshold=500'],
        },
        {
          where: 'cisco-asa',
          does: 'Configuration:',
          lines: ['crypto ikev2 cookie-challenge 50', 'crypto ikev2 limit max-in-negotiation-sa 50'],
        },
        {
          where: 'firewall',
          does: 'nftables: few new negotiations a second from one address.',
          lines: [
            'nft add rule inet filter input udp dport 500 meter ike { ip saddr limit rate over 5/second burst 20 packets } drop',
          ],
        },
        {
          where: 'sallyport',
          does: 'It bounds half-open negotiations as a whole and by source by itself; nothing to change.',
          lines: [],
        },
      ],
    };
  }
  return undefined;
}

/** Addresses that scan: what their attempts come to is nobody's failure. */
export function scannersIn(scene: Scene): ReadonlySet<string> {
  return new Set(scansIn(scene).map(({ source }) => source));
}

interface Scan {
  readonly source: string;
  readonly tries: readonly Negotiation[];
  readonly kinds: number;
  readonly gateways: number;
}

function scan(scene: Scene): Finding | undefined {
  for (const { source, tries, kinds, gateways } of scansIn(scene)) {
    const [first, last] = [tries[0]!, tries.at(-1)!];
    return {
      rule: 'scanner',
      severity: 'warning',
      cause: `${source} is scanning: ${tries.length} negotiations of ${kinds} ${kinds === 1 ? 'kind' : 'kinds'} to ${gateways} ${gateways === 1 ? 'gateway' : 'gateways'}, none of which it goes on with.`,
      evidence: [
        { packet: first.messages[0]!.packet, says: `offers ${offerText(offerOf(first), 2)}` },
        {
          packet: last.messages[0]!.packet,
          says: `the last of ${tries.length}: offers ${offerText(offerOf(last), 2)}`,
        },
      ],
      remedies: [
        {
          where: 'firewall',
          does: 'If nobody of yours does that: nftables, at the gateway.',
          lines: [`nft insert rule inet filter input ${source.includes(':') ? 'ip6' : 'ip'} saddr ${source} drop`],
        },
      ],
    };
  }
  return undefined;
}

function scansIn(scene: Scene): Scan[] {
  const scans: Scan[] = [];
  for (const [source, list] of Map.groupBy(allOf(scene), ({ initiator }) => initiator.address.text)) {
    const tries = list.filter(isAbandoned);
    if (tries.length < SCAN_TRIES || tries.length < list.length - 1) continue;
    const kinds = new Set(tries.map(kindOf)).size;
    const gateways = new Set(tries.map(({ responder }) => responder.address.text)).size;
    if (kinds >= SCAN_KINDS || gateways >= SCAN_TRIES) scans.push({ source, tries, kinds, gateways });
  }
  return scans;
}

function kindOf(negotiation: Negotiation): string {
  return `${negotiation.version} ${phase1Of(negotiation)[0]?.exchange} ${offerText(offerOf(negotiation), 8)}`;
}
