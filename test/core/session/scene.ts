/** A gateway and hand-driven clients, joined without delay in simulated time: for what may and may not happen, step by step. */
import assert from 'node:assert/strict';
import type { Bytes } from '../../../src/core/bytes/bytes.ts';
import { utf8 } from '../../../src/core/bytes/text.ts';
import type { IkePath } from '../../../src/core/carrier/ike-path.ts';
import type { CryptoProvider } from '../../../src/core/crypto/provider.ts';
import { VendorId } from '../../../src/core/ike/vendor-ids.ts';
import { addressIdentity, keyIdentity } from '../../../src/core/ikev1/identity.ts';
import type { InitiatorIntent } from '../../../src/core/ikev1/phase1.ts';
import { Ikev1Sa } from '../../../src/core/ikev1/sa.ts';
import type { Credential, Ikev1Environment, Ikev1Event, Phase2Request } from '../../../src/core/ikev1/types.ts';
import { type Endpoint, formatEndpoint, type IpAddress, parseIp, parsePrefix } from '../../../src/core/net/address.ts';
import { earliest, type Instant } from '../../../src/core/net/time.ts';
import type { GatewayEvent, LoginVerdict } from '../../../src/core/session/events.ts';
import { GatewayState } from '../../../src/core/session/gateway-state.ts';
import type { GatewaySettings, GroupPolicy, L2tpPolicy, PeerPolicy } from '../../../src/core/session/policy.ts';
import {
  type Attribute,
  Authentication,
  ConfigurationAttribute,
  EncapsulationMode,
  encodeNotification,
  NotifyType,
  Protocol,
} from '../../../src/core/wire/ikev1.ts';
import { ExchangeType, encodePayloads, PayloadType, parsePayloads } from '../../../src/core/wire/isakmp.ts';
import { Seeded } from '../../seeded.ts';
import { seededCrypto } from '../../seeded-crypto.ts';
import { DataplaneModel } from '../../simulation/dataplane-model.ts';
import { ADDRESS_REQUEST, newSpi, quickModeIntent, SUITE } from '../ikev1/pair.ts';
import { checkChap } from '../ppp/check.ts';

export type GatewayEventOf<Type extends GatewayEvent['type']> = Extract<GatewayEvent, { type: Type }>;

export const GATEWAY: Endpoint = { address: parseIp('203.0.113.1')!, port: 500 };
const PSK = utf8('a group secret of some length');
const OK = { ok: true, address: undefined, lastAddress: undefined } as const;

export interface SceneOptions {
  readonly group?: Partial<GroupPolicy>;
  readonly peers?: readonly PeerPolicy[];
  readonly verdict?: (user: string, password: string) => LoginVerdict | undefined;
  readonly dpd?: { readonly idle: number; readonly timeout: number };
  /** Seconds. */
  readonly phase1Lifetime?: number;
  readonly l2tp?: L2tpPolicy;
  readonly legacy?: boolean;
  /** Passwords of those who have a secret for challenges. */
  readonly challenged?: Readonly<Record<string, string>>;
  /** Between network and gateway: false drops the message. */
  readonly gate?: (message: Bytes) => boolean;
}

export class Scene {
  readonly gateway: GatewayState;
  /** What the gateway began with: for a reload that changes a part. */
  readonly settings: GatewaySettings & { readonly policy: { readonly groups: readonly GroupPolicy[] } };
  readonly crypto: CryptoProvider;
  readonly dataplane = new DataplaneModel();
  readonly events: GatewayEvent[] = [];
  readonly dialers: Dialer[] = [];
  readonly options: SceneOptions;
  /** Where the gateway's L2TP goes. */
  onL2tp: ((event: GatewayEventOf<'send-l2tp'>) => void) | undefined;
  readonly #verdict: (user: string, password: string) => LoginVerdict | undefined;
  now: Instant = 1_000_000;

