/** Our own client in virtual time: `ClientState` with a host around it that has an address and no more. */
import assert from 'node:assert/strict';
import type { Bytes } from '../../src/core/bytes/bytes.ts';
import { utf8 } from '../../src/core/bytes/text.ts';
import type { IkePath } from '../../src/core/carrier/ike-path.ts';
import type { CryptoProvider } from '../../src/core/crypto/provider.ts';
import type { EspCarrier, EspPath } from '../../src/core/esp/sa.ts';
import { addressIdentity, keyIdentity } from '../../src/core/ikev1/identity.ts';
import type { IpAddress } from '../../src/core/net/address.ts';
import { earliest, type Instant, SECOND } from '../../src/core/net/time.ts';
import { STANDARD_PORTS } from '../../src/core/openings/openings.ts';
import type { Persona } from '../../src/core/personas/persona.ts';
import { SALLYPORT } from '../../src/core/personas/sallyport.ts';
import type { PppMethod } from '../../src/core/ppp/methods.ts';
import { ClientState } from '../../src/core/session/client/client-state.ts';
import { CLIENT_SESSION, type ClientEvent, type TunnelUp } from '../../src/core/session/client/events.ts';
import { phase1Intent, phase2Intent } from '../../src/core/session/client/offer.ts';
import { L2TP_PORT } from '../../src/core/wire/l2tp.ts';
import { DataplaneModel } from './dataplane-model.ts';
import type { Datagram, Network } from './network.ts';

export interface DialerOptions {
  readonly user: string;
  readonly password: string;
  readonly psk: string;
  readonly group: string;
  readonly exchange?: 'main' | 'aggressive';
  readonly address: IpAddress;
  readonly gateway: IpAddress;
  readonly carriers?: readonly EspCarrier[];
  /** By L2TP, in main mode, as this persona. */
  readonly l2tp?: Persona;
  readonly pppMethods?: readonly PppMethod[];
  readonly tunnelSecret?: string;
  /** Nothing is saved, and nobody is there to type. */
  readonly alone?: boolean;
  /** Nothing is saved, and somebody types, for so long (milliseconds). */
  readonly forgetful?: boolean;
  readonly typing?: number;
}

type FlowPath = EspPath & { readonly carrier: 'cisco-tcp' };

export type ClientEventOf<Type extends ClientEvent['type']> = Extract<ClientEvent, { type: Type }>;

const PORTS = { ike: 500, natT: 4500, ciscoUdp: 10_000 };
const LOCATING = 20;
const TYPING = 3 * SECOND;
const PING_EVERY = 5 * SECOND;
/** Of a cTCP flow: the local port of the first, when SYNs go out, and how long an answer may take. */
export const FIRST_FLOW_PORT = 50_000;
const SYNS = [0, SECOND, 3 * SECOND];
const SYN_PATIENCE = 6 * SECOND;

export class Dialer {
  readonly #options: DialerOptions;
  readonly #crypto: CryptoProvider;
  readonly #network: Network;
  #dataplane = new DataplaneModel();
  #state: ClientState;
  /** What the host does later: finding an address, typing. */
  #duties: { readonly at: Instant; readonly act: (now: Instant) => void }[] = [];
  #pingAt: Instant | undefined;
  readonly #flows = new Map<number, { readonly path: FlowPath; readonly isOpen: boolean }>();
  readonly #closing: number[] = [];
  readonly #inside: (() => void)[] = [];
  address: IpAddress | undefined;
  /** All that it ever told. */
  readonly events: ClientEvent[] = [];
  tunnel: TunnelUp | undefined;
  /** When a packet last went through the tunnel and back. */
  lastEcho: Instant = 0;
  questions = 0;

