/**
 * Strict reverse-path filtering (rp_filter = 1) drops what comes from where we wouldn't send to. With the tunnel's rules in
 * place that is the gateway's ESP, routers' ICMP and, with the LAN inside a tunnelled network, even ARP requests; marks
 * restored on packets from the gateway (src_valid_mark) would save only the first. So strict becomes loose (2) for as
 * long as the tunnel is up: the larger value of `all` and the interface's own counts, so one setting serves them all,
 * also those that come later.
 */
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { HostError, systemReason } from '../errors.ts';

export interface SysctlChange {
  readonly path: string;
  readonly before: string;
  readonly after: string;
}

const FOLDER = '/proc/sys/net/ipv4/conf';
const ALL = `${FOLDER}/all/rp_filter`;
const STRICT = '1';
const LOOSE = '2';

/** Undefined: nothing filters strictly. */
export function looseReversePath(): SysctlChange | undefined {
  const before = read(ALL);
  if (before === LOOSE) return undefined;
  const strict = readdirSync(FOLDER).some((name) => read(`${FOLDER}/${name}/rp_filter`) === STRICT);
  return strict ? { path: ALL, before, after: LOOSE } : undefined;
}

/** Throws {@link HostError} `NETWORK`. */
export function setSysctl({ path, after }: SysctlChange): void {
  try {
    writeFileSync(path, after);
  } catch (error) {
    throw new HostError(
      'NETWORK',
      `can't write ${path}: ${systemReason(error)}; set net.ipv4.conf.all.rp_filter=2 yourself`,
    );
  }
}

/** Unless somebody else has set it meanwhile. */
export function restoreSysctl({ path, before, after }: SysctlChange): void {
  if (read(path) === after) writeFileSync(path, before);
}

function read(path: string): string {
  try {
    return readFileSync(path, 'utf8').trim();
  } catch {
    // An interface may go while we look.
    return '';
  }
}
