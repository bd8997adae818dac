/** A gateway with all that surrounds it: configuration, state folder, store, NAT, control socket. Started and stopped in order. */
import { writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { type GatewayConfig, namesNobody } from '../config/config.ts';
import { embeddedConfig, loadConfig } from '../config/load.ts';
import { formatProblem } from '../config/problem.ts';
import { controlPath } from '../control/client.ts';
import { serveControl } from '../control/server.ts';
import type { ControlHandlers, RunningGateway } from '../control/types.ts';
import { HostError } from '../host/errors.ts';
import { createLog, type Logger } from '../host/log.ts';
import { forwardingIsOn, startNat } from '../host/nat.ts';
import { lockStateFolder, prepareStateFolder } from '../host/store/folder.ts';
import { openStore, type Store } from '../host/store/store.ts';
import { prepareFirstLogin } from './first-login.ts';
import { administerUsers, poolsOf } from './user-administration.ts';
import { VERSION } from './version.ts';

export interface ProgramOptions {
  /** Undefined: the embedded default. */
  readonly config?: string | undefined;
  /** Overrides the configuration's. */
  readonly state?: string | undefined;
}

export type StartGateway = (config: GatewayConfig, store: Store, log: Logger) => Promise<RunningGateway>;

/** Where the first login is shown: a terminal, or undefined when nobody watches. */
export type Terminal = { write(text: string): unknown } | undefined;

export interface Program {
  readonly log: Logger;
  /** Settles when the program should stop: undefined when asked to, an error when it can't go on. */
  readonly ended: Promise<Error | undefined>;
  stop(): Promise<void>;
}

/** The configuration that `options` ask for. Throws a `ConfigError` with all that is wrong. */
export function readConfig(options: ProgramOptions): { config: GatewayConfig; warnings: readonly string[] } {
  const { config, warnings } = options.config ? loadConfig(options.config) : { config: embeddedConfig(), warnings: [] };
  return {
    config: options.state ? { ...config, state: resolve(options.state) } : config,
    warnings: warnings.map(formatProblem),
  };
}

/** Starts everything, or throws with nothing left behind. */
export async function startProgram(options: ProgramOptions, start: StartGateway, terminal: Terminal): Promise<Program> {
  const { config, warnings } = readConfig(options);
  const log = createLog(config.log);
  for (const warning of warnings) log.warn(`${config.file}: ${warning}`);
  await using starting = new AsyncDisposableStack();
  const store = openState(config, starting);
  const complete = await withFirstLogin(config, store, terminal, log);
  const gateway = starting.adopt(await start(complete, store, log), (running) => running.stop());
  startForwarding(complete, log, starting);
  const asked = Promise.withResolvers<undefined>();
  await openControl(complete, store, gateway, asked.resolve, starting);
  log.info({ pid: process.pid, state: complete.state, version: VERSION }, 'gateway is up');
  const started = starting.move();
  return { log, ended: Promise.race([asked.promise, gateway.failed]), stop: () => started.disposeAsync() };
}

function openState(config: GatewayConfig, starting: AsyncDisposableStack): Store {
  prepareStateFolder(config.state);
  starting.adopt(lockStateFolder(config.state), (lock) => lock.release());
  const store = starting.adopt(openStore(config.state), (open) => open.close());
  store.history.endLeftovers();
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
    writeFileSync(file, instructions.trimStart(), { mode: 0o600 });
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

async function openControl(
  config: GatewayConfig,
  store: Store,
  gateway: RunningGateway,
  askToStop: (value: undefined) => void,
  starting: AsyncDisposableStack,
): Promise<void> {
  const users = administerUsers(store, config);
  const since = new Date().toISOString();
  const handlers: ControlHandlers = {
    status: () => ({ pid: process.pid, version: VERSION, since, sessions: gateway.sessions().length }),
    sessions: () => gateway.sessions(),
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
    async 'user-add'({ name, password, address }) {
      await users.add(name, password, address);
      return null;
    },
    async 'user-passwd'({ name, password }) {
      await users.changePassword(name, password);
      return null;
    },
    'user-remove'({ name }) {
      users.remove(name);
      for (const { id, user } of gateway.sessions()) if (user === name) gateway.kick(id);
      return null;
    },
  };
  starting.adopt(await serveControl(controlPath(config.state), handlers), (control) => control.close());
}
