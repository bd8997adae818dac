/** A gateway with all that surrounds it: configuration, state folder, store, NAT, control socket. Started and stopped in order. */
import { readdirSync, rmSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { type GatewayConfig, namesNobody } from '../config/config.ts';
import { embeddedConfig, loadConfig } from '../config/load.ts';
import { formatProblem } from '../config/problem.ts';
import { controlPath, serveControl } from '../control/gateway.ts';
import type { ControlHandlers, FailureReport, HistoryReport, ReloadReport } from '../control/gateway-types.ts';
import { type ConfigFiles, diskFiles, unpackConfig } from '../host/config-files.ts';
import { HostError } from '../host/errors.ts';
import { createLog, type Logger } from '../host/log.ts';
import { forwardingIsOn, startNat } from '../host/nat.ts';
import { writePrivateFile } from '../host/private-folder.ts';
import type { FailureRow } from '../host/store/failures.ts';
import { lockStateFolder, prepareStateFolder } from '../host/store/folder.ts';
import type { HistoryRow } from '../host/store/history.ts';
import { openStore, type Store } from '../host/store/store.ts';
import { VERSION } from '../host/version.ts';
import { CertificateWatch } from './certificate-watch.ts';
import { prepareFirstLogin } from './first-login.ts';
import { serveMetrics } from './metrics-server.ts';
import { takeChange } from './reload.ts';
import type { RunningGateway, StartGateway } from './running-gateway.ts';
import { openSettings } from './settings.ts';
import { administerUsers, poolsOf } from './user-administration.ts';

export interface ProgramOptions {
  /** Undefined: the embedded default. */
  readonly config?: string | undefined;
  /** Overrides the configuration's. */
  readonly state?: string | undefined;
  /** The configuration as root packed it before it gave its rights up; undefined: it is read from disk. */
  readonly files?: string | undefined;
  /** Why root's rights are kept; undefined: they aren't. */
  readonly keptRoot?: string | undefined;
}

/** Where the first login is shown: a terminal, or undefined when nobody watches. */
export type Terminal = { write(text: string): unknown } | undefined;

export interface Program {
  readonly log: Logger;
  /** Settles when the program should stop: undefined when asked to, an error when it can't go on. */
  readonly ended: Promise<Error | undefined>;
  /** Reads the configuration again. A wrong one is logged and thrown, and changes nothing. */
  reload(): Promise<ReloadReport>;
  stop(): Promise<void>;
}

/** The configuration that `options` ask for. Throws a `ConfigError` with all that is wrong. */
export function readConfig(
  options: ProgramOptions,
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

/** Starts everything, or throws with nothing left behind. */
export async function startProgram(options: ProgramOptions, start: StartGateway, terminal: Terminal): Promise<Program> {
  const files = options.files === undefined ? diskFiles : unpackConfig(options.files);
  const { config, warnings } = readConfig(options, files);
  const log = createLog(config.log);
  if (options.keptRoot) log.warn(`the gateway keeps the rights of root: ${options.keptRoot}`);
  for (const warning of warnings) log.warn(`${config.file}: ${warning}`);
  await using starting = new AsyncDisposableStack();
  const store = openState(config, log, starting);
  const settings = await openSettings(config, files);
  const complete = await withFirstLogin(config, store, terminal, log);
  const gateway = starting.adopt(
    await start(complete, { ...settings, policy: complete.policy }, store, log),
    (running) => running.stop(),
  );
  startForwarding(complete, log, starting);
  const watch = starting.adopt(new CertificateWatch(log), (running) => running.close());
  watch.watch(settings.certificate);
  const live = new LiveConfig(options, complete, { store, gateway, terminal, log, watch });
  if (complete.metrics) {
    starting.adopt(await serveMetrics(complete.metrics, () => gateway.metrics()), (server) => server.close());
  }
  const asked = Promise.withResolvers<undefined>();
  await openControl(live, store, gateway, asked.resolve, starting);
  log.info({ pid: process.pid, state: complete.state, version: VERSION }, 'gateway is up');
  const started = starting.move();
  return {
    log,
    ended: Promise.race([asked.promise, gateway.failed]),
    reload: () => live.reload(null),
    stop: () => started.disposeAsync(),
  };
}

interface Reloadable {
  readonly store: Store;
  readonly gateway: RunningGateway;
  readonly terminal: Terminal;
  readonly log: Logger;
  readonly watch: CertificateWatch;
}

/** The configuration that the gateway goes by now. */
class LiveConfig {
  readonly #options: ProgramOptions;
  readonly #parts: Reloadable;
  #current: GatewayConfig;
  /** Reloads go one after the other. */
  #last: Promise<unknown> = Promise.resolve();

  constructor(options: ProgramOptions, current: GatewayConfig, parts: Reloadable) {
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
      const change = takeChange(this.#current, await withFirstLogin(read.config, store, terminal, log));
      const settings = await openSettings(change.config, files);
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

/** Configurations that root packed and nobody took, because a start or a reload was cut short. */
const LEFTOVER = /^(start|reload|files)-/;

function openState(config: GatewayConfig, log: Logger, starting: AsyncDisposableStack): Store {
  prepareStateFolder(config.state);
  starting.adopt(lockStateFolder(config.state), (lock) => lock.release());
  const store = starting.adopt(
    openStore(config.state, (error) => log.error({ err: error }, 'could not write to the store')),
    (open) => open.close(),
  );
  store.history.endLeftovers();
  for (const name of readdirSync(config.state).filter((entry) => LEFTOVER.test(entry))) {
    rmSync(join(config.state, name), { recursive: true });
  }
  return store;
}

/** Shown before anything can fail: the password is known at no other time. */
async function withFirstLogin(
  config: GatewayConfig,
  store: Store,
  terminal: Terminal,
  log: Logger,
): Promise<GatewayConfig> {
  if (!namesNobody(config)) return config;
  const { config: complete, instructions } = await prepareFirstLogin(config, store);
  if (instructions && terminal) terminal.write(`${instructions}\n`);
  else if (instructions) {
    const file = join(config.state, 'first-login.txt');
    writePrivateFile(file, instructions.trimStart());
    log.info({ file }, 'made a group and a first user; what to type into a client is in this file');
  }
  return complete;
}

function startForwarding(config: GatewayConfig, log: Logger, starting: AsyncDisposableStack): void {
  const options = { tun: config.tun, pools: poolsOf(config), clientToClient: config.clientToClient };
  if (config.nat === 'off') {
    if (!forwardingIsOn())
      log.warn("this machine forwards nothing, so clients reach it alone; 'nat: true' lets them out");
    return;
  }
  try {
    const nat = starting.adopt(startNat(options), (running) => running.stop());
    for (const chain of nat.forwardDroppedBy) {
      log.warn({ chain }, `the firewall drops what is forwarded; let ${config.tun} through in this chain`);
    }
  } catch (error) {
    if (config.nat === 'required' || !(error instanceof HostError)) throw error;
    log.warn(`clients reach this machine alone, since NAT isn't possible: ${error.message}`);
  }
}

/** Rows that `sessions --failed` and `--history` show. */
const MOST_ROWS = 1000;

async function openControl(
  live: LiveConfig,
  store: Store,
  gateway: RunningGateway,
  askToStop: (value: undefined) => void,
  starting: AsyncDisposableStack,
): Promise<void> {
  const users = administerUsers(store, () => live.current);
  const since = new Date().toISOString();
  const handlers: ControlHandlers = {
    status: () => ({
      pid: process.pid,
      version: VERSION,
      since,
      sessions: gateway.sessions().length,
      clearL2tp: gateway.clearL2tp() ?? null,
    }),
    sessions: () => gateway.sessions(),
    failures: () => store.failures.recent(MOST_ROWS).map(failureReport),
    history: () => store.history.recent(MOST_ROWS).map(historyReport),
    metrics: () => gateway.metrics(),
    reload: ({ files }) => live.reload(files),
    kick({ id }) {
      if (!gateway.kick(id))
        throw new HostError('SESSION_NOT_FOUND', `there is no session ${id}; 'sessions' shows those there are`);
      return null;
    },
    stop() {
      askToStop(undefined);
      return null;
    },
    'user-list': () => users.list(),
    async 'user-add'({ name, password, address, l2tp, chapMd5 }) {
      await users.add(name, password, address, { l2tp, chapMd5 });
      return null;
    },
    async 'user-passwd'({ name, password, l2tp, chapMd5 }) {
      await users.changePassword(name, password, { l2tp, chapMd5 });
      return null;
    },
    'user-totp': ({ name, on }) => users.setTotp(name, on),
    'user-remove'({ name }) {
      users.remove(name);
      gateway.endUser(name);
      return null;
    },
  };
  starting.adopt(await serveControl(controlPath(live.current.state), handlers), (control) => control.close());
}

function failureReport({ at, user, group, remote, reason }: FailureRow): FailureReport {
  return { at: new Date(at).toISOString(), user: user ?? null, group: group ?? null, remote, reason };
}

function historyReport(row: HistoryRow): HistoryReport {
  return {
    user: row.user ?? null,
    group: row.group ?? null,
    remote: row.remote,
    address: row.address ?? null,
    started: new Date(row.started).toISOString(),
    ended: row.ended === undefined ? null : new Date(row.ended).toISOString(),
    bytesIn: row.bytesIn,
    bytesOut: row.bytesOut,
    reason: row.reason ?? null,
  };
}
