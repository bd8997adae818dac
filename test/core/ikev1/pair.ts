/**
 * Two ISAKMP SAs joined by a wire in simulated time: the client began phase 1, the gateway answered. What each sends can be
 * lost, kept, changed or repeated on the way.
 */
import { type Bytes, bytesEqual } from '../../../src/core/bytes/bytes.ts';
import { utf8 } from '../../../src/core/bytes/text.ts';
import type { IkePath } from '../../../src/core/carrier/ike-path.ts';
import type { CryptoProvider } from '../../../src/core/crypto/provider.ts';
import { addressIdentity, keyIdentity } from '../../../src/core/ikev1/identity.ts';
import type { InitiatorIntent } from '../../../src/core/ikev1/phase1.ts';
import type { Phase1Suite } from '../../../src/core/ikev1/phase1-proposal.ts';
import type { QuickModeIntent } from '../../../src/core/ikev1/quick-mode.ts';
import { Ikev1Sa } from '../../../src/core/ikev1/sa.ts';
import { hostSelector } from '../../../src/core/ikev1/selector.ts';
import type {
  Credential,
  EspPair,
  Ikev1Environment,
  Ikev1Event,
  Ikev1Policy,
  Transmit,
} from '../../../src/core/ikev1/types.ts';
import { type Endpoint, parseIp, parsePrefix } from '../../../src/core/net/address.ts';
import { earliest, type Instant } from '../../../src/core/net/time.ts';
import {
  type Attribute,
  Authentication,
  ConfigurationAttribute,
  EncapsulationMode,
} from '../../../src/core/wire/ikev1.ts';
import { parseMessage } from '../../../src/core/wire/isakmp.ts';
import { Seeded } from '../../seeded.ts';
import { seededCrypto } from '../../seeded-crypto.ts';

export type Name = 'client' | 'gateway';
export type EventOf<Type extends Ikev1Event['type']> = Extract<Ikev1Event, { type: Type }>;

export const PSK = utf8('a shared secret of some length');
export const SUITE: Phase1Suite = {
  cipher: 'aes-cbc',
  keyBits: 128,
  hash: 'sha256',
  group: 14,
  authentication: Authentication.XAUTH_INIT_PSK,
};

export const CLIENT: Endpoint = { address: parseIp('192.0.2.7')!, port: 500 };
export const GATEWAY: Endpoint = { address: parseIp('203.0.113.1')!, port: 500 };
const INNER = parseIp('10.77.0.5')!;

const LOGIN: readonly Attribute[] = [
  { type: ConfigurationAttribute.XAUTH_USER_NAME, value: utf8('ann') },
  { type: ConfigurationAttribute.XAUTH_USER_PASSWORD, value: utf8('secret') },
];
export const ADDRESS_REQUEST: readonly Attribute[] = [
  { type: ConfigurationAttribute.INTERNAL_IP4_ADDRESS, value: new Uint8Array(0) },
];

export interface PairOptions {
  readonly seed?: number;
  readonly mode?: 'main' | 'aggressive';
  readonly suites?: readonly Phase1Suite[];
  readonly dh?: 'cheap' | 'true';
  readonly clientPsk?: Bytes;
  readonly client?: Partial<Ikev1Policy>;
  readonly gateway?: Partial<Ikev1Policy>;
  /** Seconds. */
  readonly lifetime?: number;
  /** What the client brings along besides. */
  readonly intent?: Partial<InitiatorIntent>;
  /** Where the client begins; absent: from port 500 to port 500. */
  readonly path?: IkePath;
  /** The client's endpoint as the gateway sees it; absent: no NAT. */
  readonly nat?: (inside: Endpoint) => Endpoint;
}

export class End implements Ikev1Environment {
  readonly name: Name;
  readonly policy: Ikev1Policy;
  readonly crypto: CryptoProvider;
  sa: Ikev1Sa | undefined;
  /** All that it ever told and sent. */
  readonly events: Ikev1Event[] = [];
  readonly sent: Transmit[] = [];

  constructor(name: Name, policy: Ikev1Policy, crypto: CryptoProvider) {
    this.name = name;
    this.policy = policy;
    this.crypto = crypto;
  }

  all<Type extends Ikev1Event['type']>(type: Type): EventOf<Type>[] {
    return this.events.filter((event): event is EventOf<Type> => event.type === type);
  }

  has(type: Ikev1Event['type']): boolean {
    return this.events.some((event) => event.type === type);
  }

  /** The last event of its type. */
  last<Type extends Ikev1Event['type']>(type: Type): EventOf<Type> {
    const event = this.all(type).at(-1);
    if (!event) throw new Error(`${this.name} told no ${type}, but ${this.events.map((one) => one.type).join(', ')}`);
    return event;
  }

