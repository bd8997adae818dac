/** Reads a configuration from disk, and the secrets that it keeps in files of their own. */
import { dirname, resolve } from 'node:path';
import { parseDocument } from 'yaml';
import { type CheckedConfig, checkConfig } from './check.ts';
import type { GatewayConfig } from './config.ts';
import { type FileContent, type ReadFile, readFromDisk } from './files.ts';
import { ConfigError, type Problem } from './problem.ts';
import type { SecretFile } from './secrets.ts';

/** Reads and checks `file`. Throws {@link ConfigError} only when it can't be read at all. */
export function checkConfigFile(file: string, read: ReadFile = readFromDisk): CheckedConfig {
  const { bytes, openToOthers } = readConfigFile(file, read);
  const checked = checkConfig(bytes.toString('utf8'), {
    file,
    folder: dirname(resolve(file)),
    readSecret: (path) => readSecretFile(path, read),
  });
  if (!checked.holdsSecret || !openToOthers) return checked;
  const problem = wholeFile('it holds a secret, and other users may read it', `run: chmod 600 ${file}`);
  return { ...checked, config: undefined, problems: [problem, ...checked.problems] };
}

/** The configuration in `file`. Throws {@link ConfigError} with all that is wrong. */
export function loadConfig(
  file: string,
  read: ReadFile = readFromDisk,
): { config: GatewayConfig; warnings: readonly Problem[] } {
  const { config, problems } = checkConfigFile(file, read);
  if (!config) {
    const errors = problems.filter((problem) => problem.severity === 'error');
    throw new ConfigError(file, errors);
  }
  return { config, warnings: problems };
}

/** The state folder that `file` names, whatever else is wrong with it. */
export function namedState(file: string): string | undefined {
  try {
    const state = parseDocument(readFromDisk(file).bytes.toString('utf8')).get('state');
    return typeof state === 'string' ? resolve(dirname(file), state) : undefined;
  } catch {
    return undefined;
  }
}

/** The configuration of a gateway that was given no file. */
export function embeddedConfig(): GatewayConfig {
  const { config } = checkConfig('', {
    file: undefined,
    folder: '/',
    readSecret: (path) => readSecretFile(path, readFromDisk),
  });
  return { ...config!, nat: 'if-possible' };
}

function readConfigFile(file: string, read: ReadFile): FileContent {
  try {
    return read(resolve(file));
  } catch (error) {
    throw new ConfigError(file, [wholeFile(`can't be read (${whyUnreadable(error)})`)]);
  }
}

function readSecretFile(path: string, read: ReadFile): SecretFile {
  try {
    const { bytes, openToOthers } = read(path);
    if (openToOthers) return { wrong: `other users may read ${path}`, hint: `run: chmod 600 ${path}` };
    return { text: bytes.toString('utf8') };
  } catch (error) {
    return { wrong: `can't read ${path} (${whyUnreadable(error)})` };
  }
}

function wholeFile(what: string, hint?: string): Problem {
  return { severity: 'error', path: '', what, ...(hint === undefined ? {} : { hint }), line: 0, column: 0 };
}

function whyUnreadable(error: unknown): string {
  const { code, message } = error as NodeJS.ErrnoException;
  if (code === 'ENOENT') return 'no such file';
  if (code === 'EACCES') return 'permission denied';
  if (code === 'EISDIR') return 'it is a folder';
  return code ?? message;
}
