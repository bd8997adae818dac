/** The state folder: made when missing, ours alone, and held by one gateway at a time. */
import { chmodSync, closeSync, constants, openSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { HostError, systemReason } from '../errors.ts';
import { makePrivateFolder, writePrivateFile } from '../private-folder.ts';

const HINT = 'name another with --state, or run as root';

/** Makes the folder (0700) if need be. Throws {@link HostError} `STATE_FOLDER` when it can't be used. */
export function prepareStateFolder(folder: string): void {
  try {
    const made = makePrivateFolder(folder);
    const { mode, uid } = statSync(folder);
    const us = process.geteuid?.() ?? uid;
    if (uid !== us && us !== 0)
      throw new HostError('STATE_FOLDER', `the state folder ${folder} belongs to another user; ${HINT}`);
    if (!made && (mode & 0o077) !== 0 && !isShared(folder)) chmodSync(folder, 0o700);
  } catch (error) {
    if (error instanceof HostError) throw error;
    throw stateError(folder, error);
  }
}

/** Folders of the whole system, which a mistaken --state must not close to everybody else. */
function isShared(folder: string): boolean {
  const { mode } = statSync(folder);
  if ((mode & 0o1002) === 0 && !SYSTEM_FOLDERS.has(folder)) return false;
  throw new HostError(
    'STATE_FOLDER',
    `${folder} is shared with other users; name a folder of its own, such as ${join(folder, 'sallyport')}`,
  );
}

const SYSTEM_FOLDERS: ReadonlySet<string> = new Set([
  '/',
  '/etc',
  '/home',
  '/root',
  '/run',
  '/usr',
  '/var',
  '/var/lib',
  '/srv',
  '/opt',
]);

/** Makes an empty file of mode 0600 if it is missing, so that whoever opens it next can't make it readable. */
export function touchPrivate(path: string): void {
  closeSync(openSync(path, constants.O_RDWR | constants.O_CREAT | constants.O_NOFOLLOW, 0o600));
}

interface StateLock {
  release(): void;
}

/**
 * Keeps other gateways off the folder for as long as this process lives: the lock is SQLite's on an otherwise empty
 * database, and the kernel drops it with the process. Throws {@link HostError} `ALREADY_RUNNING`.
 */
export function lockStateFolder(folder: string): StateLock {
  const path = join(folder, 'gateway.lock');
  const pidFile = join(folder, 'gateway.pid');
  try {
    touchPrivate(path);
    const lock = new DatabaseSync(path);
    lock.exec('PRAGMA locking_mode = EXCLUSIVE; BEGIN EXCLUSIVE');
    writePrivateFile(pidFile, `${process.pid}\n`);
    return { release: () => lock.close() };
  } catch (error) {
    if ((error as { errcode?: number }).errcode === SQLITE_BUSY) throw alreadyRunning(folder, pidFile);
    throw stateError(folder, error);
  }
}

const SQLITE_BUSY = 5;

function alreadyRunning(folder: string, pidFile: string): HostError {
  const pid = readPid(pidFile);
  return new HostError('ALREADY_RUNNING', `a gateway is already running on ${folder}${pid ? ` (pid ${pid})` : ''}`);
}

function readPid(file: string): number | undefined {
  try {
    return Number.parseInt(readFileSync(file, 'utf8'), 10) || undefined;
  } catch {
    return undefined;
  }
}

export function stateError(folder: string, error: unknown): HostError {
  return new HostError('STATE_FOLDER', `can't use the state folder ${folder}: ${systemReason(error)}; ${HINT}`);
}
