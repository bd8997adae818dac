/** Temporary directories that name the process they belong to, so that what a killed run left behind can be told. */
import { existsSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const prefix = 'sallyport-lab-';
const made = new Set<string>();

/** A new directory, removed when the process ends. */
export function scratch(label: string): string {
  const directory = mkdtempSync(join(tmpdir(), `${prefix}${process.pid}-${label}-`));
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

/** Removes the directories of processes that are no more. */
export function sweepScratch(): void {
  for (const name of readdirSync(tmpdir())) {
    if (!name.startsWith(prefix)) continue;
    const owner = Number.parseInt(name.slice(prefix.length), 10);
    if (!isAlive(owner)) rmSync(join(tmpdir(), name), { recursive: true, force: true });
  }
}

export function isAlive(pid: number): boolean {
  return existsSync(`/proc/${pid}`);
}
