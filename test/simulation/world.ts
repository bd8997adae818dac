/** A gateway, its clients and the network between them, in virtual time; everything follows from one seed. */
import assert from 'node:assert/strict';
import type { Bytes } from '../../src/core/bytes/bytes.ts';
import { utf8 } from '../../src/core/bytes/text.ts';
import type { IkePath } from '../../src/core/carrier/ike-path.ts';
import type { EspCarrier, EspPath } from '../../src/core/esp/sa.ts';
import { formatEndpoint, type IpAddress, parseIp, parsePrefix } from '../../src/core/net/address.ts';
import { earliest, type Instant, SECOND } from '../../src/core/net/time.ts';
import type { GatewayEvent, LoginVerdict } from '../../src/core/session/events.ts';
import { type GatewayOptions, GatewayState } from '../../src/core/session/gateway-state.ts';
import type { GroupPolicy, L2tpPolicy } from '../../src/core/session/policy.ts';
import { L2TP_PORT } from '../../src/core/wire/l2tp.ts';
import { checkChap } from '../core/ppp/check.ts';
import { Seeded } from '../seeded.ts';
import { seededCrypto } from '../seeded-crypto.ts';
import { Client, type ClientOptions } from './client.ts';
import { DataplaneModel } from './dataplane-model.ts';
import { Dialer, type DialerOptions } from './dialer.ts';
import { type Content, type Datagram, Nat, Network } from './network.ts';

const GATEWAY = parseIp('203.0.113.1')!;
const CISCO_UDP_PORT = 10_000;
const CISCO_TCP_PORT = 10_000;
const PSK = 'a group secret of some length';
const PASSWORD = 'secret';
/** Of one moment: more are a loop. */
const MAX_STEPS = 10_000;

export interface WorldOptions {
  readonly seed: number;
  readonly pool?: string;
  /** Seconds. */
  readonly phase1Lifetime?: number;
  readonly phase2Lifetime?: number;
  /** Users come by L2TP, too. */
  readonly l2tp?: L2tpPolicy;
  /** False: it serves no ESP in Cisco's UDP. */
  readonly ciscoUdp?: boolean;
}

export class World {
  readonly random: Seeded;
  readonly network: Network;
  gateway: GatewayState;
  dataplane = new DataplaneModel();
  readonly #gatewayOptions: GatewayOptions;
  readonly clients: Client[] = [];
  readonly dialers: Dialer[] = [];
  readonly events: GatewayEvent[] = [];
  readonly #logins: { readonly at: Instant; readonly requestId: number; readonly verdict: LoginVerdict }[] = [];
  #plans: { readonly at: Instant; readonly act: () => void }[] = [];
  /** Those that the gateway knows, by their other end. */
  readonly #flows = new Set<string>();
  now: Instant = 1_000_000;
  /** False: the administrator has changed all passwords. */
  letsIn = true;
  /** Passwords that were shown to it. */
  passwords = 0;
  /** What the gateway says to a session's client by L2TP, in place of what it would. */
  tamperL2tp: (id: number, message: Bytes) => readonly Bytes[] = (_, message) => [message];

