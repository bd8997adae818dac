/** A descriptor that whoever started us opened for us. */
import { createReadStream, fstatSync, readdirSync, readlinkSync } from 'node:fs';
import { Socket } from 'node:net';
import type { Readable } from 'node:stream';
import { UsageError } from './usage.ts';

/** Throws {@link UsageError} when there is none of that number, or it is one of Node's own. */
export function openDescriptor(text: string): Readable {
  const fd = /^\d{1,9}$/.test(text) ? Number(text) : undefined;
  const status = fd === undefined ? undefined : statusOf(fd);
  if (fd === undefined || !status || isOurs(fd)) throw new UsageError(`${JSON.stringify(text)} is no open descriptor`);
  if (status.isDirectory()) throw new UsageError(`descriptor ${fd} is a folder`);
  // Reading a pipe must not block a thread: the program could not end.
  if (status.isFIFO() || status.isSocket()) return new Socket({ fd, readable: true, writable: false });
  return createReadStream('', { fd });
}

function statusOf(fd: number) {
  try {
    return fstatSync(fd);
  } catch {
    return undefined;
  }
}

/** Event loops have names of no file; a pipe of the loop's own has both its ends here. */
function isOurs(fd: number): boolean {
  const link = linkOf(String(fd));
  if (link === undefined || link.startsWith('anon_inode:')) return true;
  if (!link.startsWith('pipe:')) return false;
  return readdirSync(DESCRIPTORS).filter((name) => linkOf(name) === link).length > 1;
}

const DESCRIPTORS = '/proc/self/fd';

function linkOf(name: string): string | undefined {
  try {
    return readlinkSync(`${DESCRIPTORS}/${name}`);
  } catch {
    return undefined;
  }
}