  get drops(): string[] {
    return this.all('dropped').map(({ reason }) => reason);
  }
}

export interface Letter {
  readonly from: Name;
  readonly path: IkePath;
  readonly message: Bytes;
}

export class Pair {
  readonly random: Seeded;
  readonly client: End;
  readonly gateway: End;
  readonly #options: PairOptions;
  /** What is on its way, in order. */
  readonly wire: Letter[] = [];
  /** All that was ever sent. */
  readonly record: Letter[] = [];
  /** Called for each message that is about to arrive; false: it doesn't. */
  onWay: (letter: Letter) => boolean = () => true;
  /** Called for each event as it is told. */
  onEvent: (end: End, event: Ikev1Event) => void = () => undefined;
  now: Instant = 1_000_000;

  constructor(options: PairOptions = {}) {
    this.#options = options;
    this.random = new Seeded(options.seed ?? 1);
    const crypto = seededCrypto(this.random, options.dh);
    this.client = new End('client', policyOf('client', options.client), crypto);
    this.gateway = new End('gateway', policyOf('gateway', options.gateway), crypto);
    const intent: InitiatorIntent = {
      suites: options.suites ?? [SUITE],
      credential: credentialOf(options.clientPsk ?? PSK),
      identity: keyIdentity('labgroup'),
      lifetime: options.lifetime ?? 86_400,
      ...options.intent,
    };
    const path: IkePath = options.path ?? { carrier: 'udp', local: CLIENT, remote: GATEWAY };
    this.client.sa = Ikev1Sa.initiate(1, this.client, options.mode ?? 'main', intent, path, this.now);
    this.drain();
  }

  end(name: Name): End {
    return this[name];
  }

  /** Takes over what both have to tell and to send. */
  drain(): void {
    for (const end of [this.client, this.gateway]) {
      for (let event = end.sa?.pollEvent(); event; event = end.sa?.pollEvent()) {
        end.events.push(event);
        this.onEvent(end, event);
      }
      for (let transmit = end.sa?.pollTransmit(); transmit; transmit = end.sa?.pollTransmit()) {
        end.sent.push(transmit);
        const letter = { from: end.name, path: transmit.path, message: transmit.message };
        this.wire.push(letter);
        this.record.push(letter);
      }
    }
  }

  /** Delivers what is on its way until nothing is. */
  run(): this {
    for (let letter = this.wire.shift(); letter; letter = this.wire.shift())
      if (this.onWay(letter)) this.deliver(letter);
    return this;
  }

  /** Runs and lets time go by, timer for timer. */
  advance(milliseconds: number): this {
    const until = this.now + milliseconds;
    this.run();
    for (let at = this.nextTimeout(); at !== undefined && at <= until; at = this.nextTimeout()) {
      this.now = Math.max(this.now, at);
      for (const end of [this.client, this.gateway]) end.sa?.handleTimeout(this.now);
      this.drain();
      this.run();
    }
    this.now = until;
    return this;
  }

  nextTimeout(): Instant | undefined {
    return earliest(this.client.sa?.pollTimeout(), this.gateway.sa?.pollTimeout());
  }

