/** Where a program is. */
import { accessSync, constants } from 'node:fs';
import { delimiter, join } from 'node:path';

/** Its path by PATH, as execFile looks it up; undefined when it is missing. */
export function findProgram(name: string): string | undefined {
  const folders = (process.env.PATH ?? '').split(delimiter).filter((folder) => folder !== '');
  return folders.map((folder) => join(folder, name)).find(isExecutable);
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
