/**
 * What a profile has changed on this host, on disk before it is done: so that it can be undone by the next start or by
 * `sallyport cleanup` when the client was killed.
 */
import {
  closeSync,
  fstatSync,
  fsyncSync,
  linkSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeSync,
} from 'node:fs';
import { join } from 'node:path';
import { HostError, systemReason } from '../errors.ts';
import type { Change } from './changes.ts';
import type { DnsChange } from './dns.ts';
import type { Guard } from './guard.ts';
import type { ProcessName } from './process.ts';
import type { SysctlChange } from './reverse-path.ts';
import type { Slot } from './slot.ts';

export interface Journal {
  readonly version: 1;
  readonly profile: string;
  /** Whose changes these are; nobody else may undo them while it lives. */
  readonly process: ProcessName;
  readonly slot: Slot;
  /** What is there keeps packets from leaving in clear, so the next start goes on with it. */
  readonly blocks: boolean;
  readonly gateway: { readonly name: string; readonly address: string } | undefined;
  /** In the order in which they are made. Any of them may not have been made yet. */
  readonly changes: readonly Change[];
  readonly sysctls: readonly SysctlChange[];
  readonly guards: readonly Guard[];
  readonly dns: readonly DnsChange[];
}

export function journalPath(folder: string, profile: string): string {
  return join(folder, `${PREFIX}${encodeURIComponent(profile)}${SUFFIX}`);
}

const PREFIX = 'network-';
const SUFFIX = '.json';

/** The profiles that have a journal. */
export function listJournals(folder: string): string[] {
  let names: string[];
  try {
    names = readdirSync(folder);
  } catch {
    return [];
  }
  return names
    .filter((name) => name.startsWith(PREFIX) && name.endsWith(SUFFIX))
    .map((name) => decodeURIComponent(name.slice(PREFIX.length, -SUFFIX.length)))
    .sort();
}

/** Undefined: there is none. Throws {@link HostError} `JOURNAL` when it can't be trusted or understood. */
export function readJournal(path: string): Journal | undefined {
  let text: string;
  try {
    const descriptor = openSync(path, 'r');
    try {
      const { uid, mode } = fstatSync(descriptor);
      if (uid !== process.geteuid?.() || (mode & 0o022) !== 0)
        throw unusable(path, 'somebody else could have written it');
      text = readFileSync(descriptor, 'utf8');
    } finally {
      closeSync(descriptor);
    }
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error instanceof HostError ? error : unusable(path, systemReason(error));
  }
  const journal = parse(text);
  if (!journal) throw unusable(path, 'it was written by another version, or damaged');
  return journal;
}

/** Whole or not at all. With `fresh` it must not be there yet: false when it is. */
export function writeJournal(path: string, journal: Journal, fresh = false): boolean {
  const draft = `${path}.${process.pid}.new`;
  try {
    const descriptor = openSync(draft, 'w', 0o600);
    try {
      writeSync(descriptor, `${JSON.stringify(journal)}\n`);
      fsyncSync(descriptor);
    } finally {
      closeSync(descriptor);
    }
    if (fresh) linkSync(draft, path);
    else renameSync(draft, path);
    return true;
  } catch (error) {
    if (fresh && (error as NodeJS.ErrnoException).code === 'EEXIST') return false;
    throw new HostError('JOURNAL', `can't write ${path}: ${systemReason(error)}; nothing was changed`);
  } finally {
    rmSync(draft, { force: true });
  }
}

export function removeJournal(path: string): void {
  rmSync(path, { force: true });
}

function parse(text: string): Journal | undefined {
  try {
    const journal = JSON.parse(text) as Journal;
    const whole =
      [journal.changes, journal.sysctls, journal.guards, journal.dns].every(Array.isArray) &&
      journal.slot &&
      journal.process;
    return journal.version === 1 && whole ? journal : undefined;
  } catch {
    return undefined;
  }
}

function unusable(path: string, reason: string): HostError {
  return new HostError(
    'JOURNAL',
    `${path} says what a client changed here, but ${reason}; look at 'ip rule' and 'ip route show table all proto 83', then remove it`,
  );
}
