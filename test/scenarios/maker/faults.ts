/** What is done to packets on their way, by nftables. */
import type { Netns } from '../../lab/netns.ts';

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

/** All that may carry IKE or ESP to a gateway. */
export const EVERYTHING = [
  'udp dport { 500, 4500, 10000 } drop',
  'tcp dport { 443, 4500, 10000 } drop',
  'meta l4proto 50 drop',
];
