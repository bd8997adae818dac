/** pfSense and OPNsense: pages of their web interface, for they keep their rules there and not in a file. */
import { block, type Firewall, formatRow } from '../firewall.ts';

export const pfsense: Firewall = {
  name: 'pfsense',
  title: 'pfSense and OPNsense',
  rules({ openings, side }) {
    const [where, destination] =
      side === 'client'
        ? ['Firewall, Rules, LAN', 'the gateway']
        : ['Firewall, Rules, WAN', 'the gateway, or "This firewall"'];
    return {
      blocks: block(
        `the web interface: ${where}, a rule for each`,
        openings.map((opening) => `Pass, ${formatRow(opening)}, source any, destination ${destination}`),
      ),
      notes: [
        side === 'client'
          ? 'The rule that both come with lets everything out from the LAN: then nothing of this is needed. Replies pass by state.'
          : 'For a gateway behind it, add the same under Firewall, NAT, Port Forward; ESP can be forwarded to one gateway only.',
      ],
      cannot: [],
    };
  },
};
