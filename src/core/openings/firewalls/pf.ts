/** pf of macOS, FreeBSD and OpenBSD: pf.conf(5). */
import { block, type Firewall, isPort, type Side } from '../firewall.ts';
import type { Opening } from '../openings.ts';

export const pf: Firewall = {
  name: 'pf',
  title: 'pf (macOS, FreeBSD, OpenBSD)',
  rules({ openings, side }) {
    return {
      blocks: [
        ...block(
          '/etc/pf.conf, among the filter rules',
          openings.flatMap((opening) => rulesOf(opening, side)),
        ),
        ...block('a shell, as root', ['pfctl -nf /etc/pf.conf', 'pfctl -f /etc/pf.conf']),
      ],
      notes: ["'quick' makes these win over rules that follow. Replies pass by the state that 'keep state' makes."],
      cannot: [],
    };
  },
};

function rulesOf(opening: Opening, side: Side): string[] {
  // Either side may begin to send ESP.
  if (!isPort(opening)) return ['in', 'out'].map((way) => `pass ${way} quick proto esp from any to any keep state`);
  const way = side === 'client' ? 'out' : 'in';
  return [`pass ${way} quick proto ${opening.kind} from any to any port ${opening.port} keep state`];
}
