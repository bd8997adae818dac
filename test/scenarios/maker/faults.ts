/** What is done to packets on their way, by nftables. */
import type { Netns } from '../../lab/netns.ts';
import { natPublicAddress, type Topology } from '../../lab/topology.ts';

/** The names of the hooks' priorities: before fragments are put together, and at the usual place. */
const BEFORE_REASSEMBLY = -500;

type Hook = 'input' | 'output' | 'forward' | 'prerouting';

/** Each of `rules` stands in one chain at `hook`; replaces what an earlier call has put there. */
export async function interfere(netns: Netns, hook: Hook, ...rules: readonly string[]): Promise<void> {
  const table = `fault_${hook}`;
  const priority = hook === 'prerouting' ? BEFORE_REASSEMBLY : 0;
  await netns.nft(`
    table inet ${table}
    delete table inet ${table}
    table inet ${table} {
      chain fault { type filter hook ${hook} priority ${priority}; policy accept; ${rules.join('; ')}; }
    }`);
}

export async function relent(netns: Netns, hook: Hook): Promise<void> {
  await netns.nft(`delete table inet fault_${hook}`);
}

/** The router between becomes one without a NAT, which would put fragments together before any rule saw them. */
export async function routeWithoutNat({ nat, gw }: Topology): Promise<void> {
  await nat.nft('flush ruleset');
  await gw.ip('route', 'add', '10.9.0.0/24', 'via', natPublicAddress);
}

/** IP fragments: all of a packet's, and all but the first. */
export const FRAGMENT = 'ip frag-off & 0x3fff != 0';
export const LATER_FRAGMENT = 'ip frag-off & 0x1fff != 0';

/** Behind the UDP header on port 4500 ESP begins with its SPI, IKE with four zero bytes. */
export const ESP_FROM_4500 = 'udp sport 4500 udp length > 9 @th,64,32 != 0';
export const ESP_TO_4500 = 'udp dport 4500 udp length > 9 @th,64,32 != 0';

/** IKE's exchange type there, and the type of its first payload. */
export const ikeExchange = (type: number) => `@th,240,8 ${type}`;
export const firstPayload = (type: number) => `@th,224,8 ${type}`;

/** All that may carry IKE or ESP to a gateway. */
export const EVERYTHING = [
  'udp dport { 500, 4500, 10000 } drop',
  'tcp dport { 443, 4500, 10000 } drop',
  'meta l4proto 50 drop',
];
