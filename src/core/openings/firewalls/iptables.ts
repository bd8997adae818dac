/** iptables and ip6tables. */
import { block, type Firewall, isPort } from '../firewall.ts';
import type { Opening } from '../openings.ts';

export const iptables: Firewall = {
  name: 'iptables',
  title: 'iptables and ip6tables',
  rules({ openings, side }) {
    const [begins, replies] = side === 'client' ? ['OUTPUT', 'INPUT'] : ['INPUT', 'OUTPUT'];
    const rules = [
      ...openings.map((opening) => `-I ${begins} ${match(opening)} -j ACCEPT`),
      // Either side may begin to send ESP, after a silence in which the state was forgotten.
      ...openings.filter((opening) => !isPort(opening)).map((opening) => `-I ${replies} ${match(opening)} -j ACCEPT`),
      `-I ${replies} -m conntrack --ctstate ESTABLISHED,RELATED -j ACCEPT`,
    ];
    return {
      blocks: [
        ...block(
          'a shell, as root: IPv4',
          rules.map((rule) => `iptables ${rule}`),
        ),
        ...block(
          'a shell, as root: IPv6, if the gateway has it',
          rules.map((rule) => `ip6tables ${rule}`),
        ),
      ],
      notes: [
        "To keep them: 'netfilter-persistent save' (Debian's iptables-persistent), or your distribution's way.",
        ...(side === 'gateway' ? ['In a router in front of the gateway the chain is FORWARD.'] : []),
      ],
      cannot: [],
    };
  },
};

function match(opening: Opening): string {
  return isPort(opening) ? `-p ${opening.kind} --dport ${opening.port}` : `-p ${opening.number}`;
}
