/** How the files that a configuration is made of are read: from disk, or as somebody read them for us who may. */
import { closeSync, fstatSync, openSync, readFileSync } from 'node:fs';
import { isAbsolute, resolve } from 'node:path';
import { ConfigError, type Problem } from './problem.ts';
import type { SecretFile } from './secrets.ts';
import { systemReason } from './system-reason.ts';

export interface FileContent {
  readonly bytes: Buffer;
  /** Whether users other than its owner and group may read or write it. */
  readonly openToOthers: boolean;
}

/** Throws the system's error. */
export type ReadFile = (path: string) => FileContent;

/** Looks at the very file that it reads. A pipe or a descriptor handed over by the caller is the caller's affair. */
export const readFromDisk: ReadFile = (path) => {
  const descriptor = openSync(path, 'r');
  try {
    const status = fstatSync(descriptor);
    return { bytes: readFileSync(descriptor), openToOthers: status.isFile() && (status.mode & 0o006) !== 0 };
  } finally {
    closeSync(descriptor);
  }
};

/** A path in a file: relative ones start in the file's own folder. */
export function absolute(path: string, folder: string): string {
  return isAbsolute(path) ? path : resolve(folder, path);
}

/** The file that was asked for. Throws {@link ConfigError}. */
export function readAsked(file: string, read: ReadFile): FileContent {
  try {
    return read(resolve(file));
  } catch (error) {
    throw new ConfigError(file, [wholeFile('error', `can't be read (${systemReason(error)})`)]);
  }
}

/** A file of one secret: refused when others may read it. */
export function readSecretFile(path: string, read: ReadFile): SecretFile {
  try {
    const { bytes, openToOthers } = read(path);
    if (openToOthers) return { wrong: `other users may read ${path}`, hint: `run: chmod 600 ${path}` };
    return { text: bytes.toString('utf8') };
  } catch (error) {
    return { wrong: `can't read ${path} (${systemReason(error)})` };
  }
}

export function secretOpenToOthers(file: string, severity: Problem['severity']): Problem {
  return wholeFile(severity, 'it holds a secret, and other users may read it', `run: chmod 600 ${file}`);
}

export function wholeFile(severity: Problem['severity'], what: string, hint?: string): Problem {
  return { severity, path: '', what, ...(hint === undefined ? {} : { hint }), line: 0, column: 0 };
}
