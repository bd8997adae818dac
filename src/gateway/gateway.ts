/** Assembles the gateway: the state in the middle, the dataplane on one side, logins (`login-checks.ts`) and records (`records.ts`) on the other. */
import { monitorEventLoopDelay } from 'node:perf_hooks';
import type { GatewayConfig } from '../config/config.ts';
import type { SessionRow } from '../control/gateway-types.ts';
import { readU32, u32 } from '../core/bytes/bytes.ts';
import { type IpAddress, ipFromBytes } from '../core/net/address.ts';
import type { GatewayEvent, LoginVerdict } from '../core/session/events.ts';
import { GatewayState } from '../core/session/gateway-state.ts';
import type { GatewaySettings } from '../core/session/policy.ts';
import { L2TP_PORT } from '../core/wire/l2tp.ts';
import type { Dataplane, DataplaneEvents, SessionCounters } from '../dataplane/dataplane.ts';
import { openDataplane } from '../dataplane/index.ts';
import { passwordQueue } from '../host/argon2.ts';
import { nodeCrypto } from '../host/crypto/node-crypto.ts';
import { type Keylog, openKeylog } from '../host/keylog.ts';
import type { Logger } from '../host/log.ts';
import type { Store } from '../host/store/store.ts';
import { addTraffic, Figures } from './figures.ts';
import { LoginChecks, type LoginQuestion } from './login-checks.ts';
import { formatMetrics } from './metrics.ts';
import { innerNetworks } from './networks.ts';
import { type Recorded, Records } from './records.ts';
import type { StartGateway } from './running-gateway.ts';

/** What is the dataplane's or another's to do. */
type Effect = Exclude<GatewayEvent, Recorded>;

interface Told {
  readonly event: Recorded;
  readonly counters: SessionCounters;
}

const NO_COUNTERS: SessionCounters = { packetsIn: 0, bytesIn: 0, packetsOut: 0, bytesOut: 0, lastInbound: 0 };

/** How long the deletes at the end have to leave. */
const FAREWELL = 100;

export const startGateway: StartGateway = async (config, settings, store, log) => {
  const keylog = config.keylog === undefined ? undefined : openKeylog(config.keylog);
  const gateway = new Gateway(config, settings, store, log, keylog);
  try {
    await gateway.open();
  } catch (error) {
    keylog?.close();
    throw error;
  }
  return gateway;
};

class Gateway {
  readonly #config: GatewayConfig;
  readonly #log: Logger;
  readonly #keylog: Keylog | undefined;
  readonly #state: GatewayState;
  readonly #logins: LoginChecks;
  readonly #failure = Promise.withResolvers<Error>();
  readonly #figures = new Figures();
  readonly #records: Records;
  readonly #eventLoopDelay = monitorEventLoopDelay({ resolution: 10 });
  #dataplane: Dataplane | undefined;
  #timer: NodeJS.Timeout | undefined;
  #timerAt = Number.POSITIVE_INFINITY;
  #stopping = false;

