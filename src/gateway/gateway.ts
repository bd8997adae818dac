/** Assembles the gateway: the state in the middle, the dataplane on one side, passwords, store and logs on the other. */
import type { GatewayConfig } from '../config/config.ts';
import type { SessionRow } from '../control/types.ts';
import { readU32, u32 } from '../core/bytes/bytes.ts';
import { formatPrefix, type IpAddress, ipFromBytes, type Prefix, parseIp } from '../core/net/address.ts';
import { SECOND } from '../core/net/time.ts';
import type { GatewayEvent, LoginVerdict, Who } from '../core/session/events.ts';
import { GatewayState } from '../core/session/gateway-state.ts';
import type { Dataplane, DataplaneEvents, SessionCounters } from '../dataplane/dataplane.ts';
import { openDataplane } from '../dataplane/index.ts';
import { nodeCrypto } from '../host/crypto/node-crypto.ts';
import { type Keylog, openKeylog } from '../host/keylog.ts';
import type { Logger } from '../host/log.ts';
import { PasswordVerifier } from '../host/passwords.ts';
import type { Store } from '../host/store/store.ts';
import type { StartGateway } from './program.ts';

const NO_COUNTERS: SessionCounters = { packetsIn: 0, bytesIn: 0, packetsOut: 0, bytesOut: 0, lastInbound: 0 };

/** How long the deletes at the end have to leave. */
const FAREWELL = 100;

const LOGIN_FAILURES = {
  'unknown-user': "no user has this name; 'sallyport user list' shows those there are",
  'wrong-password': 'the password is wrong',
  throttled: 'too many wrong passwords came lately for this user or from this source',
} as const;

