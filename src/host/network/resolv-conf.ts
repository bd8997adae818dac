/**
 * /etc/resolv.conf where nobody manages it. The file itself, or the link, is kept beside it and later moved back, so it is
 * what it was to the last attribute. Where something is mounted over it, as in containers, it can't be moved: then it is
 * written in place, and the journal keeps its content.
 */
import { linkSync, lstatSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { HostError, systemReason } from '../errors.ts';
import type { Resolver } from './dns.ts';

export interface ResolvConfChange {
  readonly how: 'file';
  readonly profile: string;
  readonly resolver: Resolver;
  /** The content before, if something is mounted over the file. */
  readonly mounted?: string;
}

export const RESOLV_CONF = '/etc/resolv.conf';
const ASIDE = '/etc/resolv.conf.before-sallyport';
const DRAFT = '/etc/resolv.conf.sallyport-new';

/** glibc's and musl's own bound. */
const MAX_SERVERS = 3;

/** Throws {@link HostError} `DNS` if another profile has the file. */
export function resolvConfChange(profile: string, resolver: Resolver): ResolvConfChange {
  const holder = resolvConfHolder();
  if (holder !== undefined && holder !== profile) {
    throw new HostError(
      'DNS',
      `the profile ${JSON.stringify(holder)} has ${RESOLV_CONF} already; set 'dns: false' in one of the two, or run 'sallyport cleanup' if it isn't connected`,
    );
  }
  return { how: 'file', profile, resolver, ...(isMounted() && holder === undefined && { mounted: read() ?? '' }) };
}

/** The profile that has the file now; undefined: none of ours. */
export function resolvConfHolder(): string | undefined {
  const [first = ''] = (read() ?? '').split('\n');
  const name = first.startsWith(MARK) ? first.slice(MARK.length) : '';
  try {
    return name === '' ? undefined : String(JSON.parse(name));
  } catch {
    return undefined;
  }
}

export function setResolvConf(change: ResolvConfChange): void {
  const text = `${MARK}${JSON.stringify(change.profile)}\n# 'sallyport cleanup' puts back what was here before.\n${resolvConfText(change.resolver)}`;
  try {
    if (isMounted()) writeFileSync(RESOLV_CONF, text);
    else replaceFile(text);
  } catch (error) {
    throw new HostError('DNS', `can't write ${RESOLV_CONF}: ${systemReason(error)}; ${remedy(error)}`);
  }
}

/** Undoes nothing that somebody else has written meanwhile. */
export function restoreResolvConf({ profile, mounted }: ResolvConfChange): void {
  const ours = resolvConfHolder() === profile;
  try {
    if (isMounted()) {
      if (ours && mounted !== undefined) writeFileSync(RESOLV_CONF, mounted);
      return;
    }
    rmSync(DRAFT, { force: true });
    if (!ours) rmSync(ASIDE, { force: true });
    else if (exists(ASIDE)) renameSync(ASIDE, RESOLV_CONF);
    else rmSync(RESOLV_CONF);
  } catch (error) {
    throw new HostError('DNS', `can't put ${RESOLV_CONF} back: ${systemReason(error)}; what it was is in ${ASIDE}`);
  }
}

/** For when the machine went down with the file ours, and the journal with it. False: what was there is lost. */
export function restoreStranded(profile: string): boolean {
  restoreResolvConf({ how: 'file', profile, resolver: { servers: [], search: undefined, split: [] } });
  return resolvConfHolder() === undefined;
}

/** As resolv.conf(5) has it. */
export function resolvConfText({ servers, search, split }: Resolver): string {
  const domains = search === undefined ? split.slice(0, 1) : [search];
  const lines = servers.slice(0, MAX_SERVERS).map((server) => `nameserver ${server}`);
  return [...lines, ...domains.map((domain) => `search ${domain}`), ''].join('\n');
}

const MARK = '# Written by sallyport for the profile ';

function replaceFile(text: string): void {
  // Ours already: what was there first stays what is kept.
  if (resolvConfHolder() === undefined) {
    rmSync(ASIDE, { force: true });
    if (exists(RESOLV_CONF)) linkSync(RESOLV_CONF, ASIDE);
  }
  rmSync(DRAFT, { force: true });
  writeFileSync(DRAFT, text, { mode: 0o644, flag: 'wx' });
  renameSync(DRAFT, RESOLV_CONF);
}

/** The fifth field of a line is the mount point; proc(5). */
function isMounted(): boolean {
  const lines = readFileSync('/proc/self/mountinfo', 'utf8').split('\n');
  return lines.some((line) => line.split(' ')[4] === RESOLV_CONF);
}

function read(): string | undefined {
  try {
    return readFileSync(RESOLV_CONF, 'utf8');
  } catch {
    return undefined;
  }
}

/** Also a link that leads nowhere. */
function exists(path: string): boolean {
  return lstatSync(path, { throwIfNoEntry: false }) !== undefined;
}

function remedy(error: unknown): string {
  const leave = "'dns: false' in the profile leaves DNS alone";
  const { code } = error as NodeJS.ErrnoException;
  return code === 'EPERM' ? `if it was made immutable, 'chattr -i ${RESOLV_CONF}'; ${leave}` : leave;
}
