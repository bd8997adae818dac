/** An L2TP/IPsec client as Windows makes them: main mode by a secret, quick mode for UDP 1701 in transport mode, L2TP, PPP. */
import { type Bytes, u16 } from '../../../src/core/bytes/bytes.ts';
import { udpTransportMode } from '../../../src/core/ikev1/phase2-proposal.ts';
import type { EspPair, Ikev1Event } from '../../../src/core/ikev1/types.ts';
import { avp, readMessage } from '../../../src/core/l2tp/messages.ts';
import { type Endpoint, type IpAddress, parseIp, prefixOf } from '../../../src/core/net/address.ts';
import type { Persona } from '../../../src/core/personas/persona.ts';
import { WINDOWS_VISTA } from '../../../src/core/personas/windows.ts';
import type { PppMethod } from '../../../src/core/ppp/methods.ts';
import { phase1Intent, phase2Intent } from '../../../src/core/session/client/offer.ts';
import { Authentication, EncapsulationMode } from '../../../src/core/wire/ikev1.ts';
import { AvpType, MessageType, parseL2tp } from '../../../src/core/wire/l2tp.ts';
import { quickModeIntent } from '../ikev1/pair.ts';
import { LacSide, PEER_SESSION } from '../l2tp/lac.ts';
import { PppPeer } from '../ppp/peer.ts';
import { type Dialer, GATEWAY, type Scene } from './scene.ts';

export interface CallerOptions {
  readonly user?: string;
  readonly password?: string;
  readonly method?: PppMethod;
  /** Its NAT's endpoint: behind it each has the same private address. Without a NAT (`nat: false`) its own. */
  readonly from?: Endpoint;
  /** Its own address, behind that. */
  readonly inside?: IpAddress;
  readonly nat?: boolean;
  readonly initialContact?: boolean;
  /** UDP port of its L2TP. */
  readonly port?: number;
  /** Default Windows Vista. */
  readonly persona?: Persona;
  /** How far it goes by itself. */
  readonly until?: 'phase 1' | 'quick mode' | 'call';
  /** It says nothing of PPP. */
  readonly mute?: boolean;
}

/** A further call in a client's tunnel, for a user of its own. */
export interface FurtherCall {
  readonly ppp: PppPeer;
  /** The gateway's number of it. */
  session: number;
  /** The gateway ended it by CDN. */
  hungUp: boolean;
}

const PRIVATE = parseIp('192.168.1.7')!;
const ADDRESSED = { from: { address: parseIp('198.51.100.200')!, port: 5000 }, inside: PRIVATE, nat: true };
const callers = new WeakMap<Scene, Caller[]>();

export class Caller extends LacSide {
  readonly #scene: Scene;
  readonly #options: CallerOptions;
  readonly ppp: PppPeer;
  /** By our number. */
  readonly #further = new Map<number, FurtherCall>();
  dialer: Dialer;
  /** It neither says nor hears anything any more. */
  silent = false;

  constructor(scene: Scene, options: CallerOptions = {}) {
    super();
    this.#scene = scene;
    this.#options = options;
    this.ppp = peerOf(options, (frame) => this.sayPpp(frame));
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
    const { from, inside, nat, until = 'call', initialContact = false } = { ...ADDRESSED, ...this.#options };
    const authentication = Authentication.PSK;
    const wishes = { exchange: 'main', authentication: 'psk', xauth: false, group: undefined, legacy: true } as const;
    const speaks = phase1Intent(this.#persona, wishes)!;
    this.dialer = this.#scene.dial({ from, inside, nat, authentication, speaks, initialContact, until: 'phase 1' });
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
    const { from, inside, nat } = { ...ADDRESSED, ...this.#options };
    const mode = nat ? udpTransportMode(natTraversal) : EncapsulationMode.TRANSPORT;
    const wishes = { mode, group: undefined, legacy: true };
    const offer = phase2Intent(this.#persona, wishes)!;
    const [local, remote] = [host(nat ? inside : from.address, remotePort), host(GATEWAY.address, 1701)];
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
    const message = parseL2tp(bytes);
    const further = this.#further.get(message.sessionId);
    this.hear(bytes);
    if (message.kind === 'data') return (further ?? this).ppp.hear(message.payload);
    const type = message.body.length > 0 ? readMessage(message.body).type : undefined;
    if (type === MessageType.HELLO || type === MessageType.CDN) this.acknowledge();
    if (further) return this.#receiveFurther(further, type, before.session);
    if (before.tunnel !== this.tunnel) this.scccn().icrq();
    if (before.session !== this.session) {
      this.iccn();
      if (!this.ppp.mute) this.ppp.requestLcp();
    }
  }

  #receiveFurther(further: FurtherCall, type: number | undefined, ownSession: number): void {
    if (type === MessageType.CDN) further.hungUp = true;
    if (type !== MessageType.ICRP) return;
    further.session = this.session;
    this.session = ownSession;
    this.say(MessageType.ICCN, [], further.session);
    if (!further.ppp.mute) further.ppp.requestLcp();
  }

  /** Makes a further call in its tunnel. */
  callMore(options: Pick<CallerOptions, 'user' | 'password' | 'method' | 'mute'>): FurtherCall {
    const number = PEER_SESSION + 1 + this.#further.size;
    const ppp = peerOf(options, (frame) => this.sayPpp(frame, this.tunnel, further.session));
    const further: FurtherCall = { ppp, session: 0, hungUp: false };
    this.#further.set(number, further);
    this.icrq([], number);
    this.#scene.run();
    return further;
  }

  /** Ends one of them. */
  hangUp({ session }: FurtherCall): void {
    this.say(MessageType.CDN, [avp(AvpType.RESULT_CODE, u16(3))], session);
    this.#scene.run();
  }

  get address(): string | undefined {
    return this.ppp.address;
  }
}

function peerOf(
  { user, password, method, mute = false }: Pick<CallerOptions, 'user' | 'password' | 'method' | 'mute'>,
  say: (frame: Bytes) => void,
): PppPeer {
  const can = method && { can: [method] };
  return new PppPeer({ ...(user && { name: user }), ...(password && { password }), ...can, mute }, say);
}
