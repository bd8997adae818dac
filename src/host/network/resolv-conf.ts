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

const PATH = '/etc/resolv.conf';
const ASIDE = '/etc/resolv.conf.before-sallyport';
const DRAFT = '/etc/resolv.conf.sallyport-new';

/** glibc's and musl's own bound. */
const MAX_SERVERS = 3;

/** Throws {@link HostError} `DNS` if another profile has the file. */
export function resolvConfChange(profile: string, resolver: Resolver): ResolvConfChange {
  const holder = fileIsOurs();
  if (holder !== undefined && holder !== profile) {
    throw new HostError(
      'DNS',
      `the profile ${JSON.stringify(holder)} has ${PATH} already; set 'dns: false' in one of the two, or run 'sallyport cleanup' if it isn't connected`,
    );
  }
  return { how: 'file', profile, resolver, ...(isMounted() && holder === undefined && { mounted: read() ?? '' }) };
}

/** The profile that has the file now; undefined: none of ours. */
export function fileIsOurs(): string | undefined {
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
    if (isMounted()) writeFileSync(PATH, text);
    else replaceFile(text);
  } catch (error) {
    throw new HostError('DNS', `can't write ${PATH}: ${systemReason(error)}; ${remedy(error)}`);
  }
}

/** Undoes nothing that somebody else has written meanwhile. */
export function restoreResolvConf({ profile, mounted }: ResolvConfChange): void {
  const ours = fileIsOurs() === profile;
  try {
    if (isMounted()) {
      if (ours && mounted !== undefined) writeFileSync(PATH, mounted);
      return;
    }
    rmSync(DRAFT, { force: true });
    if (!ours) rmSync(ASIDE, { force: true });
    else if (exists(ASIDE)) renameSync(ASIDE, PATH);
    else rmSync(PATH);
  } catch (error) {
    throw new HostError('DNS', `can't put ${PATH} back: ${systemReason(error)}; what it was is in ${ASIDE}`);
  }
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
  if (fileIsOurs() === undefined) {
    rmSync(ASIDE, { force: true });
    if (exists(PATH)) linkSync(PATH, ASIDE);
  }
  rmSync(DRAFT, { force: true });
  writeFileSync(DRAFT, text, { mode: 0o644, flag: 'wx' });
  renameSync(DRAFT, PATH);
}

/** The fifth field of a line is the mount point; proc(5). */
function isMounted(): boolean {
  const lines = readFileSync('/proc/self/mountinfo', 'utf8').split('\n');
  return lines.some((line) => line.split(' ')[4] === PATH);
}

function read(): string | undefined {
  try {
    return readFileSync(PATH, 'utf8');
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
  return code === 'EPERM' ? `if it was made immutable, 'chattr -i ${PATH}'; ${leave}` : leave;
}
