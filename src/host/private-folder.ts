/** Makes folders that nobody else may look into. */
import { mkdirSync, statSync } from 'node:fs';
import { dirname } from 'node:path';

/** Makes `folder` and what is missing above it, mode 0700. False: it was there. */
export function makePrivateFolder(folder: string): boolean {
  if (statSync(folder, { throwIfNoEntry: false })?.isDirectory()) return false;
  // Node's own `recursive` never returns where the system answers ENOENT to everything, as /proc does.
  if (dirname(folder) !== folder) makePrivateFolder(dirname(folder));
  mkdirSync(folder, { mode: 0o700 });
  return true;
}