export const startGateway: StartGateway = async (config, store, log) => {
  const keylog = config.keylog === undefined ? undefined : openKeylog(config.keylog);
  const gateway = new Gateway(config, store, log, keylog);
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
  readonly #store: Store;
  readonly #log: Logger;
  readonly #keylog: Keylog | undefined;
  readonly #state: GatewayState;
  readonly #passwords: PasswordVerifier;
  readonly #failure = Promise.withResolvers<Error>();
  /** History rows of the sessions that are up. */
  readonly #history = new Map<number, number>();
  readonly #legacySeen = new Set<string>();
  readonly #drops = new Map<string, number>();
  #dataplane: Dataplane | undefined;
  #timer: NodeJS.Timeout | undefined;
  #timerAt = Number.POSITIVE_INFINITY;
  #stopping = false;

  constructor(config: GatewayConfig, store: Store, log: Logger, keylog: Keylog | undefined) {
    this.#config = config;
    this.#store = store;
    this.#log = log;
    this.#keylog = keylog;
    this.#passwords = new PasswordVerifier(store.users);
    const { lifetimes, dpd } = config;
    this.#state = new GatewayState({
      crypto: nodeCrypto,
      policy: config.policy,
      certificate: undefined,
      identity: undefined,
      verifier: undefined,
      natTPort: config.ports.natT,
      ownAddress: ownAddress(config),
      phase1Lifetime: lifetimes.phase1Seconds,
      phase2Lifetime: { seconds: lifetimes.phase2Seconds, kilobytes: lifetimes.phase2Kilobytes },
      dpd: dpd && { idle: dpd.idleSeconds * SECOND, timeout: dpd.timeoutSeconds * SECOND },
      lastTraffic: (id) => this.#counters(id).lastInbound,
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
        tun: { name: config.tun, address: ownAddress(config), routes: innerNetworks(config), mtu: config.mtu },
        clientToClient: config.clientToClient,
      },
      this.#dataplaneEvents(),
    );
  }

  sessions(): SessionRow[] {
    return this.#state.sessions().map(({ id, who, address, carrier, phase1, esp, since }) => {
      const { lastInbound, ...counters } = this.#counters(id);
      return {
        id,
        user: who.user ?? null,
        group: who.group ?? null,
        peer: who.identity ?? '',
        remote: who.remote,
        carrier,
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

  kick(id: number): boolean {
    const found = this.#state.kick(id, 'kicked by the administrator', now());
    this.#settle();
    return found;
  }

  async stop(): Promise<void> {
    this.#state.close(now());
    this.#settle();
    this.#stopping = true;
    clearTimeout(this.#timer);
    await new Promise((resolve) => setTimeout(resolve, FAREWELL));
    await this.#dataplane?.close();
    this.#keylog?.close();
  }

  #dataplaneEvents(): DataplaneEvents {
    return {
      onIke: (path, message) => this.#act(() => this.#state.handleDatagram(path, message, now())),
      onPathChange: (id, path) => this.#act(() => this.#state.handlePathChange(id, path)),
      onRekeyNeeded: (id, spi) => this.#act(() => this.#state.handleRekeyNeeded(id, spi, now())),
      onFirstPacket: () => {},
      onUnknownSpi: (path, spi) => {
        this.#log.debug(
          { remote: path.remote.address.text, spi: spi.toString(16) },
          'ESP for an SPI that is not known',
        );
      },
      onFailure: (error) => this.#failure.resolve(error),
    };
  }

  #act(what: () => void): void {
    if (this.#stopping) return;
    what();
    this.#settle();
  }

  /** Carries out what the state decided, and arms the one timer. */
  #settle(): void {
    for (let event = this.#state.pollEvent(); event; event = this.#state.pollEvent()) this.#apply(event);
    for (let out = this.#state.pollTransmit(); out; out = this.#state.pollTransmit()) {
      this.#dataplane?.sendIke(out.path, out.message);
    }
    this.#arm(this.#state.pollTimeout());
  }

  #arm(at: number | undefined): void {
    if (this.#stopping || at === undefined || at >= this.#timerAt) return;
    clearTimeout(this.#timer);
    this.#timerAt = at;
    this.#timer = setTimeout(() => this.#timeUp(), Math.max(0, at - now()));
  }

  #timeUp(): void {
    this.#timerAt = Number.POSITIVE_INFINITY;
    this.#state.handleTimeout(now());
    this.#settle();
  }

  #apply(event: GatewayEvent): void {
    switch (event.type) {
      case 'authenticate':
        this.#authenticate(event).catch((error) => this.#log.error({ err: error }, 'the login could not be checked'));
        break;
      case 'open-session':
        this.#dataplane?.openSession(event.id, event.inner, event.path);
        break;
      case 'install-sa':
        this.#dataplane?.installSa(event.sa);
        this.#recordKeys(event);
        break;
      case 'remove-sa':
        this.#dataplane?.removeSa(event.sessionId, event.direction, event.spi);
        break;
      case 'move-path':
        this.#dataplane?.movePath(event.id, event.path);
        break;
      case 'close-session':
        this.#dataplane?.closeSession(event.id);
        break;
      case 'phase1-key':
        this.#keylog?.phase1(event.initiatorCookie, event.cipherKey);
        break;
      case 'leased': {
        const { group = '', user, address } = event;
        this.#store.leases.remember({ group, user, address: address.text });
        break;
      }
      case 'dropped':
        this.#drops.set(event.reason, (this.#drops.get(event.reason) ?? 0) + 1);
        this.#log.debug({ reason: event.reason }, 'dropped an IKE message');
        break;
      default:
        this.#report(event);
    }
  }

  /** What a person reads: one line each, and a row where it is kept. */
  #report(event: Extract<GatewayEvent, { readonly who: Who }>): void {
    const fields = described(event.who);
    switch (event.type) {
      case 'session-up': {
        const { user, group, remote } = event.who;
        this.#history.set(event.id, this.#store.history.begin({ user, group, remote, address: event.address }));
        this.#log.info({ session: event.id, ...fields, address: event.address, by: event.summary }, 'session is up');
        break;
      }
      case 'session-down': {
        const { bytesIn, bytesOut } = this.#counters(event.id);
        const row = this.#history.get(event.id);
        if (row !== undefined) this.#store.history.end(row, { bytesIn, bytesOut, reason: event.reason });
        this.#history.delete(event.id);
        this.#log.info({ session: event.id, ...fields, bytesIn, bytesOut, reason: event.reason }, 'session ended');
        break;
      }
      case 'failure': {
        const { user, group, remote } = event.who;
        this.#store.failures.record({ user, group, remote, reason: `${event.step}: ${event.reason}` });
        this.#log.warn({ ...fields, step: event.step, reason: event.reason }, 'connection failed');
        break;
      }
      case 'notice':
        this.#log.info(fields, event.text);
        break;
      case 'legacy-used':
        if (this.#legacySeen.has(event.what)) break;
        this.#legacySeen.add(event.what);
        this.#log.warn({ ...fields, what: event.what }, 'weak algorithm used, let in by legacy: true (said once)');
        break;
    }
  }

  async #authenticate(event: GatewayEvent & { readonly type: 'authenticate' }): Promise<void> {
    const { requestId, group, user, password, source } = event;
    const verdict = await this.#passwords.verify({ user, password, source: source.address.text });
    const answer: LoginVerdict = verdict.ok
      ? {
          ok: true,
          address: address(verdict.user.address),
          lastAddress: address(this.#store.leases.last(group ?? '', user)),
        }
      : { ok: false, reason: LOGIN_FAILURES[verdict.reason] };
    this.#state.reserve(this.#store.users.list().flatMap((one) => address(one.address) ?? []));
    this.#act(() => this.#state.answerLogin(requestId, answer, now()));
  }

  #recordKeys({ sa, path }: GatewayEvent & { readonly type: 'install-sa' }): void {
    const [local, remote] = [path.local.address, path.remote.address];
    const [source, destination] = sa.direction === 'in' ? [remote, local] : [local, remote];
    this.#keylog?.esp({ source, destination, spi: sa.spi, suite: sa.suite, keys: sa.keys });
  }

  /** Of a session that the dataplane has open; zeros for any other. */
  #counters(id: number): SessionCounters {
    try {
      return this.#dataplane?.sessionCounters(id) ?? NO_COUNTERS;
    } catch {
      return NO_COUNTERS;
    }
  }
}

function now(): number {
  return performance.now();
}

function wallClock(at: number): string {
  return new Date(performance.timeOrigin + at).toISOString();
}

function address(text: string | undefined): IpAddress | undefined {
  return text === undefined ? undefined : parseIp(text);
}

/** Without what isn't known. */
function described({ remote, identity, group, user }: Who): Record<string, string> {
  return {
    ...(user !== undefined && { user }),
    ...(group !== undefined && { group }),
    ...(identity !== undefined && { identity }),
    remote,
  };
}

/** The first address of the top-level pool. */
function ownAddress(config: GatewayConfig): IpAddress {
  return ipFromBytes(u32(readU32(config.given.pool.address.bytes) + 1));
}

/** All that is reached through the tunnel, each network once. */
function innerNetworks({ given, policy }: GatewayConfig): Prefix[] {
  const all = [given.pool, ...policy.groups.map((group) => group.pool), ...policy.peers.map((peer) => peer.inner)];
  return [...new Map(all.map((prefix) => [formatPrefix(prefix), prefix])).values()];
}