  constructor(options: SceneOptions = {}) {
    this.crypto = seededCrypto(new Seeded(3));
    this.options = options;
    this.#verdict =
      options.verdict ?? ((_, password) => (password === 'secret' ? OK : { ok: false, reason: 'wrong password' }));
    const group: GroupPolicy = {
      name: 'labgroup',
      psk: PSK,
      hybrid: false,
      certificates: false,
      pool: parsePrefix('10.77.0.0/29')!,
      dns: [parseIp('10.1.0.53')!],
      domain: 'lab.example',
      routes: undefined,
      banner: undefined,
      users: undefined,
      maxSessions: undefined,
      idleTimeout: undefined,
      sessionTimeout: undefined,
      ...options.group,
    };
    const settings = {
      crypto: this.crypto,
      policy: {
        groups: [group, { ...group, name: undefined }],
        peers: options.peers ?? [],
        ciscoUdpPort: undefined,
        ciscoTcpPorts: [],
        natT: true,
        nativeEsp: true,
        legacy: options.legacy ?? false,
        l2tp: options.l2tp,
      },
      natTPort: 4500,
      certificate: undefined,
      identity: undefined,
      verifier: undefined,
      ownAddress: parseIp('10.77.0.1')!,
      phase1Lifetime: options.phase1Lifetime ?? 86_400,
      phase2Lifetime: { seconds: 3600, kilobytes: undefined },
      dpd: options.dpd,
      lastTraffic: (id: number) => this.dataplane.lastTraffic(id),
    };
    this.settings = settings;
    this.gateway = new GatewayState(settings);
  }

  dial(options: DialerOptions = {}): Dialer {
    const dialer = new Dialer(this, options);
    this.dialers.push(dialer);
    this.run();
    return dialer;
  }

  /** Carries messages to and fro until all is quiet. */
  run(): this {
    for (let quiet = false; !quiet; ) {
      quiet = true;
      for (let event = this.gateway.pollEvent(); event; event = this.gateway.pollEvent()) {
        this.events.push(event);
        this.dataplane.apply(event);
        const verdict = event.type === 'authenticate' && this.#verdict(event.user, event.password);
        if (event.type === 'authenticate' && verdict) this.gateway.answerLogin(event.requestId, verdict, this.now);
        if (event.type === 'authenticate-chap') this.#checkChap(event);
        if (event.type === 'send-l2tp') {
          quiet = false;
          this.onL2tp?.(event);
        }
      }
      for (let sent = this.gateway.pollTransmit(); sent; sent = this.gateway.pollTransmit()) {
        quiet = false;
        const { path, message } = sent;
        const to = this.dialers.findLast((one) => one.hears(path.remote, message));
        to?.receive(message, path);
      }
      for (const dialer of this.dialers) if (dialer.drain()) quiet = false;
    }
    return this;
  }

  #checkChap({ requestId, user, proof }: GatewayEventOf<'authenticate-chap'>): void {
    const { ok, response } = checkChap(this.crypto, proof, this.options.challenged?.[user]);
    const verdict = ok ? { ...OK, response } : ({ ok, reason: 'wrong password' } as const);
    this.gateway.answerLogin(requestId, verdict, this.now);
  }

  advance(milliseconds: number): this {
    const until = this.now + milliseconds;
    const next = () => earliest(this.gateway.pollTimeout(), ...this.dialers.map(({ sa }) => sa.pollTimeout()));
    this.run();
    for (let at = next(); at !== undefined && at <= until; at = next()) {
      this.now = Math.max(this.now, at);
      this.gateway.handleTimeout(this.now);
      for (const dialer of this.dialers)
        if (!dialer.silent) dialer.sa.handleTimeout(this.now);
        else dialer.sa.close('silent');
      this.run();
    }
    this.now = until;
    return this;
  }

  all<Type extends GatewayEvent['type']>(type: Type): GatewayEventOf<Type>[] {
    return this.events.filter((event): event is GatewayEventOf<Type> => event.type === type);
  }

  /** "step: reason" of each failure told. */
  get failures(): string[] {
    return this.all('failure').map(({ step, reason }) => `${step}: ${reason}`);
  }

  get addresses(): (string | undefined)[] {
    return this.gateway.sessions().map(({ address }) => address);
  }
}

export interface DialerOptions {
  readonly from?: Endpoint;
  readonly user?: string;
  readonly password?: string;
  readonly psk?: Bytes;
  readonly mode?: 'main' | 'aggressive';
  readonly group?: string;
  readonly authentication?: number;
  /** The address asked for again. */
  readonly wants?: string;
  /** How far it goes by itself. */
  readonly until?: 'phase 1' | 'login' | 'configuration' | 'tunnel';
  /** It does not ask for its configuration. */
  readonly mute?: boolean;
  readonly initialContact?: boolean;
  /** It does not say that it knows Cisco's Unity. */
  readonly withoutUnity?: boolean;
  /** `from` is its NAT's: port 500 behind it is `from.port`, port 4500 the next. */
  readonly nat?: boolean;
  /** Its own address behind that. */
  readonly inside?: IpAddress;
  /** What a known client offers, and how it speaks. */
  readonly speaks?: Pick<InitiatorIntent, 'suites' | 'lifetime' | 'proposals' | 'habits'>;
}

