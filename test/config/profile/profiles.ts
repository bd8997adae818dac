/** Reads the test set's profiles, and text as if it were one. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { ReadFile } from '../../../src/config/files.ts';
import { formatProblem } from '../../../src/config/problem.ts';
import { checkProfileBytes } from '../../../src/config/profile/load.ts';
import type { Profile } from '../../../src/config/profile/profile.ts';
import { nodeCrypto } from '../../../src/host/crypto/node-crypto.ts';

export const FILES = join(import.meta.dirname, 'files');

export interface Checked {
  readonly profile: Profile | undefined;
  /** "warning: ..." or the error itself. */
  readonly problems: readonly string[];
}

const read: ReadFile = (path) => {
  if (path.endsWith('/password')) return { bytes: Buffer.from('from a file\n'), openToOthers: false };
  if (path.endsWith('/open')) return { bytes: Buffer.from('for all to see\n'), openToOthers: true };
  throw Object.assign(new Error('no'), { code: 'ENOENT' });
};

const FOLDERS: Readonly<Record<string, readonly string[]>> = {
  '/etc/ssl/certs': ['02265526.0', '02265526.1', 'ca.pem', 'java'],
  '/profiles/empty': ['ca.pem'],
};

const listFolder = (folder: string) => {
  const names = FOLDERS[folder];
  if (!names) throw Object.assign(new Error('no'), { code: 'ENOENT' });
  return names;
};

export function check(name: string, content: string | Uint8Array): Checked {
  const around = { file: `/profiles/${name}`, folder: '/profiles', crypto: nodeCrypto, read, listFolder };
  const { profile, problems } = checkProfileBytes(Buffer.from(content), around);
  return {
    profile,
    problems: problems.map(
      (problem) => `${problem.severity === 'warning' ? 'warning: ' : ''}${formatProblem(problem)}`,
    ),
  };
}

export function contentOf(name: string): Buffer {
  return readFileSync(join(FILES, name));
}

export function checkFile(name: string): Checked {
  return check(name, contentOf(name));
}
