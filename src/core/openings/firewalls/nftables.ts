/** nftables. */
import { block, type Firewall, isPort } from '../firewall.ts';
import type { Opening } from '../openings.ts';

export const nftables: Firewall = {
  name: 'nftables',
  title: 'nftables',
  rules({ openings, side }) {
    const [begins, replies] = side === 'client' ? ['output', 'input'] : ['input', 'output'];
    return {
      blocks: block('a shell, as root', [
        ...openings.map((opening) => insert(begins, match(opening))),
        // Either side may begin to send ESP, after a silence in which the state was forgotten.
        ...openings.filter((opening) => !isPort(opening)).map((opening) => insert(replies, match(opening))),
        insert(replies, 'ct state established,related'),
      ]),
      notes: [
        "Table 'inet filter' and its chains are named as Debian names them; 'nft list ruleset' shows yours. An accept in a table of its own would not help: what one table drops is dropped.",
        'To keep them, add the same rules to /etc/nftables.conf.',
        ...(side === 'gateway' ? ['In a router in front of the gateway the chain is forward.'] : []),
      ],
      cannot: [],
    };
  },
};

function insert(chain: string, what: string): string {
  return `nft insert rule inet filter ${chain} ${what} accept`;
}

function match(opening: Opening): string {
  return isPort(opening) ? `${opening.kind} dport ${opening.port}` : `meta l4proto ${opening.number}`;
}
