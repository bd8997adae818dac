/** Reads a configuration from disk, and the secrets that it keeps in files of their own. */
import { readFileSync, statSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { type CheckedConfig, checkConfig } from './check.ts';
import type { GatewayConfig } from './config.ts';
import { ConfigError, type Problem } from './problem.ts';
import type { SecretFile } from './secrets.ts';

/** Reads and checks `file`. Throws {@link ConfigError} only when it can't be read at all. */
export function checkConfigFile(file: string): CheckedConfig {
  const checked = checkConfig(readText(file), {
    file,
    folder: dirname(resolve(file)),
    readSecret: readSecretFile,
  });
  if (!checked.holdsSecret || !othersMayRead(file)) return checked;
  const problem = wholeFile('it holds a secret, and other users may read it', `run: chmod 600 ${file}`);
  return { ...checked, config: undefined, problems: [problem, ...checked.problems] };
}

/** The configuration in `file`. Throws {@link ConfigError} with all that is wrong. */
export function loadConfig(file: string): { config: GatewayConfig; warnings: readonly Problem[] } {
  const { config, problems } = checkConfigFile(file);
  if (!config) {
    const errors = problems.filter((problem) => problem.severity === 'error');
    throw new ConfigError(file, errors);
  }
  return { config, warnings: problems };
}

/** The configuration of a gateway that was given no file. */
export function embeddedConfig(): GatewayConfig {
  const { config } = checkConfig('', { file: undefined, folder: '/', readSecret: readSecretFile });
  return { ...config!, nat: 'if-possible' };
}

function readText(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    throw new ConfigError(file, [wholeFile(`can't be read (${whyUnreadable(error)})`)]);
  }
}

function readSecretFile(path: string): SecretFile {
  try {
    if (othersMayRead(path)) return { wrong: `other users may read ${path}`, hint: `run: chmod 600 ${path}` };
    return { text: readFileSync(path, 'utf8') };
  } catch (error) {
    return { wrong: `can't read ${path} (${whyUnreadable(error)})` };
  }
}

/** A pipe or a descriptor handed over by the caller is the caller's affair. */
function othersMayRead(file: string): boolean {
  const status = statSync(file);
  return status.isFile() && (status.mode & 0o006) !== 0;
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
