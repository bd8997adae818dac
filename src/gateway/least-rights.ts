/**
 * Root's rights are given up before the gateway begins: the process becomes a user of its own with three capabilities, by
 * setpriv and before any thread exists, since a thread that drops its rights drops no other's. What root alone may read is
 * read before; with CAP_NET_ADMIN the kernel lets nft and forwarding be changed and restored without root.
 */
import { spawnSync } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import {
  closeSync,
  constants,
  existsSync,
  fchownSync,
  fstatSync,
  openSync,
  readdirSync,
  readFileSync,
  statSync,
  unlinkSync,
} from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type Owner, packConfig } from '../host/config-files.ts';
import { systemReason } from '../host/errors.ts';
import { KEYLOG_FILES } from '../host/keylog.ts';
import { makePrivateFolder } from '../host/private-folder.ts';
import { lockStateFolder, prepareStateFolder } from '../host/store/folder.ts';
import { type ConfigOptions, readConfig } from './read-config.ts';

const USER = 'sallyport';
const CAPABILITIES = '-all,+net_admin,+net_raw,+net_bind_service';

/**
 * Starts the program anew without root's rights, and doesn't return. If that isn't possible it returns why, with nothing
 * changed but the state folder made. Throws what is wrong with the configuration.
 *
 * @param main the program's script
 */
export function giveUpRoot(options: ConfigOptions, main: string): string {
  const { config } = readConfig(options);
  prepareStateFolder(config.state);
  const owner = ownerFor(config.state);
  const reason = whyNot(owner, resolve(config.state), [
    process.execPath,
    main,
    fileURLToPath(import.meta.resolve('koffi')),
  ]);
  if (reason !== undefined) return reason;
  // Nobody else may be at work in the folder while it is given.
  lockStateFolder(config.state).release();
  giveTree(config.state, owner, AUTHORITY);
  if (config.keylog !== undefined) giveKeylog(config.keylog, owner);
  const program = [process.execPath, ...process.execArgv, main, 'serve', ...packed(options, config.state, owner)];
  return process.execve!(
    '/bin/sh',
    ['sh', '-c', 'exec setpriv "$@"', 'sh', ...rightsOf(owner), ...program],
    process.env,
  );
}

/** The arguments for the program without rights: the configuration comes packed, since only root may read it. */
function packed(options: ConfigOptions, folder: string, owner: Owner): string[] {
  const state = options.state === undefined ? [] : ['--state', resolve(options.state)];
  if (options.config === undefined) return state;
  const files = join(folder, `start-${randomUUID()}`);
  packConfig(resolve(options.config), files, owner);
  return [...state, '--config', resolve(options.config), '--files', files];
}

function rightsOf({ uid, gid }: Owner): string[] {
  return [
    `--reuid=${uid}`,
    `--regid=${gid}`,
    '--clear-groups',
    `--inh-caps=${CAPABILITIES}`,
    `--ambient-caps=${CAPABILITIES}`,
    `--bounding-set=${CAPABILITIES}`,
    '--no-new-privs',
  ];
}

/** The user `sallyport`; without one whoever has the state folder already; at the first start a number nobody has. */
function ownerFor(state: string): Owner {
  const [uid, gid] = ['-u', '-g'].map((which) => {
    const { status, stdout } = spawnSync('id', [which, USER], { encoding: 'utf8' });
    return status === 0 ? Number(stdout) : undefined;
  });
  if (uid !== undefined && gid !== undefined) return { uid, gid };
  const folder = statSync(state);
  return folder.uid === 0 ? freeNumber(state) : { uid: folder.uid, gid: folder.gid };
}

/** What neither distributions nor systemd hand out: https://systemd.io/UIDS-GIDS */
const FIRST_NUMBER = 60578;
const LAST_NUMBER = 61183;

/** Another for each state folder, so that two gateways on one machine can't reach into one another. */
function freeNumber(state: string): Owner {
  const taken = ['/etc/passwd', '/etc/group']
    .map((file) => (existsSync(file) ? readFileSync(file, 'utf8') : ''))
    .join();
  const count = LAST_NUMBER - FIRST_NUMBER + 1;
  const start = [...state].reduce((sum, letter) => (sum * 31 + letter.codePointAt(0)!) % count, 7);
  const numbers = Array.from({ length: count }, (_, i) => FIRST_NUMBER + ((start + i) % count));
  const free = numbers.find((number) => !taken.includes(`:${number}:`)) ?? FIRST_NUMBER;
  return { uid: free, gid: free };
}

