/** Assembles the client: the state in the middle, the dataplane on one side, the user and the host's network on the other. */
import type { IkePath } from '../core/carrier/ike-path.ts';
import type { EspCarrier } from '../core/esp/sa.ts';
import { samePath } from '../core/net/path.ts';
import type { Instant } from '../core/net/time.ts';
import { CISCO_UDP_PORT } from '../core/openings/openings.ts';
import { ClientState } from '../core/session/client/client-state.ts';
import {
  CLIENT_SESSION,
  type ClientEvent,
  type ClientFailure,
  type ClientOptions,
  type TunnelUp,
  type TunnelVitals,
} from '../core/session/client/events.ts';
import { TokenBucket } from '../core/session/token-bucket.ts';
import type { Dataplane, DataplaneEvents, SessionCounters } from '../dataplane/dataplane.ts';
import { openDataplane } from '../dataplane/index.ts';
import type { CarrierMemory } from '../host/network/carrier-memory.ts';
import { networkName } from '../host/network/network-name.ts';
import type { Gateway } from '../host/network/plan.ts';
import type { Asker } from './asker.ts';
import { GatewayNames } from './gateway-names.ts';
import { locate } from './locate.ts';
import { Questions } from './questions.ts';
import type { ClientReport } from './report.ts';
import { blockedCarrier, tunnelReport } from './reporting.ts';

/** SO_MARK of our own sockets: it keeps them out of the tunnels of all clients on the host. */
export const CLIENT_MARK = 0x5a11;

export interface ClientParts {
  readonly options: Omit<ClientOptions, 'ports' | 'lastTraffic'>;
  readonly ports: ClientOptions['ports']['remote'];
  readonly tun: string;
  readonly mtu: number;
  readonly memory: CarrierMemory;
  /** Whom an earlier client of this profile reached, while what it left keeps name servers from being asked. */
  readonly served: Gateway | undefined;
  readonly asker: Asker;
  readonly report: (event: ClientReport) => void;
  /** Brings the host's network to what the tunnel is for. */
  readonly raise: (tunnel: TunnelUp) => Promise<void>;
  /** There is no tunnel for a while. */
  readonly lower: () => Promise<void>;
  /** Keep NATs on the way from forgetting us; absent: yes. */
  readonly keepalive?: boolean;
  /** Hears each event before it is acted upon; absent: nobody. */
  readonly observe?: (event: ClientEvent) => void;
}

type Traffic = Omit<SessionCounters, 'lastInbound'>;

/** How long the deletes at the end have to leave. */
const FAREWELL = 100;

export class Client {
  readonly #parts: ClientParts;
  readonly #state: ClientState;
  readonly #dataplane: Dataplane;
  readonly #ended = Promise.withResolvers<ClientFailure | undefined>();
  readonly #flows = new Map<number, IkePath>();
  /** What goes through the tunnel, after the messages of IKE that it may need at the other end. */
  readonly #inside: (() => void)[] = [];
  /** Those that end with what is sent now. */
  readonly #closing: IkePath[] = [];
  readonly #names = new GatewayNames();
  readonly #questions: Questions;
  readonly #past = { packetsIn: 0, bytesIn: 0, packetsOut: 0, bytesOut: 0 };
  /** The host's network follows one event after the other. */
  #network: Promise<void> = Promise.resolve();
  /** A gateway may have much to say. */
  readonly #notices = new TokenBucket({ perSecond: 0.5, burst: 30 });
  /** Told to be tried since a tunnel stood last. */
  readonly #tried = new Set<string>();
  #timer: NodeJS.Timeout | undefined;
  #stopped = false;
  /** When we sent last, by IKE or inside the tunnel, but for what the host sends through it. */
  #sentAt = 0;

  /** Rejects with a DataplaneError when the machine lacks something. */
  static async open(parts: ClientParts): Promise<Client> {
    // what comes before the client is there is about nothing of ours
    let client: Client | undefined;
    const events: DataplaneEvents = {
      onIke: (path, message) => client?.act((state) => state.handleDatagram(path, message, now())),
      onL2tp: (_, port, message) => client?.act((state) => state.handleL2tp(port, message, now())),
      onPathChange: (_, path) => client?.act((state) => state.handlePathChange(path)),
      onRekeyNeeded: (_, spi) => client?.act((state) => state.handleRekeyNeeded(spi, now())),
      onFirstPacket: (_, spi) => client?.act((state) => state.handleFirstPacket(spi, now())),
      onUnknownSpi: () => undefined,
      onFlowOpened: (path) => client?.flow(path, { path }),
      onFlowClosed: (path, failed) => client?.flow(path, { failed }),
      onFailure: (error) => client?.fail(error),
    };
    const dataplane = await openDataplane(
      {
        listen: undefined,
        ikePort: parts.ports.ike,
        natTPort: parts.ports.natT,
        ciscoUdpPort: parts.ports.ciscoUdp ?? CISCO_UDP_PORT,
        nativeEsp: parts.options.carriers.includes('esp'),
        ciscoTcpFlows: parts.options.carriers.includes('cisco-tcp'),
        anyPort: true,
        mark: CLIENT_MARK,
        tun: { name: parts.tun, address: undefined, routes: [], mtu: parts.mtu },
        clientToClient: false,
        keepalive: parts.keepalive ?? true,
      },
      events,
    );
    client = new Client(parts, dataplane);
    return client;
  }