const INSIDE: Endpoint = { address: parseIp('192.168.1.7')!, port: 500 };
const STEPS = ['phase 1', 'login', 'configuration', 'tunnel'] as const;
/** In an ISAKMP header. */
const EXCHANGE_TYPE_AT = 18;
let lastHost = 9;

export class Dialer {
  readonly #scene: Scene;
  readonly #options: DialerOptions;
  readonly from: Endpoint;
  readonly sa: Ikev1Sa;
  readonly events: Ikev1Event[] = [];
  address: string | undefined;
  /** As they left, first and later messages. */
  readonly sentQuickModes: Bytes[] = [];
  /** Off the network. */
  silent = false;

  constructor(scene: Scene, options: DialerOptions) {
    this.#scene = scene;
    this.#options = options;
    this.from = options.from ?? { address: parseIp(`198.51.100.${++lastHost}`)!, port: 500 };
    const psk = options.psk ?? PSK;
    const credential: Credential = { psk, accepts: () => true, subject: undefined, known: true };
    const mode = options.mode ?? 'main';
    const suite = { ...SUITE, authentication: options.authentication ?? Authentication.XAUTH_INIT_PSK };
    const identity =
      mode === 'aggressive' ? keyIdentity(options.group ?? 'labgroup') : addressIdentity(this.from.address);
    // whoever speaks as a known client says what it calls itself: its private address
    const inside = { ...INSIDE, address: options.inside ?? INSIDE.address };
    const called = options.speaks && options.nat ? addressIdentity(inside.address) : identity;
    const common = { suites: [suite], credential, identity: called, lifetime: 86_400 };
    const intent = { ...common, ...options.speaks };
    const local = options.nat ? inside : this.from;
    const path: IkePath = { carrier: 'udp', local, remote: GATEWAY };
    this.sa = Ikev1Sa.initiate(1, this.#environment(), mode, intent, path, scene.now);
  }

  #environment(): Ikev1Environment {
    const crypto = this.#options.initialContact ? announcingInitialContact(this.#scene.crypto) : this.#scene.crypto;
    const policy = {
      side: 'client' as const,
      legacy: true,
      natTraversal: this.#options.nat === true,
      phase1Lifetime: 86_400,
      dpd: undefined,
      natTPort: 4500,
      authentications: [],
      credentials: () => [{ psk: PSK, accepts: () => true, subject: undefined, known: true }],
      certificate: undefined,
      verifier: undefined,
      ownIdentity: () => addressIdentity(this.from.address),
      authorizePhase2: (_: number, { local }: Phase2Request) => ({
        spi: newSpi(),
        modes: [local.protocol === 0 ? EncapsulationMode.TUNNEL : EncapsulationMode.UDP_TRANSPORT],
        lifetime: { seconds: 3600, kilobytes: undefined },
      }),
      lastTraffic: () => 0,
    };
    return { crypto, policy };
  }