/** All why `owner` could not run the program: tried, not guessed. The state folder isn't its own yet: the way there counts. */
function whyNot(owner: Owner, state: string, files: readonly string[]): string | undefined {
  const folders = [...new Set([state, ...files].flatMap(foldersAbove))];
  const script = `
    tell() { printf '%s\\0' "$1"; }
    while [ "$1" != -- ]; do test -x "$1" || tell "$1"; shift; done
    shift
    for file do test -r "$file" || tell "$file"; done
    test ! -e ${TUN} || test -w ${TUN} || tell ${TUN}`;
  const args = [...rightsOf(owner), 'sh', '-c', script, 'sh', ...folders, '--', ...files];
  const { error, status, stdout, stderr } = spawnSync('setpriv', args, { encoding: 'utf8', timeout: 10_000 });
  if ((error as NodeJS.ErrnoException | undefined)?.code === 'ENOENT') {
    return 'setpriv is missing; install it (Debian: apt install util-linux)';
  }
  if (error) return `setpriv can't be run: ${systemReason(error)}`;
  const shut = new Set(stdout.split('\0').filter(Boolean));
  // Below a folder that is shut all else is, too.
  const barrier = (path: string) => [...foldersAbove(path), path].find((step) => shut.has(step));
  const barriers = new Set([state, ...files, TUN].map(barrier).filter((path) => path !== undefined));
  if (barriers.size > 0) return [...barriers].map((path) => `its user could not ${remedy(path, folders)}`).join('; ');
  return status === 0 ? undefined : stderr.trim().split('\n')[0] || `setpriv ended with status ${status}`;
}

function remedy(path: string, folders: readonly string[]): string {
  if (path === TUN) return `open ${TUN}; chmod 666 it`;
  if (folders.includes(path)) return `reach what is in ${path}; open the way to it (chmod o+x)`;
  return `read ${path}; open it (chmod o+r)`;
}

/** From the top down. */
function foldersAbove(path: string): string[] {
  const parent = dirname(path);
  return parent === path ? [] : [...foldersAbove(parent), parent];
}

const TUN = '/dev/net/tun';

/** In the state folder: the authority's key stays root's, since the gateway needs only what was issued. */
const AUTHORITY = 'ca';

/**
 * Gives folders and files. Whoever took the gateway over before has the folder, and may change it while we are here: so each
 * is opened and looked at where no name leads elsewhere in between. Links aren't followed, and what has a second name
 * elsewhere stays whose it is. Sockets that root left when it was killed go: nobody else could replace them.
 */
export function giveTree(folder: string, owner: Owner, except?: string): void {
  const { O_RDONLY, O_NOFOLLOW, O_NONBLOCK } = constants;
  const descriptor = openSync(folder, O_RDONLY | O_NOFOLLOW | O_NONBLOCK);
  try {
    const status = fstatSync(descriptor);
    const isGiven = status.uid === owner.uid && status.gid === owner.gid;
    const mayBe = status.isDirectory() || (status.isFile() && status.nlink === 1);
    if (!isGiven && mayBe) fchownSync(descriptor, owner.uid, owner.gid);
    if (!status.isDirectory()) return;
    const here = `/proc/self/fd/${descriptor}`;
    for (const entry of readdirSync(here, { withFileTypes: true })) {
      const path = join(here, entry.name);
      if (entry.isSocket()) attempt(() => unlinkSync(path));
      else if (entry.name !== except && (entry.isDirectory() || entry.isFile())) attempt(() => giveTree(path, owner));
    }
  } finally {
    closeSync(descriptor);
  }
}

/** What became a link, or went, since the folder was read is nothing to give. */
function attempt(what: () => void): void {
  try {
    what();
  } catch (error) {
    if (!/^(ELOOP|ENOENT|ENXIO|EISDIR|EPERM)$/.test((error as NodeJS.ErrnoException).code ?? '')) throw error;
  }
}

/** A folder that holds more than a key log is somebody's, and stays so: a mistaken path must not take it away. */
function giveKeylog(folder: string, owner: Owner): void {
  makePrivateFolder(folder);
  if (readdirSync(folder).every((name) => KEYLOG_FILES.has(name))) giveTree(folder, owner);
}
