/** ufw, which lets replies in by itself (its before.rules). */
import { block, type Firewall, isPort, type Side } from '../firewall.ts';
import type { Opening } from '../openings.ts';

export const ufw: Firewall = {
  name: 'ufw',
  title: 'ufw (Ubuntu, Debian)',
  rules({ openings, side }) {
    return {
      blocks: block(
        'a shell, as root',
        openings.flatMap((opening) => rulesOf(opening, side)),
      ),
      notes:
        side === 'client'
          ? ["Unless you said 'ufw default deny outgoing', what goes out passes and the 'out' rules are not needed."]
          : [],
      cannot: [],
    };
  },
};

function rulesOf(opening: Opening, side: Side): string[] {
  // Either side may begin to send ESP; ufw knows the protocol by its name alone.
  if (!isPort(opening)) return ['ufw allow out to any proto esp', 'ufw allow in from any proto esp'];
  return [`ufw allow ${side === 'client' ? 'out to any' : 'in to any'} port ${opening.port} proto ${opening.kind}`];
}
