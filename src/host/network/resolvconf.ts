/** resolvconf, openresolv's or Debian's: it weighs what each interface says, and writes /etc/resolv.conf. */
import { existsSync, readFileSync, realpathSync } from 'node:fs';
import { basename } from 'node:path';
import { HostError } from '../errors.ts';
import type { Resolver } from './dns.ts';
import { findProgram } from './programs.ts';
import { RESOLV_CONF, resolvConfText } from './resolv-conf.ts';
import { complaint, run } from './run.ts';

export interface ResolvconfChange {
  readonly how: 'resolvconf';
  /** Ours in resolvconf's list. */
  readonly name: string;
  readonly resolver: Resolver;
}

const DEBIAN_ORDER = '/etc/resolvconf/interface-order';

export function usesResolvconf(): boolean {
  const program = findProgram('resolvconf');
  // systemd's own resolvectl goes by this name too, and Debian's works only where /etc/resolv.conf is its link.
  if (program === undefined || basename(realpathSync(program)) === 'resolvectl') return false;
  return !existsSync(DEBIAN_ORDER) || leadsToDebians();
}

/** Debian's ranks by name: under the first pattern of its list we come before everybody else. */
export function resolvconfName(tun: string): string {
  if (!existsSync(DEBIAN_ORDER)) return tun;
  const first = /^([A-Za-z0-9-]+)\*$/m.exec(readFileSync(DEBIAN_ORDER, 'utf8'))?.[1];
  return first ? `${first}.${tun}` : tun;
}

/** `-m 0 -x`: before all others, and instead of them. Debian's takes no notice of these. */
export async function setResolvconf({ name, resolver }: ResolvconfChange, owner: string): Promise<void> {
  const ran = await run('resolvconf', ['-a', name, '-m', '0', '-x'], { input: resolvConfText(resolver), owner });
  if (ran.status === 0) return;
  throw new HostError(
    'DNS',
    `'resolvconf -a ${name}' failed: ${complaint(ran)}; 'dns: false' in the profile leaves DNS alone`,
  );
}

export async function revertResolvconf({ name }: ResolvconfChange, owner: string): Promise<void> {
  const ran = await run('resolvconf', ['-d', name, '-f'], { owner });
  if (ran.status === 0) return;
  throw new HostError(
    'DNS',
    `'resolvconf -d ${name} -f' failed: ${complaint(ran)}; run it yourself to have the host's name servers back`,
  );
}

function leadsToDebians(): boolean {
  try {
    return realpathSync(RESOLV_CONF).includes('/resolvconf/');
  } catch {
    return false;
  }
}
