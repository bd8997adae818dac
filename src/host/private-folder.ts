/** Makes folders and files that nobody else may look into. */
import { chmodSync, mkdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';

/** Makes `folder`, mode 0700, and what is missing above it, which its owner may pass through. False: it was there. */
export function makePrivateFolder(folder: string): boolean {
  if (statSync(folder, { throwIfNoEntry: false })?.isDirectory()) return false;
  // Node's own `recursive` never returns where the system answers ENOENT to everything, as /proc does.
  const above = dirname(folder);
  if (above !== folder && makePrivateFolder(above)) chmodSync(above, 0o711);
  mkdirSync(folder, { mode: 0o700 });
  return true;
}

/** Writes a file of mode 0600 in place of what bears that name: a link that somebody set there leads nowhere. */
export function writePrivateFile(path: string, content: string): void {
  rmSync(path, { force: true });
  writeFileSync(path, content, { mode: 0o600, flag: 'wx' });
}
