/** Writes files whole or not at all, and not over others unless told so. */
import { closeSync, existsSync, fsyncSync, linkSync, openSync, renameSync, rmSync, writeSync } from 'node:fs';
import { HostError, systemReason } from '../errors.ts';

export const SECRET = 0o600;
export const PUBLIC = 0o644;

export interface NewFile {
  readonly path: string;
  readonly content: string | Uint8Array;
  readonly mode: typeof SECRET | typeof PUBLIC;
}

/** Throws {@link HostError} `FILE_EXISTS` before anything is written if one of them is there, and `CERTIFICATE`. */
export function writeFiles(files: readonly NewFile[], overwrite: boolean): void {
  const taken = overwrite ? undefined : files.find(({ path }) => existsSync(path));
  if (taken) throw exists(taken.path);
  for (const file of files) writeWhole(file, overwrite);
}

/** Beside its place first; then it takes the place in one step. */
function writeWhole({ path, content, mode }: NewFile, overwrite: boolean): void {
  const draft = `${path}.${process.pid}.new`;
  try {
    const descriptor = openSync(draft, 'wx', mode);
    try {
      writeAll(descriptor, Buffer.from(content));
      fsyncSync(descriptor);
    } finally {
      closeSync(descriptor);
    }
    // A link fails where a name is taken, and a rename doesn't.
    if (overwrite) renameSync(draft, path);
    else linkSync(draft, path);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST' && existsSync(path)) throw exists(path);
    throw new HostError('CERTIFICATE', `can't write ${path}: ${systemReason(error)}`);
  } finally {
    rmSync(draft, { force: true });
  }
}

function writeAll(descriptor: number, bytes: Buffer): void {
  for (let at = 0; at < bytes.length; ) at += writeSync(descriptor, bytes, at);
}

function exists(path: string): HostError {
  return new HostError('FILE_EXISTS', `${path} exists; --force writes over it`);
}
