/** The configuration that a command is to go by. */
import { resolve } from 'node:path';
import type { GatewayConfig } from '../config/config.ts';
import { embeddedConfig, loadConfig } from '../config/load.ts';
import { formatProblem } from '../config/problem.ts';
import { type ConfigFiles, diskFiles } from '../host/config-files.ts';

export interface ConfigOptions {
  /** Undefined: the embedded default. */
  readonly config?: string | undefined;
  /** Overrides the configuration's. */
  readonly state?: string | undefined;
  /** The configuration as root packed it before it gave its rights up; undefined: it is read from disk. */
  readonly files?: string | undefined;
}

/** The configuration that `options` ask for. Throws a `ConfigError` with all that is wrong. */
export function readConfig(
  options: ConfigOptions,
  files: ConfigFiles = diskFiles,
): { config: GatewayConfig; warnings: readonly string[] } {
  const { config, warnings } = options.config
    ? loadConfig(options.config, files.read)
    : { config: embeddedConfig(), warnings: [] };
  return {
    config: options.state ? { ...config, state: resolve(options.state) } : config,
    warnings: warnings.map(formatProblem),
  };
}