  constructor(options: WorldOptions) {
    const { seed, pool = '10.77.0.0/27', phase1Lifetime = 3600, phase2Lifetime = 900, l2tp, ciscoUdp = true } = options;
    this.random = new Seeded(seed);
    this.network = new Network(this.random);
    this.network.attach(GATEWAY, (datagram) => this.#receive(datagram));
    const group: GroupPolicy = {
      name: 'labgroup',
      psk: utf8(PSK),
      hybrid: false,
      certificates: false,
      pool: parsePrefix(pool)!,
      dns: [],
      domain: undefined,
      routes: undefined,
      banner: undefined,
      users: undefined,
      maxSessions: undefined,
      idleTimeout: undefined,
      sessionTimeout: undefined,
    };
    this.#gatewayOptions = {
      crypto: seededCrypto(this.random),
      policy: {
        groups: [group, { ...group, name: undefined }],
        peers: [],
        ciscoUdpPort: ciscoUdp ? CISCO_UDP_PORT : undefined,
        ciscoTcpPorts: [CISCO_TCP_PORT],
        natT: true,
        nativeEsp: true,
        legacy: false,
        ...(l2tp && { l2tp }),
      },
      natTPort: 4500,
      certificate: undefined,
      identity: undefined,
      verifier: undefined,
      ownAddress: parseIp('10.77.0.1')!,
      phase1Lifetime,
      phase2Lifetime: { seconds: phase2Lifetime, kilobytes: undefined },
      dpd: { idle: 20 * SECOND, timeout: 60 * SECOND },
      lastTraffic: (id: number) => this.dataplane.lastTraffic(id),
    };
    this.gateway = new GatewayState(this.#gatewayOptions);
  }

  /** The gateway's process is gone with all that it knew, and another begins. */
  restartGateway(): void {
    this.dataplane = new DataplaneModel();
    this.#logins.length = 0;
    this.#flows.clear();
    this.gateway = new GatewayState(this.#gatewayOptions);
  }

  addClient(options: Partial<ClientOptions> & { readonly address: IpAddress }): Client {
    const client = new Client(
      {
        user: `user${this.clients.length}`,
        password: PASSWORD,
        psk: PSK,
        group: 'labgroup',
        mode: this.random.pick(['main', 'aggressive']),
        gateway: GATEWAY,
        phase1Lifetime: 3600,
        phase2Lifetime: 900,
        pfs: this.random.chance(0.5),
        rekeys: true,
        dpd: { idle: 20 * SECOND, timeout: 60 * SECOND },
        ...options,
      },
      seededCrypto(this.random),
      this.network,
      this.random,
    );
    this.clients.push(client);
    return client;
  }

  /** Our own client. */
  addDialer(options: Partial<DialerOptions> & { readonly address: IpAddress }): Dialer {
    const user = `user${this.dialers.length}`;
    const defaults = { user, password: PASSWORD, psk: PSK, group: 'labgroup', gateway: GATEWAY };
    const dialer = new Dialer({ ...defaults, ...options }, seededCrypto(this.random), this.network);
    this.dialers.push(dialer);
    return dialer;
  }

  addNat(third: number, publicAddress: IpAddress): Nat {
    return this.network.add(new Nat(this.random, [192, 168, third], publicAddress));
  }

  /** Calls `act` when it is time. */
  plan(at: Instant, act: () => void): void {
    this.#plans.push({ at, act });
    this.#plans.sort((a, b) => a.at - b.at);
  }

  runUntil(until: Instant): void {
    let steps = 0;
    for (let at = this.#next(); at !== undefined && at <= until; at = this.#next()) {
      steps = at > this.now ? 0 : steps + 1;
      assert.ok(steps < MAX_STEPS, 'something stays due for ever');
      this.now = Math.max(this.now, at);
      this.#step();
    }
    this.now = until;
  }

  run(milliseconds: number): void {
    this.runUntil(this.now + milliseconds);
  }

  #next(): Instant | undefined {
    return earliest(
      this.network.nextArrival(),
      this.gateway.pollTimeout(),
      this.#plans[0]?.at,
      ...this.#logins.map(({ at }) => at),
      ...[...this.clients, ...this.dialers].map((client) => client.pollTimeout()),
    );
  }

  #step(): void {
    const { now } = this;
    for (; this.#plans[0] && this.#plans[0].at <= now; ) this.#plans.shift()!.act();
    this.network.deliver(now);
    for (const login of this.#logins.filter(({ at }) => at <= now)) {
      this.#logins.splice(this.#logins.indexOf(login), 1);
      this.gateway.answerLogin(login.requestId, login.verdict, now);
    }
    if ((this.gateway.pollTimeout() ?? Number.POSITIVE_INFINITY) <= now) this.gateway.handleTimeout(now);
    this.drain();
    for (const client of [...this.clients, ...this.dialers])
      if ((client.pollTimeout() ?? Number.POSITIVE_INFINITY) <= now) client.handleTimeout(now);
  }

  /** Takes over what the gateway has to tell and to send. */
  drain(): void {
    for (let event = this.gateway.pollEvent(); event; event = this.gateway.pollEvent()) {
      this.events.push(event);
      this.dataplane.apply(event);
      if (event.type === 'send-l2tp')
        for (const message of this.tamperL2tp(event.id, event.message)) this.sendL2tp(event.id, message);
      if (event.type !== 'authenticate' && event.type !== 'authenticate-chap') continue;
      if (event.type === 'authenticate') this.passwords++;
      const at = this.now + this.random.below(300);
      this.#logins.push({ at, requestId: event.requestId, verdict: this.#verdictOn(event) });
    }
    for (let sent = this.gateway.pollTransmit(); sent; sent = this.gateway.pollTransmit()) {
      const { path, message } = sent;
      this.#send(path, { kind: 'ike', bytes: message });
    }
    const addresses = this.gateway.sessions().map(({ address }) => address);
    assert.equal(new Set(addresses).size, addresses.length, `an address was given twice: ${addresses}`);
  }

  #verdictOn(event: Extract<GatewayEvent, { type: 'authenticate' | 'authenticate-chap' }>): LoginVerdict {
    if (!this.letsIn) return { ok: false, reason: 'wrong password' };
    const isIn = { ok: true, address: undefined, lastAddress: undefined } as const;
    const isWrong = { ok: false, reason: 'wrong password' } as const;
    if (event.type === 'authenticate') return event.password === PASSWORD ? isIn : isWrong;
    const { ok, response } = checkChap(this.#gatewayOptions.crypto, event.proof, PASSWORD);
    return ok ? { ...isIn, response } : isWrong;
  }

  /** From the gateway, through the session's SA. */
  sendL2tp(id: number, message: Bytes): void {
    const sealed = this.dataplane.sessions.has(id) ? this.dataplane.seal(id, message) : undefined;
    if (sealed) this.#send(sealed.path, sealed.packet);
  }

  #receive({ from, to, content, tcp = false }: Datagram): void {
    const flow = { carrier: 'cisco-tcp', local: to, remote: from } as const;
    if (tcp && content.kind !== 'rst' && !this.#admit(flow, content)) return;
    if (content.kind === 'rst') this.#flows.delete(formatEndpoint(from));
    else if (content.kind === 'ike') {
      const carrier = to.port === 4500 ? 'nat-t' : 'udp';
      this.gateway.handleDatagram(tcp ? flow : { carrier, local: to, remote: from }, content.bytes, this.now);
      this.drain();
    } else if (content.kind === 'esp') {
      this.#receiveEsp(content, tcp ? flow : { carrier: espCarrierAt(to.port), local: to, remote: from });
    }
  }

  /** Opens a flow; what is for none of those that it knows is answered by a RST. */
  #admit(flow: EspPath, { kind }: Content): boolean {
    const name = formatEndpoint(flow.remote);
    if (kind === 'syn') {
      this.#flows.add(name);
      this.#send(flow, { kind: 'syn-ack' });
    } else if (!this.#flows.has(name)) {
      this.#send(flow, { kind: 'rst' });
      return false;
    }
    return true;
  }

  #receiveEsp(content: Extract<Content, { kind: 'esp' }>, path: EspPath): void {
    const opened = this.dataplane.open(content, path, this.now);
    if (!opened) return;
    if (opened.moved) this.gateway.handlePathChange(opened.id, path);
    if (opened.first) this.gateway.handleFirstPacket(opened.id, content.spi, this.now);
    if (content.l2tp) this.gateway.handleL2tp(opened.id, L2TP_PORT, content.l2tp, this.now);
    this.drain();
    if (content.l2tp) return;
    const echo = this.dataplane.seal(opened.id);
    if (echo) this.#send(echo.path, echo.packet);
  }

  #send({ carrier, local, remote }: EspPath | IkePath, content: Content): void {
    this.network.send({ from: local, to: remote, content, tcp: carrier === 'cisco-tcp' }, this.now);
  }
}

function espCarrierAt(port: number): EspCarrier {
  if (port === 4500) return 'nat-t';
  return port === CISCO_UDP_PORT ? 'cisco-udp' : 'esp';
}
