/**
 * Windows Defender Firewall, Windows Vista and later. Syntax: Microsoft's references of New-NetFirewallRule (Windows 8
 * and later) and `netsh advfirewall firewall add rule` (Vista and later); both take a protocol by its number.
 */
import { block, type Firewall, isPort, type Side } from '../firewall.ts';
import { formatOpening, type Opening } from '../openings.ts';

type Direction = 'in' | 'out';

export const windows: Firewall = {
  name: 'windows',
  title: 'Windows Vista and later',
  rules({ openings, side }) {
    const rules = openings.flatMap((opening) => directions(opening, side).map((direction) => ({ opening, direction })));
    return {
      blocks: [
        ...block('Windows 8 and later: PowerShell, as administrator', rules.map(powershell)),
        ...block('Windows Vista and 7: a command prompt, as administrator', rules.map(netsh)),
      ],
      notes: [
        ...(side === 'client'
          ? ['What goes out passes unless a policy stops it, and replies come in: often nothing of this is needed.']
          : []),
        'A rule that blocks wins over these, wherever it stands.',
      ],
      cannot: [],
    };
  },
};

/** Replies find their way by state; ESP has none that could be relied on, and either side may begin. */
function directions(opening: Opening, side: Side): readonly Direction[] {
  if (!isPort(opening)) return ['in', 'out'];
  return side === 'client' ? ['out'] : ['in'];
}

interface Rule {
  readonly opening: Opening;
  readonly direction: Direction;
}

function powershell({ opening, direction }: Rule): string {
  const what = isPort(opening)
    ? `-Protocol ${opening.kind.toUpperCase()} ${direction === 'in' ? '-LocalPort' : '-RemotePort'} ${opening.port}`
    : `-Protocol ${opening.number}`;
  return `New-NetFirewallRule -DisplayName "${title(opening)}" -Direction ${direction === 'in' ? 'Inbound' : 'Outbound'} -Action Allow ${what}`;
}

function netsh({ opening, direction }: Rule): string {
  const what = isPort(opening)
    ? `protocol=${opening.kind.toUpperCase()} ${direction === 'in' ? 'localport' : 'remoteport'}=${opening.port}`
    : `protocol=${opening.number}`;
  return `netsh advfirewall firewall add rule name="${title(opening)}" dir=${direction} action=allow ${what}`;
}

function title(opening: Opening): string {
  return `VPN ${formatOpening(opening)}`;
}
