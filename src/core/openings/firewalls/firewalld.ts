/** firewalld, whose zones look at what comes in; what goes out passes unless a policy of the user's stops it. */
import { block, type Firewall, isPort } from '../firewall.ts';
import type { Opening } from '../openings.ts';

export const firewalld: Firewall = {
  name: 'firewalld',
  title: 'firewalld (Fedora, RHEL)',
  rules({ openings, side }) {
    const inward = openings.filter((opening) => side === 'gateway' || !isPort(opening));
    const rules = inward.map((opening) => `firewall-cmd --permanent ${option(opening)}`);
    return {
      blocks: block('a shell, as root', rules.length === 0 ? [] : [...rules, 'firewall-cmd --reload']),
      notes: [
        ...(side === 'client' ? ['What goes out passes, and so do the replies: ports need no rule.'] : []),
        ...(rules.length === 0
          ? []
          : [
              "Without --zone= this is the default zone; 'firewall-cmd --get-active-zones' shows which zone your network is in.",
            ]),
      ],
      cannot: [],
    };
  },
};

function option(opening: Opening): string {
  return isPort(opening) ? `--add-port=${opening.port}/${opening.kind}` : '--add-protocol=esp';
}
