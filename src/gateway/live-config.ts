/** The configuration that a running gateway goes by now, and how another takes its place. */
import { join } from 'node:path';
import type { GatewayConfig } from '../config/config.ts';
import type { ReloadReport } from '../control/gateway-types.ts';
import { diskFiles, unpackConfig } from '../host/config-files.ts';
import { HostError } from '../host/errors.ts';
import type { Logger } from '../host/log.ts';
import type { Store } from '../host/store/store.ts';
import type { CertificateWatch } from './certificate-watch.ts';
import { prepareFirstLogin, type Terminal } from './first-login.ts';
import { type ConfigOptions, readConfig } from './read-config.ts';
import { takeChange } from './reload.ts';
import type { RunningGateway } from './running-gateway.ts';
import { openSettings } from './settings.ts';

interface Reloadable {
  readonly store: Store;
  readonly gateway: RunningGateway;
  readonly terminal: Terminal;
  readonly log: Logger;
  readonly watch: CertificateWatch;
}

export class LiveConfig {
  readonly #options: ConfigOptions;
  readonly #parts: Reloadable;
  #current: GatewayConfig;
  /** Reloads go one after the other. */
  #last: Promise<unknown> = Promise.resolve();

  constructor(options: ConfigOptions, current: GatewayConfig, parts: Reloadable) {
    this.#options = options;
    this.#current = current;
    this.#parts = parts;
  }

  get current(): GatewayConfig {
    return this.#current;
  }

  /** @param packed name of a file in the state folder that holds the configuration; null: it is read from disk */
  reload(packed: string | null): Promise<ReloadReport> {
    const reloading = this.#last.then(() => this.#reload(packed));
    this.#last = reloading.catch(() => {});
    return reloading;
  }

  async #reload(packed: string | null): Promise<ReloadReport> {
    const { store, gateway, terminal, log, watch } = this.#parts;
    try {
      const files = packed === null ? diskFiles : unpackConfig(join(this.#current.state, packedName(packed)));
      const read = readConfig(this.#options, files);
      const firstLogin = await prepareFirstLogin(read.config, store, terminal, log);
      const change = takeChange(this.#current, firstLogin.config);
      const settings = await openSettings(change.config, files);
      firstLogin.make();
      gateway.reload(settings);
      watch.watch(settings.certificate);
      this.#current = change.config;
      log.level = change.config.log.level;
      this.#tell(read.warnings, change.needsRestart);
      return { needsRestart: change.needsRestart, warnings: read.warnings };
    } catch (error) {
      log.error(`the configuration is not taken, all stays as it was: ${(error as Error).message}`);
      if (packed === null && this.#options.files !== undefined) {
        log.info("what the gateway's own user may not read, 'sallyport reload' as root hands over");
      }
      throw error;
    }
  }

  #tell(warnings: readonly string[], needsRestart: readonly string[]): void {
    const { log } = this.#parts;
    for (const warning of warnings) log.warn(`${this.#current.file}: ${warning}`);
    log.info('the configuration is taken');
    if (needsRestart.length > 0) log.warn(`a restart is needed for: ${needsRestart.join(', ')}`);
  }
}

/** Unpacking removes the file, so that no other name of the state folder will do. */
function packedName(name: string): string {
  if (/^reload-[\w-]{1,64}$/.test(name)) return name;
  throw new HostError('CONFIG_FILES', 'that is no name of a configuration that was handed over');
}
