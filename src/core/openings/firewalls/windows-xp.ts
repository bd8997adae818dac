/**
 * The firewall of Windows XP SP2 and SP3. It looks only at what comes in, and its exceptions name a port of this machine.
 * Syntax: `netsh firewall add portopening`, Microsoft's reference; the protocol is TCP, UDP or ALL, so there is no word for
 * IP protocol 50.
 */
import { block, type Firewall, isPort } from '../firewall.ts';
import { formatOpening } from '../openings.ts';

export const windowsXp: Firewall = {
  name: 'windows-xp',
  title: 'Windows XP SP2 and SP3',
  rules({ openings }) {
    const ports = openings.filter(isPort);
    const cannot = openings.filter((opening) => !isPort(opening));
    return {
      blocks: block(
        'a command prompt, as administrator',
        ports.map(
          (opening) =>
            `netsh firewall add portopening protocol=${opening.kind.toUpperCase()} port=${opening.port} ` +
            `name="VPN ${formatOpening(opening)}" mode=ENABLE scope=ALL profile=ALL`,
        ),
      ),
      notes: [
        'The same by hand: Control Panel, Security Center, Windows Firewall, Exceptions, Add Port.',
        ...cannot.map(
          (opening) =>
            `${formatOpening(opening)} can't be opened: neither the dialogue nor netsh knows any protocol but TCP and UDP.`,
        ),
        "What goes out is never stopped, and replies to ordinary programs come in without an exception. A client whose driver sits below the firewall, such as Cisco's, needs one for replies too.",
        ...(ports.some(({ kind }) => kind === 'tcp')
          ? [
              'An exception names a port of this machine. A TCP client sends from a port that changes each time, so the one for TCP helps a gateway, and seldom a client.',
            ]
          : []),
      ],
      cannot,
    };
  },
};