  constructor(options: DialerOptions, crypto: CryptoProvider, network: Network) {
    this.#options = options;
    this.#crypto = crypto;
    this.#network = network;
    this.address = options.address;
    network.attach(options.address, (datagram, now) => this.#receive(datagram, now));
    this.#state = this.#newState();
  }

  start(now: Instant): void {
    this.#state.connect();
    this.#drain(now);
  }

  /** Hangs up as it should. */
  stop(now: Instant): void {
    this.#state.close(now);
    this.#drain(now);
  }

  /** The process is gone, and another begins. */
  restart(now: Instant): void {
    this.#duties = [];
    this.#pingAt = undefined;
    this.#flows.clear();
    this.tunnel = undefined;
    this.#dataplane = new DataplaneModel();
    this.#state = this.#newState();
    this.start(now);
  }

  /** Appears elsewhere; undefined: nowhere. */
  moveTo(address: IpAddress | undefined, now: Instant): void {
    if (this.address) this.#network.detach(this.address);
    this.address = address;
    if (address) this.#network.attach(address, (datagram, at) => this.#receive(datagram, at));
    this.#state.handleNetworkChange(now);
    this.#drain(now);
  }

  get openFlows(): number {
    return this.#flows.size;
  }

  isConnected(now: Instant): boolean {
    return this.tunnel !== undefined && this.lastEcho > now - 4 * PING_EVERY;
  }

  all<Type extends ClientEvent['type']>(type: Type): ClientEventOf<Type>[] {
    return this.events.filter((event): event is ClientEventOf<Type> => event.type === type);
  }

  last<Type extends ClientEvent['type']>(type: Type): ClientEventOf<Type> {
    const event = this.all(type).at(-1);
    if (!event) throw new Error(`it told no ${type}, but ${this.events.map((one) => one.type).join(', ')}`);
    return event;
  }

  pollTimeout(): Instant | undefined {
    return earliest(this.#state.pollTimeout(), this.#pingAt, ...this.#duties.map(({ at }) => at));
  }

  handleTimeout(now: Instant): void {
    for (const duty of this.#duties.filter(({ at }) => at <= now)) {
      this.#duties.splice(this.#duties.indexOf(duty), 1);
      duty.act(now);
    }
    if ((this.#state.pollTimeout() ?? Number.POSITIVE_INFINITY) <= now) this.#state.handleTimeout(now);
    if (this.#pingAt !== undefined && this.#pingAt <= now) this.#ping(now);
    this.#drain(now);
  }

  #newState(): ClientState {
    const { user, password, psk, group, gateway, carriers, alone, forgetful, l2tp, pppMethods, tunnelSecret } =
      this.#options;
    const { exchange = l2tp ? 'main' : 'aggressive' } = this.#options;
    const persona = l2tp ?? SALLYPORT;
    const offer = {
      exchange,
      authentication: 'psk',
      xauth: !l2tp,
      l2tp: l2tp !== undefined,
      group: undefined,
      legacy: false,
    } as const;
    const credential = { psk: utf8(psk), accepts: () => true, subject: undefined, known: true };
    return new ClientState({
      crypto: this.#crypto,
      gateways: [gateway.text],
      exchange,
      intent: { ...phase1Intent(persona, offer)!, credential },
      identity: (local) => (l2tp ? addressIdentity(local) : keyIdentity(group)),
      login: l2tp ? 'l2tp' : 'xauth',
      certificate: undefined,
      verifier: undefined,
      legacy: false,
      phase2: (mode) => phase2Intent(persona, { mode, group: undefined, legacy: false })!,
      carriers: carriers ?? (l2tp ? ['nat-t', 'esp'] : ['nat-t', 'esp', 'cisco-udp']),
      ports: { local: PORTS, remote: STANDARD_PORTS },
      persona,
      applicationVersion: undefined,
      routes: undefined,
      user: forgetful ? undefined : user,
      password: alone || forgetful ? undefined : password,
      domain: undefined,
      pppMethods,
      tunnelSecret: tunnelSecret === undefined ? undefined : utf8(tunnelSecret),
      idle: 10 * SECOND,
      lastTraffic: () => this.#dataplane.lastTraffic(CLIENT_SESSION),
    });
  }

  #drain(now: Instant): void {
    for (let event = this.#state.pollEvent(); event; event = this.#state.pollEvent()) this.#apply(event, now);
    for (let out = this.#state.pollTransmit(); out; out = this.#state.pollTransmit()) {
      const { path, message } = out;
      // what another address was bound to doesn't leave
      if (path.local.address.text !== this.address?.text) continue;
      this.#send(path, { kind: 'ike', bytes: message }, now);
    }
    this.#sendInside();
    // what leaves over a flow goes before its end
    for (const flowId of this.#closing.splice(0)) this.#closeFlow(flowId, now);
  }

  #apply(event: ClientEvent, now: Instant): void {
    this.events.push(event);
    if (event.type === 'remove-sa' || event.type === 'close-session') this.#sendInside();
    this.#dataplane.apply(event);
    switch (event.type) {
      case 'locate':
        this.#later(now + LOCATING, (at) => this.#locate(event.requestId, at));
        break;
      case 'ask':
        this.questions++;
        if (this.#options.alone) break;
        this.#later(now + (this.#options.typing ?? TYPING), (at) =>
          this.#state.answer(
            event.requestId,
            event.questions.map(({ asks }) => (asks === 'user' ? this.#options.user : this.#options.password)),
            at,
          ),
        );
        break;
      case 'open-flow':
        this.#openFlow(event, now);
        break;
      case 'close-flow':
        this.#closing.push(event.flowId);
        break;
      case 'send-inner':
        this.#inside.push(() => this.#sendInner(now));
        break;
      case 'send-l2tp':
        this.#inside.push(() => {
          assert.ok(this.#dataplane.seal(CLIENT_SESSION), 'an L2TP message with no SA to carry it');
          this.#sendInner(now, event.message);
        });
        break;
      case 'up':
      case 'carrier-changed':
        this.tunnel = event.tunnel;
        this.#pingAt = now;
        break;
      case 'reconnecting':
      case 'down':
        this.tunnel = undefined;
        this.#pingAt = undefined;
    }
  }

  #sendInside(): void {
    for (const send of this.#inside.splice(0)) send();
  }

  #locate(requestId: number, now: Instant): void {
    const { gateway } = this.#options;
    const { address } = this;
    const location = address ? { gateway, local: address, remembered: undefined } : { reason: 'there is no network' };
    this.#state.located(requestId, location, now);
  }

  #later(at: Instant, act: (now: Instant) => void): void {
    this.#duties.push({ at, act });
  }

  #ping(now: Instant): void {
    this.#pingAt = now + PING_EVERY;
    this.#sendInner(now);
  }

  #sendInner(now: Instant, l2tp?: Bytes): void {
    const sealed = this.#dataplane.seal(CLIENT_SESSION, l2tp);
    if (!sealed || !this.address) return;
    const { packet, path } = sealed;
    this.#send({ ...path, local: { ...path.local, address: this.address } }, packet, now);
  }

