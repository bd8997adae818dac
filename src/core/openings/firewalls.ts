/** The firewalls that are known by name. */
import type { Firewall } from './firewall.ts';
import { ciscoAsa } from './firewalls/cisco-asa.ts';
import { firewalld } from './firewalls/firewalld.ts';
import { iptables } from './firewalls/iptables.ts';
import { nftables } from './firewalls/nftables.ts';
import { pf } from './firewalls/pf.ts';
import { pfsense } from './firewalls/pfsense.ts';
import { ufw } from './firewalls/ufw.ts';
import { windows } from './firewalls/windows.ts';
import { windowsXp } from './firewalls/windows-xp.ts';

export const FIREWALLS: readonly Firewall[] = [
  windowsXp,
  windows,
  nftables,
  iptables,
  ufw,
  firewalld,
  pf,
  ciscoAsa,
  pfsense,
];
