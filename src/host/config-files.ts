/**
 * The files of a configuration for a gateway that may not read them itself: who started it read them as root and left
 * them in one private file, which is taken once and removed.
 */
import { closeSync, fchownSync, mkdirSync, mkdtempSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { type FileContent, type ReadFile, readFromDisk } from '../config/files.ts';
import { checkConfigFile } from '../config/load.ts';
import { HostError, systemReason } from './errors.ts';

export interface ConfigFiles {
  readonly read: ReadFile;
  /** For readers that open their files themselves: `pathOf` leads to the file while `use` runs. */
  lend<T>(paths: readonly string[], use: (pathOf: (path: string) => string) => Promise<T>): Promise<T>;
}

export const diskFiles: ConfigFiles = { read: readFromDisk, lend: (_, use) => use((path) => path) };

export interface Owner {
  readonly uid: number;
  readonly gid: number;
}

/** Base64, or the system's code for why it can't be read. */
type Packed = { readonly content: string; readonly openToOthers: boolean } | { readonly code: string };

/**
 * Packs the configuration at `file` and all that it names, right or wrong, into a new file at `path`, which belongs to
 * `owner`. The folder may be the owner's: nothing there is followed or overwritten.
 */
export function packConfig(file: string, path: string, owner: Owner): void {
  const packed: Record<string, Packed> = {};
  const read: ReadFile = (name) => {
    try {
      const found = readFromDisk(name);
      packed[name] = { content: found.bytes.toString('base64'), openToOthers: found.openToOthers };
      return found;
    } catch (error) {
      packed[name] = { code: (error as NodeJS.ErrnoException).code ?? 'EIO' };
      throw error;
    }
  };
  for (const name of certificateFiles(file, read)) attempt(() => read(name));
  const descriptor = openSync(path, 'wx', 0o600);
  try {
    fchownSync(descriptor, owner.uid, owner.gid);
    writeFileSync(descriptor, JSON.stringify(packed));
  } finally {
    closeSync(descriptor);
  }
}

function certificateFiles(file: string, read: ReadFile): string[] {
  const config = attempt(() => checkConfigFile(file, read).config);
  return config ? [...Object.values(config.certificate ?? {}), ...config.authorities, ...config.crls] : [];
}

function attempt<T>(what: () => T): T | undefined {
  try {
    return what();
  } catch {
    return undefined;
  }
}

/** Opens what {@link packConfig} packed, and removes it. Throws {@link HostError} `CONFIG_FILES`. */
export function unpackConfig(path: string): ConfigFiles {
  const packed = readPacked(path);
  const read: ReadFile = (name) => unpack(packed[name], name);
  return { read, lend: (paths, use) => lendCopies(dirname(path), paths, read, use) };
}

function readPacked(path: string): Readonly<Record<string, Packed>> {
  try {
    return JSON.parse(readFileSync(path, 'utf8')) as Record<string, Packed>;
  } catch (error) {
    // what JSON.parse complains about it quotes, and here that may be a secret
    const reason = error instanceof SyntaxError ? 'it is damaged' : systemReason(error);
    throw new HostError('CONFIG_FILES', `can't take the configuration from ${path}: ${reason}`);
  } finally {
    rmSync(path, { force: true });
  }
}

function unpack(packed: Packed | undefined, name: string): FileContent {
  if (packed && 'content' in packed) {
    return { bytes: Buffer.from(packed.content, 'base64'), openToOthers: packed.openToOthers };
  }
  throw Object.assign(new Error(`can't read ${name}`), { code: packed?.code ?? 'ENOENT' });
}

/** Private copies below `folder` for as long as `use` runs; what it complains about bears the files' own names. */
async function lendCopies<T>(
  folder: string,
  paths: readonly string[],
  read: ReadFile,
  use: (pathOf: (path: string) => string) => Promise<T>,
): Promise<T> {
  const copies = mkdtempSync(join(folder, 'files-'));
  try {
    for (const path of paths) copyInto(copies, path, read);
    return await use((path) => join(copies, path));
  } catch (error) {
    if (!(error instanceof HostError)) throw error;
    throw new HostError(error.code, error.message.replaceAll(copies, ''));
  } finally {
    rmSync(copies, { recursive: true, force: true });
  }
}

/** What can't be read is missed by whoever opens it. */
function copyInto(copies: string, path: string, read: ReadFile): void {
  const found = attempt(() => read(path));
  if (!found) return;
  mkdirSync(join(copies, dirname(path)), { recursive: true, mode: 0o700 });
  writeFileSync(join(copies, path), found.bytes, { mode: found.openToOthers ? 0o604 : 0o600 });
}
