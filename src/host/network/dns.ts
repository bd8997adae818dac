/** The inner name servers, told to whatever decides on this host: systemd-resolved, resolvconf, or the file alone. */
import type { NetworkPlan } from './plan.ts';
import { type ResolvConfChange, resolvConfChange, restoreResolvConf, setResolvConf } from './resolv-conf.ts';
import {
  type ResolvconfChange,
  resolvconfName,
  revertResolvconf,
  setResolvconf,
  usesResolvconf,
} from './resolvconf.ts';
import { type ResolvedChange, revertResolved, setResolved, usesResolved } from './resolved.ts';

export type DnsChange = ResolvedChange | ResolvconfChange | ResolvConfChange;

/** What the resolver is told. */
export interface Resolver {
  readonly servers: readonly string[];
  /** Names without a dot are looked up in it. */
  readonly search: string | undefined;
  /** Empty: every name is asked inside. */
  readonly split: readonly string[];
}

/** How `plan` would be carried out here; undefined without DNS. */
export function dnsChange(profile: string, plan: NetworkPlan): DnsChange | undefined {
  if (!plan.dns) return undefined;
  const { servers, domain, split } = plan.dns;
  const resolver: Resolver = { servers: servers.map(({ text }) => text), search: domain, split };
  if (usesResolved()) return { how: 'resolved', tun: plan.tun, resolver };
  if (usesResolvconf()) return { how: 'resolvconf', name: resolvconfName(plan.tun), resolver };
  return resolvConfChange(profile, resolver);
}

/** May be repeated. Throws {@link HostError} `DNS`. */
export async function setDns(change: DnsChange, owner: string): Promise<void> {
  switch (change.how) {
    case 'resolved':
      return setResolved(change, owner);
    case 'resolvconf':
      return setResolvconf(change, owner);
    case 'file':
      return setResolvConf(change);
  }
}

/** Also when it was never set. Throws {@link HostError} `DNS` if the host's own resolver can't be put back. */
export async function revertDns(change: DnsChange, owner: string): Promise<void> {
  switch (change.how) {
    case 'resolved':
      return revertResolved(change, owner);
    case 'resolvconf':
      return revertResolvconf(change, owner);
    case 'file':
      return restoreResolvConf(change);
  }
}

/** What can't be had with this resolver, for a person. */
export function dnsNotes(change: DnsChange): string[] {
  if (change.how === 'resolved' || change.resolver.split.length === 0) return [];
  return ['split DNS needs systemd-resolved, which this host does not use: all names are asked inside the tunnel'];
}

/** True if undoing `one` also undoes `other`: then only one of them is. */
export function sameDns(one: DnsChange, other: DnsChange): boolean {
  if (one.how === 'resolved') return other.how === 'resolved' && one.tun === other.tun;
  if (one.how === 'resolvconf') return other.how === 'resolvconf' && one.name === other.name;
  return other.how === 'file';
}
