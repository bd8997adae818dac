/** A gateway with all that surrounds it: configuration, state folder, store, NAT, control socket. Started and stopped in order. */
import { readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import type { GatewayConfig } from '../config/config.ts';
import { controlPath, serveControl } from '../control/gateway.ts';
import type { ReloadReport } from '../control/gateway-types.ts';
import { diskFiles, unpackConfig } from '../host/config-files.ts';
import { HostError } from '../host/errors.ts';
import { createLog, type Logger } from '../host/log.ts';
import { forwardingIsOn, startNat } from '../host/nat.ts';
import { lockStateFolder, prepareStateFolder } from '../host/store/folder.ts';
import { openStore, type Store } from '../host/store/store.ts';
import { VERSION } from '../host/version.ts';
import { CertificateWatch } from './certificate-watch.ts';
import { controlHandlers } from './control-handlers.ts';
import { prepareFirstLogin, type Terminal } from './first-login.ts';
import { LiveConfig } from './live-config.ts';
import { serveMetrics } from './metrics-server.ts';
import { poolsOf } from './networks.ts';
import { type ConfigOptions, readConfig } from './read-config.ts';
import type { StartGateway } from './running-gateway.ts';
import { openSettings } from './settings.ts';

export interface ProgramOptions extends ConfigOptions {
  /** Why root's rights are kept; undefined: they aren't. */
  readonly keptRoot?: string | undefined;
}

export interface Program {
  readonly log: Logger;
  /** Settles when the program should stop: undefined when asked to, an error when it can't go on. */
  readonly ended: Promise<Error | undefined>;
  /** Reads the configuration again. A wrong one is logged and thrown, and changes nothing. */
  reload(): Promise<ReloadReport>;
  stop(): Promise<void>;
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
  const firstLogin = await prepareFirstLogin(config, store, terminal, log);
  const complete = firstLogin.config;
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
  const handlers = controlHandlers(live, store, gateway, () => asked.resolve(undefined));
  starting.adopt(await serveControl(controlPath(complete.state), handlers), (control) => control.close());
  firstLogin.make();
  log.info({ pid: process.pid, state: complete.state, version: VERSION }, 'gateway is up');
  const started = starting.move();
  return {
    log,
    ended: Promise.race([asked.promise, gateway.failed]),
    reload: () => live.reload(null),
    stop: () => started.disposeAsync(),
  };
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