  hears(to: Endpoint, message: Bytes): boolean {
    const mine = this.sa.initiatorCookie.every((byte, i) => byte === message[i]);
    const port = to.port - (this.#options.nat && to.port === this.from.port + 1 ? 1 : 0);
    return !this.silent && mine && formatEndpoint({ ...to, port }) === formatEndpoint(this.from);
  }

  receive(message: Bytes, { carrier, local, remote }: IkePath): void {
    const inside = { address: this.#options.inside ?? INSIDE.address, port: local.port };
    const here = this.#options.nat ? inside : remote;
    this.sa.handleInput(message, { carrier, local: here, remote: local }, this.#scene.now);
  }

  /** Takes over what there is to tell and to send; false: nothing. */
  drain(): boolean {
    let busy = false;
    for (let event = this.sa.pollEvent(); event; event = this.sa.pollEvent()) {
      busy = true;
      this.events.push(event);
      this.#react(event);
    }
    for (let sent = this.sa.pollTransmit(); sent; sent = this.sa.pollTransmit()) {
      busy = true;
      if (this.silent) continue;
      const floated = sent.path.carrier === 'nat-t';
      const from = floated ? { ...this.from, port: this.from.port + 1 } : this.from;
      this.send(this.#options.withoutUnity ? hidingUnity(sent.message) : sent.message, from);
    }
    return busy;
  }

  get dialedWith(): DialerOptions {
    return this.#options;
  }

  /** Gives the gateway a message of this client, from where it is or from elsewhere. */
  send(message: Bytes, remote: Endpoint = this.from): void {
    const floated = this.#options.nat && remote.port === this.from.port + 1;
    const path: IkePath = floated
      ? { carrier: 'nat-t', local: { ...GATEWAY, port: 4500 }, remote }
      : { carrier: 'udp', local: GATEWAY, remote };
    if (this.#scene.options.gate?.(message) === false) return;
    if (message[EXCHANGE_TYPE_AT] === ExchangeType.QUICK_MODE) this.sentQuickModes.push(message);
    this.#scene.gateway.handleDatagram(path, message, this.#scene.now);
  }

  login(): Attribute[] {
    const { user = 'ann', password = 'secret' } = this.#options;
    return [
      { type: ConfigurationAttribute.XAUTH_USER_NAME, value: utf8(user) },
      { type: ConfigurationAttribute.XAUTH_USER_PASSWORD, value: utf8(password) },
    ];
  }

  askConfiguration(attributes: readonly Attribute[] = ADDRESS_REQUEST): void {
    this.sa.requestConfiguration(attributes, this.#scene.now);
    this.#scene.run();
  }

  askTunnel(address = this.address ?? '10.77.0.2'): void {
    this.#beginTunnel(address);
    this.#scene.run();
  }

  #beginTunnel(address: string): void {
    const local = { prefix: parsePrefix(`${address}/32`)!, protocol: 0, port: 0 };
    const mode = this.sa.path.carrier === 'nat-t' ? EncapsulationMode.UDP_TUNNEL : EncapsulationMode.TUNNEL;
    const suites = [{ esp: { cipher: 'aes-gcm', keyBits: 128 }, group: undefined, mode } as const];
    this.sa.beginQuickMode(quickModeIntent({ local, suites }), this.#scene.now);
  }

  has(type: Ikev1Event['type']): boolean {
    return this.events.some((event) => event.type === type);
  }

  get loginResults(): boolean[] {
    return this.events.flatMap((event) => (event.type === 'xauth-result' ? [event.succeeded] : []));
  }

  #react(event: Ikev1Event): void {
    const { now } = this.#scene;
    const { until = 'tunnel', mute, wants } = this.#options;
    const goes = (step: (typeof STEPS)[number]) => STEPS.indexOf(until) >= STEPS.indexOf(step);
    if (event.type === 'xauth-requested' && goes('login')) this.sa.answerRequest(event.messageId, this.login(), now);
    if (event.type === 'xauth-result' && event.succeeded && goes('configuration') && !mute) {
      const value = wants ? parseIp(wants)!.bytes : new Uint8Array(0);
      this.sa.requestConfiguration([{ type: ConfigurationAttribute.INTERNAL_IP4_ADDRESS, value }], now);
    }
    if (event.type === 'configuration-received') {
      const given = event.attributes.find(({ type }) => type === ConfigurationAttribute.INTERNAL_IP4_ADDRESS)?.value;
      if (typeof given === 'object') this.address = given.join('.');
      if (goes('tunnel') && this.address) this.#beginTunnel(this.address);
    }
  }
}

/** All who were there have gone, and left nothing behind. */
export function expectEmpty({ gateway, dataplane }: Scene): void {
  assert.deepEqual(gateway.sessions(), []);
  assert.equal(dataplane.sessions.size, 0);
  assert.equal(dataplane.inbound.size, 0);
  assert.equal(gateway.pollTimeout(), undefined);
  assert.equal(gateway.halfOpen, 0);
}

/** Makes an unknown vendor ID of Unity's; no hash covers vendor IDs. */
function hidingUnity(message: Bytes): Bytes {
  const at = Buffer.from(message).indexOf(VendorId.CISCO_UNITY);
  return at < 0 ? message : message.with(at, 0);
}

/** Puts INITIAL_CONTACT behind the identity and hash of message 5, as most clients do and our own initiator doesn't. */
function announcingInitialContact(crypto: CryptoProvider): CryptoProvider {
  let first = true;
  return {
    ...crypto,
    cbcEncrypt(cipher, key, iv, data) {
      if (!first) return crypto.cbcEncrypt(cipher, key, iv, data);
      first = false;
      const { payloads } = parsePayloads(PayloadType.ID, data);
      const contact = encodeNotification({
        protocol: Protocol.ISAKMP,
        spi: new Uint8Array(16),
        type: NotifyType.INITIAL_CONTACT,
        data: new Uint8Array(0),
      });
      const chain = encodePayloads([...payloads, contact]);
      const padded = new Uint8Array(Math.ceil(chain.length / iv.length) * iv.length);
      padded.set(chain);
      return crypto.cbcEncrypt(cipher, key, iv, padded);
    },
  };
}