  deliver({ from, path, message }: Letter): void {
    const to = from === 'client' ? this.gateway : this.client;
    this.deliverTo(to, message, this.#arrival(from, path));
  }

  /** Gives `to` a message, from where the other end is if no path is given. */
  deliverTo(to: End, message: Bytes, path: IkePath = this.pathTo(to.name)): void {
    if (to === this.gateway && !to.sa && !isMessage(message)) return;
    if (to === this.gateway && !to.sa) to.sa = Ikev1Sa.respond(2, to, parseMessage(message), path, this.now);
    to.sa!.handleInput(message, path, this.now);
    this.drain();
  }

  /** How a message of the other end arrives at `name` in the ordinary way. */
  pathTo(name: Name): IkePath {
    const local = name === 'gateway' ? GATEWAY : CLIENT;
    return { carrier: 'udp', local, remote: name === 'gateway' ? this.#seenFromGateway(CLIENT) : GATEWAY };
  }

  #arrival(from: Name, { carrier, local, remote }: IkePath): IkePath {
    if (from === 'client') return { carrier, local: remote, remote: this.#seenFromGateway(local) };
    // the NAT's mapping is one to one here: what comes back arrives at the port that sent
    return { carrier, local: { ...CLIENT, port: local.port === 4500 ? 4500 : 500 }, remote: local };
  }

  #seenFromGateway(inside: Endpoint): Endpoint {
    return this.#options.nat?.(inside) ?? inside;
  }
}

function isMessage(bytes: Bytes): boolean {
  try {
    parseMessage(bytes);
    return true;
  } catch {
    return false;
  }
}

export function credentialOf(psk: Bytes): Credential {
  return { psk, accepts: () => true, subject: 'subject', known: true };
}

let lastSpi = 0x1000;
export const newSpi = () => ++lastSpi;

export function policyOf(side: Name, overrides: Partial<Ikev1Policy> = {}): Ikev1Policy {
  const policy = {
    side,
    legacy: true,
    natTraversal: true,
    phase1Lifetime: 86_400,
    dpd: undefined,
    natTPort: 4500,
    authentications: [Authentication.XAUTH_INIT_PSK, Authentication.PSK],
    credentials: () => [credentialOf(PSK)],
    certificate: undefined,
    verifier: undefined,
    ownIdentity: () => addressIdentity(GATEWAY.address),
    authorizePhase2: () => ({
      spi: newSpi(),
      modes: [EncapsulationMode.TUNNEL, EncapsulationMode.UDP_TUNNEL],
      lifetime: { seconds: 3600, kilobytes: undefined },
    }),
    lastTraffic: () => 0,
  };
  return { ...policy, ...overrides };
}

const ADDRESS_REPLY: readonly Attribute[] = [{ type: ConfigurationAttribute.INTERNAL_IP4_ADDRESS, value: INNER.bytes }];

/** Makes both ends go on by themselves: login, configuration, and a quick mode that the client begins. */
export function connectByItself(pair: Pair): Pair {
  pair.onEvent = ({ name, sa }, event) => {
    switch (event.type) {
      case 'established':
        if (name === 'gateway') sa!.requestXauth({ asks: 'password', message: undefined }, pair.now);
        break;
      case 'xauth-answered':
        sa!.finishXauth(event.password === 'secret', pair.now);
        break;
      case 'xauth-requested':
        sa!.answerRequest(event.messageId, LOGIN, pair.now);
        break;
      case 'xauth-result':
        if (event.succeeded) sa!.requestConfiguration(ADDRESS_REQUEST, pair.now);
        break;
      case 'configuration-requested':
        sa!.answerRequest(event.messageId, ADDRESS_REPLY, pair.now);
        break;
      case 'configuration-received':
        sa!.beginQuickMode(quickModeIntent(), pair.now);
        break;
    }
  };
  return pair;
}

/** A pair that went all the way: phase 1, login, configuration, quick mode. */
export function connectedPair(options: PairOptions = {}): Pair {
  const pair = connectByItself(new Pair(options)).run();
  for (const end of [pair.client, pair.gateway]) end.last('esp-established');
  return pair;
}

/** A pair whose phase 1 is done. */
export function establishedPair(options: PairOptions = {}): Pair {
  const pair = new Pair(options).run();
  for (const end of [pair.client, pair.gateway]) end.last('established');
  return pair;
}

export function quickModeIntent(overrides: Partial<QuickModeIntent> = {}): QuickModeIntent {
  return {
    spi: newSpi(),
    suites: [{ esp: { cipher: 'aes-gcm', keyBits: 128 }, group: undefined, mode: EncapsulationMode.TUNNEL }],
    local: hostSelector(INNER),
    remote: { prefix: parsePrefix('0.0.0.0/0')!, protocol: 0, port: 0 },
    lifetime: { seconds: 3600, kilobytes: undefined },
    ...overrides,
  };
}

/** Runs a whole quick mode that `name` begins; gives each end's pair. */
export function quickMode(pair: Pair, name: Name, overrides: Partial<QuickModeIntent> = {}): Record<Name, EspPair> {
  pair.end(name).sa!.beginQuickMode(quickModeIntent(overrides), pair.now);
  pair.drain();
  pair.run();
  return { client: pair.client.last('esp-established').pair, gateway: pair.gateway.last('esp-established').pair };
}

/** Whether both ends hold the same keys, crosswise. */
export function keysMatch({ client, gateway }: Record<Name, EspPair>): boolean {
  const same = (a: EspPair['inbound'], b: EspPair['outbound']) =>
    a.spi === b.spi &&
    a.keys.encryption.length > 0 &&
    bytesEqual(a.keys.encryption, b.keys.encryption) &&
    bytesEqual(a.keys.salt, b.keys.salt) &&
    bytesEqual(a.keys.integrity, b.keys.integrity);
  return same(client.inbound, gateway.outbound) && same(client.outbound, gateway.inbound);
}
