/** Reads a configuration from disk, and the secrets that it keeps in files of their own. */
import { dirname, resolve } from 'node:path';
import { parseDocument } from 'yaml';
import { type CheckedConfig, checkConfig } from './check.ts';
import type { GatewayConfig } from './config.ts';
import { type ReadFile, readAsked, readFromDisk, readSecretFile, secretOpenToOthers } from './files.ts';
import { ConfigError, type Problem } from './problem.ts';

/** Reads and checks `file`. Throws {@link ConfigError} only when it can't be read at all. */
export function checkConfigFile(file: string, read: ReadFile = readFromDisk): CheckedConfig {
  const { bytes, openToOthers } = readAsked(file, read);
  const checked = checkConfig(bytes.toString('utf8'), {
    file,
    folder: dirname(resolve(file)),
    readSecret: (path) => readSecretFile(path, read),
  });
  if (!checked.holdsSecret || !openToOthers) return checked;
  const problem = secretOpenToOthers(file, 'error');
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