  constructor(config: GatewayConfig, settings: GatewaySettings, store: Store, log: Logger, keylog: Keylog | undefined) {
    this.#config = config;
    this.#log = log;
    this.#keylog = keylog;
    this.#records = new Records(store, log, this.#figures);
    this.#logins = new LoginChecks(store, this.#figures, (addresses) => this.#state.reserve(addresses));
    this.#state = new GatewayState({
      ...settings,
      crypto: nodeCrypto,
      natTPort: config.ports.natT,
      ownAddress: ownAddress(config),
      lastTraffic: (id) => this.#dataplane?.lastInbound(id) ?? 0,
    });
  }

  get failed(): Promise<Error> {
    return this.#failure.promise;
  }

  async open(): Promise<void> {
    const config = this.#config;
    this.#dataplane = await openDataplane(
      {
        listen: config.listen,
        ikePort: config.ports.ike,
        natTPort: config.policy.natT ? config.ports.natT : undefined,
        ciscoUdpPort: config.policy.ciscoUdpPort,
        nativeEsp: config.policy.nativeEsp,
        ciscoTcpPorts: config.policy.ciscoTcpPorts,
        tun: { name: config.tun, address: ownAddress(config), routes: innerNetworks(config), mtu: config.mtu },
        clientToClient: config.clientToClient,
        clearL2tpPort: L2TP_PORT,
      },
      this.#dataplaneEvents(),
    );
    if (this.#dataplane.ports.clearL2tp === undefined)
      this.#log.warn(
        `UDP ${L2TP_PORT} is another program's ('ss -lunp' names it): L2TP outside of IPsec isn't counted, and that may answer it`,
      );
    this.#eventLoopDelay.enable();
  }

  clearL2tp(): number | undefined {
    return this.#dataplane?.ports.clearL2tp === undefined ? undefined : this.#dataplane.counters().drop_l2tp_clear;
  }

  sessions(): SessionRow[] {
    return this.#state.sessions().map(({ id, number, who, address, carrier, protocol, phase1, esp, since }) => {
      const { lastInbound, ...counters } = this.#counters(id);
      return {
        id: number,
        user: who.user ?? null,
        group: who.group ?? null,
        peer: who.identity ?? '',
        remote: who.remote,
        carrier,
        protocol,
        address: address ?? null,
        phase1,
        esp: esp ?? null,
        since: wallClock(since),
        lastSeen: lastInbound > 0 ? wallClock(lastInbound) : null,
        ...counters,
        keylog: this.#keylog !== undefined,
      };
    });
  }

  metrics(): string {
    const sessions = this.#state.sessions();
    const traffic = { ...this.#figures.past };
    for (const { id } of sessions) addTraffic(traffic, this.#counters(id));
    const text = formatMetrics({
      sessions: sessions.length,
      halfOpen: this.#state.halfOpen,
      halfOpenBytes: this.#state.halfOpenBytes,
      rings: this.#dataplane?.rings() ?? {},
      queues: { passwords: passwordQueue(), held_logins: this.#logins.held },
      figures: this.#figures,
      traffic,
      dataplane: this.#dataplane?.counters() ?? {},
      eventLoopDelay: this.#eventLoopDelay,
    });
    this.#eventLoopDelay.reset();
    return text;
  }

  kick(id: number): boolean {
    const found = this.#state.kick(id, 'kicked by the administrator', now());
    this.#settle();
    return found;
  }

  reload(settings: GatewaySettings): void {
    this.#act(() => this.#state.reload(settings, now()));
  }

  /** Ends all of a user's sessions, also one whose login is still being checked. */
  endUser(user: string): void {
    this.#act(() => this.#state.endUser(user, 'the user was removed', now()));
  }

  async stop(): Promise<void> {
    this.#act(() => this.#state.close(now()));
    this.#stopping = true;
    clearTimeout(this.#timer);
    this.#eventLoopDelay.disable();
    await new Promise((resolve) => setTimeout(resolve, FAREWELL));
    await this.#dataplane?.close();
    this.#keylog?.close();
  }

  #dataplaneEvents(): DataplaneEvents {
    return {
      onIke: (path, message) => this.#act(() => this.#state.handleDatagram(path, message, now())),
      onL2tp: (id, port, message) => this.#act(() => this.#state.handleL2tp(id, port, message, now())),
      onPathChange: (id, path) => this.#act(() => this.#state.handlePathChange(id, path)),
      onRekeyNeeded: (id, spi) => this.#act(() => this.#state.handleRekeyNeeded(id, spi, now())),
      onFirstPacket: (id, spi) => this.#act(() => this.#state.handleFirstPacket(id, spi, now())),
      onUnknownSpi: (path, spi) => {
        this.#log.debug(
          { remote: path.remote.address.text, spi: spi.toString(16) },
          'ESP for an SPI that is not known',
        );
        this.#act(() => this.#state.handleUnknownSpi(path, spi, now()));
      },
      onFailure: (error) => this.#failure.resolve(error),
    };
  }

  /** A mistake of ours in one call must not end everybody's sessions: it is logged, and the rest goes on. */
  #act(what: () => void): void {
    if (this.#stopping) return;
    try {
      what();
      this.#settle();
    } catch (error) {
      this.#log.error({ err: error }, 'internal error; please report it');
    }
  }

  /** Carries out what the state decided, sends, arms the one timer; then tells, which may be slow. */
  #settle(): void {
    const told: Told[] = [];
    for (let event = this.#state.pollEvent(); event; event = this.#state.pollEvent()) {
      // the counters of a session that ends are gone with it
      if ('who' in event) told.push({ event, counters: 'id' in event ? this.#counters(event.id) : NO_COUNTERS });
      else this.#apply(event);
    }
    for (let out = this.#state.pollTransmit(); out; out = this.#state.pollTransmit()) {
      this.#dataplane?.sendIke(out.path, out.message);
    }
    this.#arm(this.#state.pollTimeout());
    for (const { event, counters } of told) this.#records.report(event, counters, now());
  }

  #arm(at: number | undefined): void {
    if (this.#stopping || at === undefined || at >= this.#timerAt) return;
    clearTimeout(this.#timer);
    this.#timerAt = at;
    this.#timer = setTimeout(() => this.#timeUp(), Math.max(0, at - now()));
  }

  #timeUp(): void {
    this.#timerAt = Number.POSITIVE_INFINITY;
    this.#act(() => this.#state.handleTimeout(now()));
  }

  #apply(event: Effect): void {
    switch (event.type) {
      case 'authenticate':
      case 'authenticate-chap':
        this.#checkLogin(event);
        break;
      case 'join-session':
        this.#order(event.id, (dataplane) => dataplane.joinSession(event.id, event.host));
        break;
      case 'bind-call':
        this.#order(event.id, (dataplane) => dataplane.bindCall(event.id, event.inner, event.call));
        break;
      case 'unbind-call':
        this.#order(event.id, (dataplane) => dataplane.unbindCall(event.id));
        break;
      case 'send-l2tp':
        this.#order(event.id, (dataplane) => dataplane.sendL2tp(event.id, event.port, event.message));
        break;
      case 'open-session':
        this.#order(event.id, (dataplane) => dataplane.openSession(event.id, event.inner, event.path));
        break;
      case 'install-sa':
        this.#order(event.sa.sessionId, (dataplane) => dataplane.installSa(event.sa));
        this.#recordKeys(event);
        break;
      case 'remove-sa':
        this.#order(event.sessionId, (dataplane) => dataplane.removeSa(event.sessionId, event.direction, event.spi));
        break;
      case 'move-path':
        this.#order(event.id, (dataplane) => dataplane.movePath(event.id, event.path));
        break;
      case 'close-session':
        this.#order(undefined, (dataplane) => dataplane.closeSession(event.id));
        break;
      case 'phase1-key':
        this.#keylog?.phase1(event.initiatorCookie, event.cipherKey);
        break;
      case 'leased':
        this.#records.keepLease(event);
        break;
      case 'dropped':
        this.#figures.countDrop(event.reason);
        this.#log.debug({ reason: event.reason }, 'dropped an IKE message');
        break;
    }
  }

  /** What the dataplane can't do, for want of room say, ends the session that it was for, and no other. */
  #order(session: number | undefined, what: (dataplane: Dataplane) => void): void {
    try {
      if (this.#dataplane) what(this.#dataplane);
    } catch (error) {
      this.#log.error({ session, err: error }, 'the dataplane refused');
      if (session !== undefined) this.#state.breakOff(session, 'the dataplane has no room for it', now());
    }
  }

  #checkLogin(event: LoginQuestion): void {
    const failed = (error: unknown): LoginVerdict => {
      this.#log.error({ err: error }, 'the login could not be checked');
      return { ok: false, reason: 'it could not be checked: see the error before this line' };
    };
    const verdict = this.#logins.check(event).catch(failed);
    verdict.then((checked) => this.#act(() => this.#state.answerLogin(event.requestId, checked, now())));
  }

  #recordKeys({ sa, path }: GatewayEvent & { readonly type: 'install-sa' }): void {
    const [local, remote] = [path.local.address, path.remote.address];
    const [source, destination] = sa.direction === 'in' ? [remote, local] : [local, remote];
    this.#keylog?.esp({ source, destination, spi: sa.spi, suite: sa.suite, keys: sa.keys });
  }

  /** Of a session that the dataplane has open; zeros for any other. */
  #counters(id: number): SessionCounters {
    return this.#dataplane?.sessionCounters(id) ?? NO_COUNTERS;
  }
}

function now(): number {
  return performance.now();
}

function wallClock(at: number): string {
  return new Date(performance.timeOrigin + at).toISOString();
}

/** The first address of the top-level pool. */
function ownAddress(config: GatewayConfig): IpAddress {
  return ipFromBytes(u32(readU32(config.given.pool.address.bytes) + 1));
}
