/** systemd-resolved: servers and domains belong to the interface, and go with it. */
import { existsSync, readFileSync, realpathSync } from 'node:fs';
import { HostError } from '../errors.ts';
import type { Resolver } from './dns.ts';
import { findProgram } from './programs.ts';
import { RESOLV_CONF } from './resolv-conf.ts';
import { complaint, run } from './run.ts';

export interface ResolvedChange {
  readonly how: 'resolved';
  readonly tun: string;
  readonly resolver: Resolver;
}

const RUNTIME = '/run/systemd/resolve';

/** It runs, can be talked to, and programs ask it: through /etc/resolv.conf or through nsswitch. */
export function usesResolved(): boolean {
  return existsSync(RUNTIME) && findProgram('resolvectl') !== undefined && isAsked();
}

export async function setResolved({ tun, resolver }: ResolvedChange, owner: string): Promise<void> {
  const { servers, search, split } = resolver;
  // The search domain is asked inside anyway; named once more with a tilde it would no longer be searched in.
  const others = split.filter((domain) => domain !== search);
  const inside = split.length > 0 ? others.map((domain) => `~${domain}`) : ['~.'];
  await resolvectl(['dns', tun, ...servers], owner);
  await resolvectl(['domain', tun, ...(search === undefined ? [] : [search]), ...inside], owner);
  await resolvectl(['default-route', tun, split.length > 0 ? 'false' : 'true'], owner);
}

/** Fails where the interface has gone, and then there is nothing left to revert. */
export async function revertResolved({ tun }: ResolvedChange, owner: string): Promise<void> {
  await run('resolvectl', ['revert', tun], { owner });
}

async function resolvectl(args: readonly string[], owner: string): Promise<void> {
  const ran = await run('resolvectl', args, { owner });
  if (ran.status === 0) return;
  throw new HostError(
    'DNS',
    `'resolvectl ${args.join(' ')}' failed: ${complaint(ran)}; 'dns: false' in the profile leaves DNS alone`,
  );
}

function isAsked(): boolean {
  return leadsThere() || /^nameserver\s+127\.0\.0\.5[34]\b/m.test(read(RESOLV_CONF)) || hasModule();
}

function leadsThere(): boolean {
  try {
    return realpathSync(RESOLV_CONF).startsWith(`${RUNTIME}/`);
  } catch {
    return false;
  }
}

function hasModule(): boolean {
  return /^hosts:.*\bresolve\b/m.test(read('/etc/nsswitch.conf'));
}

function read(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}
