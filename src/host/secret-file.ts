/** A secret in a file of its own. */
import { readFileSync, statSync } from 'node:fs';
import { HostError, systemReason } from './errors.ts';

/** Its first line. Throws {@link HostError} `SECRET_FILE`, also when others may read it. */
export function readSecretFile(path: string): string {
  try {
    if ((statSync(path).mode & 0o077) !== 0) {
      throw new HostError('SECRET_FILE', `${path} holds a secret that others may read: chmod 600 it`);
    }
    return readFileSync(path, 'utf8').split(/\r?\n/, 1)[0]!;
  } catch (error) {
    if (error instanceof HostError) throw error;
    throw new HostError('SECRET_FILE', `can't read ${path}: ${systemReason(error)}`);
  }
}