  private constructor(parts: ClientParts, dataplane: Dataplane) {
    const { ike, natT, ciscoUdp } = dataplane.ports;
    this.#parts = parts;
    this.#dataplane = dataplane;
    this.#questions = new Questions(parts.asker, parts.report, (requestId, answers) =>
      this.act((state) => state.answer(requestId, answers, now())),
    );
    if (parts.served) this.#names.served(parts.served.name, parts.served.address);
    this.#state = new ClientState({
      ...parts.options,
      ports: { local: { ike, natT: natT ?? 0, ciscoUdp: ciscoUdp ?? 0 }, remote: parts.ports },
      lastTraffic: () => dataplane.lastInbound(CLIENT_SESSION),
    });
  }

  /** Settles when it is over; rejects when the machine fails it. */
  get ended(): Promise<ClientFailure | undefined> {
    return this.#ended.promise;
  }

  get traffic(): Traffic {
    const { packetsIn, bytesIn, packetsOut, bytesOut } = this.#dataplane.sessionCounters(CLIENT_SESSION);
    const past = this.#past;
    return {
      packetsIn: past.packetsIn + packetsIn,
      bytesIn: past.bytesIn + bytesIn,
      packetsOut: past.packetsOut + packetsOut,
      bytesOut: past.bytesOut + bytesOut,
    };
  }

  connect(): void {
    this.act((state) => state.connect());
  }

  /** The host's addresses or routes are others now. */
  networkChanged(): void {
    this.act((state) => state.handleNetworkChange(now()));
  }

  /** Undefined: no tunnel stands. */
  get vitals(): TunnelVitals | undefined {
    return this.#state.vitals;
  }

  get sentAt(): Instant {
    return this.#sentAt;
  }

  /** Asks the gateway whether it is there. */
  ask(): void {
    this.act((state) => state.ask(now()));
  }

  /** Echo requests through the tunnel. */
  sendEcho(round: number): void {
    this.act((state) => state.sendEcho(round));
  }

  /** As the user wishes. */
  disconnect(): void {
    this.act((state) => state.close(now()));
  }

  /** Frees all that was taken; the host's network is the caller's to restore. */
  async close(): Promise<void> {
    this.#stopped = true;
    clearTimeout(this.#timer);
    await this.#network;
    await new Promise((resolve) => setTimeout(resolve, FAREWELL));
    await this.#dataplane.close();
  }

  private act(what: (state: ClientState) => void): void {
    if (this.#stopped) return;
    try {
      what(this.#state);
      for (let event = this.#state.pollEvent(); event; event = this.#state.pollEvent()) this.#apply(event);
      for (let out = this.#state.pollTransmit(); out; out = this.#state.pollTransmit()) {
        this.#dataplane.sendIke(out.path, out.message);
        this.#sentAt = now();
      }
      this.#sendInside();
      // What leaves over a flow, such as a delete, goes before its end.
      for (const path of this.#closing.splice(0)) this.#dataplane.closeFlow(path);
      this.#arm();
    } catch (error) {
      this.fail(error as Error);
    }
  }

  private flow(path: IkePath, outcome: Parameters<ClientState['handleFlow']>[1]): void {
    const known = [...this.#flows].find(([, one]) => samePath(one, path));
    if (!known) return;
    const [flowId] = known;
    if ('failed' in outcome) this.#flows.delete(flowId);
    this.act((state) => state.handleFlow(flowId, outcome, now()));
  }

  private fail(error: Error): void {
    this.#ended.reject(error);
  }

  #arm(): void {
    clearTimeout(this.#timer);
    const at = this.#state.pollTimeout();
    if (at === undefined || this.#stopped) return;
    this.#timer = setTimeout(() => this.act((state) => state.handleTimeout(now())), Math.max(0, at - now()));
  }

  #apply(event: ClientEvent): void {
    const dataplane = this.#dataplane;
    this.#parts.observe?.(event);
    switch (event.type) {
      case 'locate':
        void locate(event, CLIENT_MARK, this.#parts.memory, this.#names).then((location) =>
          this.act((state) => state.located(event.requestId, location, now())),
        );
        break;
      case 'open-flow':
        this.#openFlow(event);
        break;
      case 'close-flow': {
        const path = this.#flows.get(event.flowId);
        this.#flows.delete(event.flowId);
        if (path) this.#closing.push(path);
        break;
      }
      case 'ask':
        this.#questions.ask(event);
        break;
      case 'open-session':
        dataplane.openSession(event.id, event.inner, event.path);
        break;
      case 'install-sa':
        dataplane.installSa(event.sa);
        break;
      case 'remove-sa':
        this.#sendInside();
        dataplane.removeSa(event.sessionId, event.direction, event.spi);
        break;
      case 'move-path':
        dataplane.movePath(event.id, event.path);
        break;
      case 'close-session':
        this.#sendInside();
        Object.assign(this.#past, this.traffic);
        dataplane.closeSession(event.id);
        break;
      case 'bind-call':
        dataplane.bindCall(event.id, event.inner, event.call);
        break;
      case 'send-l2tp':
        this.#inside.push(() => dataplane.sendL2tp(event.id, event.port, event.message));
        break;
      case 'send-inner':
        this.#inside.push(() => dataplane.sendInner(event.id, event.packet));
        break;
      case 'dropped':
      case 'liveness':
        break;
      case 'down':
        this.#ended.resolve(event.failure);
        break;
      default:
        this.#tell(event);
    }
  }

  #sendInside(): void {
    if (this.#inside.length > 0) this.#sentAt = now();
    for (const send of this.#inside.splice(0)) send();
  }

  #openFlow({ flowId, local, remote }: ClientEvent & { readonly type: 'open-flow' }): void {
    try {
      this.#flows.set(flowId, this.#dataplane.openFlow(local, remote));
    } catch {
      // too many, or no such carrier on this machine: it counts as not there
      setImmediate(() => this.act((state) => state.handleFlow(flowId, { failed: 'timeout' }, now())));
    }
  }

  /** What a person is told, some of it when the host's network is ready. */
  #tell(event: Exclude<ClientEvent, { type: 'locate' | 'ask' | 'down' | 'dropped' | 'liveness' }>): void {
    const { report, tun } = this.#parts;
    switch (event.type) {
      case 'trying':
        for (const carrier of event.carriers) this.#tellTrying(carrier, event.gateway);
        break;
      case 'up':
        this.#tried.clear();
        this.#names.served(event.tunnel.gateway, event.tunnel.remote.address);
        void this.#remember(event.tunnel);
        this.#follow(async () => {
          await this.#parts.raise(event.tunnel);
          const { banner } = event.tunnel.given;
          if (banner) report({ type: 'banner', text: banner });
          report({ type: 'up', ...tunnelReport(event.tunnel, tun), blocked: event.failures.map(blockedCarrier) });
        });
        break;
      case 'carrier-changed': {
        void this.#remember(event.tunnel);
        const { carrier, gateway } = tunnelReport(event.tunnel, tun);
        report({ type: 'carrier-changed', from: event.from, carrier, gateway, reason: event.reason });
        break;
      }
      case 'rekeyed':
        report({ type: 'rekeyed', phase: event.phase, suite: event.suite });
        break;
      case 'reconnecting':
        this.#names.lost();
        this.#follow(this.#parts.lower);
        report({ type: 'reconnecting', reason: event.reason, inSeconds: Math.round((event.at - now()) / 1000) });
        break;
      case 'notice':
        if (this.#notices.take(now())) report(event);
    }
  }

  /** Two ways lead to NAT-T. */
  #tellTrying(carrier: EspCarrier, gateway: string): void {
    const name = `${carrier} ${gateway}`;
    if (!this.#tried.has(name)) this.#parts.report({ type: 'trying', carrier, gateway });
    this.#tried.add(name);
  }

  #follow(work: () => Promise<void>): void {
    this.#network = this.#network.then(work).catch((error: Error) => this.fail(error));
  }

  async #remember({ carrier, gateway }: TunnelUp): Promise<void> {
    // what was forced says nothing about what the network lets through best
    if (this.#parts.options.carriers.length === 1) return;
    const network = await networkName();
    if (network !== undefined) this.#parts.memory.remember(network, gateway, carrier);
  }
}

function now(): number {
  return performance.now();
}
