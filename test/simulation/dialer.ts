/** Our own client in virtual time: `ClientState` with a host around it that has an address and no more. */
import { fromUtf8, utf8 } from '../../src/core/bytes/text.ts';
import type { IkePath } from '../../src/core/carrier/ike-path.ts';
import type { CryptoProvider } from '../../src/core/crypto/provider.ts';
import type { EspCarrier, EspPath } from '../../src/core/esp/sa.ts';
import { keyIdentity } from '../../src/core/ikev1/identity.ts';
import type { IpAddress } from '../../src/core/net/address.ts';
import { earliest, type Instant, SECOND } from '../../src/core/net/time.ts';
import { STANDARD_PORTS } from '../../src/core/openings/openings.ts';
import { SALLYPORT } from '../../src/core/personas/sallyport.ts';
import { ClientState } from '../../src/core/session/client/client-state.ts';
import { CLIENT_SESSION, type ClientEvent, type TunnelUp } from '../../src/core/session/client/events.ts';
import { phase1Intent, phase2Intent } from '../../src/core/session/client-offer.ts';
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
}

export type ClientEventOf<Type extends ClientEvent['type']> = Extract<ClientEvent, { type: Type }>;

const PORTS = { ike: 500, natT: 4500, ciscoUdp: 10_000 };
const LOCATING = 20;
const TYPING = 3 * SECOND;
const PING_EVERY = 5 * SECOND;

export class Dialer {
  readonly #options: DialerOptions;
  readonly #crypto: CryptoProvider;
  readonly #network: Network;
  #dataplane = new DataplaneModel();
  #state: ClientState;
  /** What the host does later: finding an address, typing. */
  #duties: { readonly at: Instant; readonly act: (now: Instant) => void }[] = [];
  #pingAt: Instant | undefined;
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
    const { user, password, psk, group, exchange = 'aggressive', gateway, carriers } = this.#options;
    const offer = { exchange, authentication: 'psk', xauth: true, group: undefined, legacy: false } as const;
    const credential = { psk: utf8(psk), accepts: () => true, subject: undefined, known: true };
    return new ClientState({
      crypto: this.#crypto,
      gateways: [gateway.text],
      exchange,
      intent: { ...phase1Intent(SALLYPORT, offer)!, credential, identity: keyIdentity(group) },
      xauth: true,
      certificate: undefined,
      verifier: undefined,
      legacy: false,
      phase2: (mode) => phase2Intent(SALLYPORT, { mode, group: undefined, legacy: false })!,
      carriers: carriers ?? ['nat-t', 'esp', 'cisco-udp'],
      ports: { local: PORTS, remote: STANDARD_PORTS },
      persona: SALLYPORT,
      applicationVersion: undefined,
      routes: undefined,
      user,
      password,
      domain: undefined,
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
      this.#network.send({ from: path.local, to: path.remote, content: { kind: 'ike', bytes: message } }, now);
    }
  }

  #apply(event: ClientEvent, now: Instant): void {
    this.events.push(event);
    this.#dataplane.apply(event);
    switch (event.type) {
      case 'locate':
        this.#later(now + LOCATING, (at) => this.#locate(event.requestId, at));
        break;
      case 'ask':
        this.questions++;
        this.#later(now + TYPING, (at) =>
          this.#state.answer(
            event.requestId,
            event.questions.map(({ asks }) => (asks === 'user' ? this.#options.user : this.#options.password)),
            at,
          ),
        );
        break;
      case 'send-inner':
        this.#sendInner(now);
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

  #sendInner(now: Instant): void {
    const sealed = this.#dataplane.seal(CLIENT_SESSION);
    if (!sealed || !this.address) return;
    const { packet, path } = sealed;
    this.#network.send({ from: { ...path.local, address: this.address }, to: path.remote, content: packet }, now);
  }

  #receive({ from, to, content }: Datagram, now: Instant): void {
    if (content.kind === 'ike') {
      const path: IkePath = { carrier: to.port === PORTS.natT ? 'nat-t' : 'udp', local: to, remote: from };
      this.#state.handleDatagram(path, content.bytes, now);
    } else {
      this.#receiveEsp(content, { carrier: carrierAt(to.port), local: to, remote: from }, now);
    }
    this.#drain(now);
  }

  #receiveEsp(content: Extract<Datagram['content'], { kind: 'esp' }>, path: EspPath, now: Instant): void {
    const opened = this.#dataplane.open(content, path, now);
    if (!opened) return;
    this.lastEcho = now;
    if (opened.moved) this.#state.handlePathChange(path);
    if (opened.first) this.#state.handleFirstPacket(content.spi, now);
  }
}

/** For a test's message. */
export function shown(event: ClientEvent): string {
  return 'text' in event ? event.text : fromUtf8(utf8(JSON.stringify(event)));
}

function carrierAt(port: number): EspCarrier {
  if (port === 0) return 'esp';
  return port === PORTS.natT ? 'nat-t' : 'cisco-udp';
}
