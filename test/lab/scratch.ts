/** Temporary directories that name the process they belong to, so that what a killed run left behind can be told. */
import { existsSync, mkdtempSync, readdirSync, readlinkSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const prefix = 'sallyport-lab-';
const made = new Set<string>();

/** This process as it stands in names: its number, and the process namespace in which the number means it. */
export const owner = `${process.pid}-${processNamespace()}`;

/** A new directory, removed when the process ends. */
export function scratch(label: string): string {
  const directory = mkdtempSync(join(tmpdir(), `${prefix}${owner}-${label}-`));
  made.add(directory);
  return directory;
}

export function discard(directory: string): void {
  // What was killed a moment ago may still write there.
  rmSync(directory, { recursive: true, force: true, maxRetries: 10, retryDelay: 200 });
  made.delete(directory);
}

process.on('exit', () => {
  if (process.env.KEEP_LAB !== '1') for (const directory of made) discard(directory);
});

/** Removes the directories of processes that are no more. Whoever shares the folder from another process namespace is left alone. */
export function sweepScratch(): void {
  for (const name of readdirSync(tmpdir())) {
    if (!name.startsWith(prefix)) continue;
    if (isOrphaned(name.slice(prefix.length))) rmSync(join(tmpdir(), name), { recursive: true, force: true });
  }
}

/** Whether `name` begins with an owner of this process namespace who is no more: of others nobody here can tell. */
export function isOrphaned(name: string): boolean {
  const [, pid, namespace] = /^(\d+)-(\d+)-/.exec(name) ?? [];
  return namespace === processNamespace() && isOurProc() && !isAlive(Number(pid));
}

/** False after `unshare --pid` alone: what /proc then shows are the processes outside, under other numbers than their own here. */
function isOurProc(): boolean {
  return existsSync('/proc/self') && readlinkSync('/proc/self') === String(process.pid);
}

export function isAlive(pid: number): boolean {
  return existsSync(`/proc/${pid}`);
}

/** The number that the kernel gives it; a system without such has one for all. */
function processNamespace(): string {
  try {
    return /\d+/.exec(readlinkSync('/proc/self/ns/pid'))![0];
  } catch {
    return '0';
  }
}