  #send({ carrier, local, remote }: EspPath | IkePath, content: Datagram['content'], now: Instant): void {
    this.#network.send({ from: local, to: remote, content, tcp: carrier === 'cisco-tcp' }, now);
  }

  #openFlow({ flowId, local, remote }: ClientEventOf<'open-flow'>, now: Instant): void {
    const port = FIRST_FLOW_PORT + flowId;
    const path: FlowPath = { carrier: 'cisco-tcp', local: { address: local, port }, remote };
    this.#flows.set(flowId, { path, isOpen: false });
    for (const after of SYNS) this.#later(now + after, (at) => this.#dial(flowId, at));
    this.#later(now + SYN_PATIENCE, (at) => {
      if (this.#flows.get(flowId)?.isOpen === false) this.#loseFlow(flowId, 'timeout', at);
    });
  }

  #dial(flowId: number, now: Instant): void {
    const flow = this.#flows.get(flowId);
    if (flow?.isOpen === false) this.#send(flow.path, { kind: 'syn' }, now);
  }

  #closeFlow(flowId: number, now: Instant): void {
    const flow = this.#flows.get(flowId);
    this.#flows.delete(flowId);
    if (flow) this.#send(flow.path, { kind: 'rst' }, now);
  }

  #loseFlow(flowId: number, failed: 'reset' | 'timeout', now: Instant): void {
    this.#flows.delete(flowId);
    this.#state.handleFlow(flowId, { failed }, now);
  }

  #receive({ from, to, content, tcp = false }: Datagram, now: Instant): void {
    const known = [...this.#flows].find(([, { path }]) => path.local.port === to.port);
    if (tcp && !known) return;
    const flow: FlowPath | undefined = tcp ? known?.[1].path : undefined;
    if (content.kind === 'ike') {
      const path: IkePath = { carrier: to.port === PORTS.natT ? 'nat-t' : 'udp', local: to, remote: from };
      this.#state.handleDatagram(flow ?? path, content.bytes, now);
    } else if (content.kind === 'esp') {
      this.#receiveEsp(content, flow ?? { carrier: carrierAt(to.port), local: to, remote: from }, now);
    } else if (known) {
      const [flowId, { path, isOpen }] = known;
      if (content.kind === 'rst') this.#loseFlow(flowId, 'reset', now);
      else if (!isOpen) {
        this.#flows.set(flowId, { path, isOpen: true });
        this.#state.handleFlow(flowId, { path }, now);
      }
    }
    this.#drain(now);
  }

  #receiveEsp(content: Extract<Datagram['content'], { kind: 'esp' }>, path: EspPath, now: Instant): void {
    const opened = this.#dataplane.open(content, path, now);
    if (!opened) return;
    if (!content.l2tp) this.lastEcho = now;
    if (opened.moved) this.#state.handlePathChange(path);
    if (opened.first) this.#state.handleFirstPacket(content.spi, now);
    if (content.l2tp) this.#state.handleL2tp(L2TP_PORT, content.l2tp, now);
  }
}

function carrierAt(port: number): EspCarrier {
  if (port === 0) return 'esp';
  return port === PORTS.natT ? 'nat-t' : 'cisco-udp';
}
