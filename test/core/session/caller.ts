/** An L2TP/IPsec client as Windows makes them: main mode by a secret, quick mode for UDP 1701 in transport mode, L2TP, PPP. */
import type { Bytes } from '../../../src/core/bytes/bytes.ts';
import { udpTransportMode } from '../../../src/core/ikev1/phase2-proposal.ts';
import type { EspPair, Ikev1Event } from '../../../src/core/ikev1/types.ts';
import { readMessage } from '../../../src/core/l2tp/messages.ts';
import { type Endpoint, parseIp, prefixOf } from '../../../src/core/net/address.ts';
import type { Persona } from '../../../src/core/personas/persona.ts';
import { WINDOWS_VISTA } from '../../../src/core/personas/windows.ts';
import type { PppMethod } from '../../../src/core/ppp/methods.ts';
import { phase1Intent, phase2Intent } from '../../../src/core/session/client-offer.ts';
import { Authentication } from '../../../src/core/wire/ikev1.ts';
import { MessageType, parseL2tp } from '../../../src/core/wire/l2tp.ts';
import { quickModeIntent } from '../ikev1/pair.ts';
import { LacSide } from '../l2tp/lac.ts';
import { PppPeer } from '../ppp/peer.ts';
import { type Dialer, GATEWAY, type Scene } from './scene.ts';

export interface CallerOptions {
  readonly user?: string;
  readonly password?: string;
  readonly method?: PppMethod;
  /** Its NAT's endpoint: behind it each has the same private address. */
  readonly from?: Endpoint;
  /** UDP port of its L2TP. */
  readonly port?: number;
  /** Default Windows Vista. */
  readonly persona?: Persona;
  /** How far it goes by itself. */
  readonly until?: 'phase 1' | 'quick mode' | 'call';
}

const PRIVATE = parseIp('192.168.1.7')!;
const callers = new WeakMap<Scene, Caller[]>();

export class Caller extends LacSide {
  readonly #scene: Scene;
  readonly #options: CallerOptions;
  readonly ppp: PppPeer;
  dialer: Dialer;
  /** It neither says nor hears anything any more. */
  silent = false;

  constructor(scene: Scene, options: CallerOptions = {}) {
    super();
    this.#scene = scene;
    this.#options = options;
    const { user, password, method } = options;
    const can = method && { can: [method] };
    this.ppp = new PppPeer({ ...(user && { name: user }), ...(password && { password }), ...can }, (frame) =>
      this.sayPpp(frame),
    );
    const all = callers.get(scene) ?? [];
    callers.set(scene, [...all, this]);
    scene.onL2tp = ({ id, message }) => {
      const spi = scene.dataplane.sessions.get(id)?.outbound.at(-1)?.spi;
      callers
        .get(scene)!
        .find((one) => one.pair?.inbound.spi === spi)
        ?.receive(message);
    };
    this.dialer = this.connect();
  }

  get #persona(): Persona {
    return this.#options.persona ?? WINDOWS_VISTA;
  }

  /** Phase 1 and, unless told otherwise, all that comes after. */
  connect(): Dialer {
    const { from = { address: parseIp('198.51.100.200')!, port: 5000 }, until = 'call' } = this.#options;
    const authentication = Authentication.PSK;
    const wishes = { exchange: 'main', authentication: 'psk', xauth: false, group: undefined, legacy: true } as const;
    const speaks = phase1Intent(this.#persona, wishes)!;
    this.dialer = this.#scene.dial({ from, nat: true, authentication, speaks, until: 'phase 1' });
    if (until !== 'phase 1') this.askTransport();
    if (until === 'call') this.sccrq();
    this.#scene.run();
    return this.dialer;
  }

  /** A quick mode for L2TP. */
  askTransport(remotePort = this.#options.port ?? 1701): void {
    const host = (endpoint: Endpoint['address'], port: number) => ({
      prefix: prefixOf(endpoint, 32),
      protocol: 17,
      port,
    });
    const { natTraversal = 'rfc3947' } = this.dialer.sa.established?.traits ?? {};
    const wishes = { mode: udpTransportMode(natTraversal), group: undefined, legacy: true };
    const offer = phase2Intent(this.#persona, wishes)!;
    const [local, remote] = [host(PRIVATE, remotePort), host(GATEWAY.address, 1701)];
    this.dialer.sa.beginQuickMode(quickModeIntent({ ...offer, local, remote }), this.#scene.now);
    this.#scene.run();
  }

  /** Its newest pair; its inbound SPI names it to the gateway's outbound half. */
  get pair(): EspPair | undefined {
    const pairs = (event: Ikev1Event) => (event.type === 'esp-established' ? [event.pair] : []);
    return this.dialer.events.flatMap(pairs).at(-1);
  }

  /** Through its SA: without one, nowhere. */
  override send(bytes: Bytes): this {
    const sa = !this.silent && this.pair && this.#scene.dataplane.inbound.get(this.pair.outbound.spi);
    if (sa) this.#scene.gateway.handleL2tp(sa.sessionId, this.#options.port ?? 1701, bytes, this.#scene.now);
    return this;
  }

  receive(bytes: Bytes): void {
    if (this.silent) return;
    const before = { tunnel: this.tunnel, session: this.session };
    this.hear(bytes);
    const message = parseL2tp(bytes);
    if (message.kind === 'data') return this.ppp.hear(message.payload);
    const isHello = message.body.length > 0 && readMessage(message.body).type === MessageType.HELLO;
    if (isHello) this.acknowledge();
    if (before.tunnel !== this.tunnel) this.scccn().icrq();
    if (before.session !== this.session) {
      this.iccn();
      if (!this.ppp.mute) this.ppp.requestLcp();
    }
  }

  get address(): string | undefined {
    return this.ppp.address;
  }
}
