/** How the files that a configuration is made of are read: from disk, or as somebody read them for us who may. */
import { closeSync, fstatSync, openSync, readFileSync } from 'node:fs';

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
