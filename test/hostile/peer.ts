/** A client of a gateway under attack. An honest one connects and stays; an insider, logged in, says what it likes. */
import assert from 'node:assert/strict';
import { type Bytes, bytesEqual } from '../../src/core/bytes/bytes.ts';
import { utf8 } from '../../src/core/bytes/text.ts';
import type { IkePath } from '../../src/core/carrier/ike-path.ts';
import type { CryptoProvider } from '../../src/core/crypto/provider.ts';
import { type Established, SaContext } from '../../src/core/ikev1/context.ts';
import { sealExchange } from '../../src/core/ikev1/exchange.ts';
import { keyIdentity } from '../../src/core/ikev1/identity.ts';
import { Ikev1Sa } from '../../src/core/ikev1/sa.ts';
import { hostSelector } from '../../src/core/ikev1/selector.ts';
import type { EspPair, Ikev1Environment, Ikev1Event } from '../../src/core/ikev1/types.ts';
import { type Endpoint, type IpAddress, ipFromBytes, parseIp, parsePrefix } from '../../src/core/net/address.ts';
import { type Instant, SECOND } from '../../src/core/net/time.ts';
import { phase2Iv } from '../../src/core/protection/ikev1-cipher.ts';
import { hash1 } from '../../src/core/protection/ikev1-hashes.ts';
import {
  type Attribute,
  Authentication,
  ConfigurationAttribute,
  EncapsulationMode,
  type Identification,
} from '../../src/core/wire/ikev1.ts';
import type { Payload } from '../../src/core/wire/isakmp.ts';
import type { Siege } from './siege.ts';

export const GATEWAY: Endpoint = { address: parseIp('203.0.113.1')!, port: 500 };
export const PSK = utf8('a group secret of some length');
export const GROUP = 'labgroup';

export interface PeerOptions {
  readonly mode?: 'main' | 'aggressive';
  readonly psk?: Bytes;
  readonly identity?: Identification;
  readonly group?: 14 | 19;
  /** The answer to XAUTH; absent: name and password as they should be. */
  readonly login?: readonly Attribute[];
  /** How far it goes by itself. */
  readonly until?: 'phase 1' | 'login' | 'configuration' | 'tunnel';
}

const LOGIN: readonly Attribute[] = [
  { type: ConfigurationAttribute.XAUTH_USER_NAME, value: utf8('ann') },
  { type: ConfigurationAttribute.XAUTH_USER_PASSWORD, value: utf8('secret') },
];
const ANYWHERE = { prefix: parsePrefix('0.0.0.0/0')!, protocol: 0, port: 0 };
const STAGES = ['phase 1', 'login', 'configuration', 'tunnel'] as const;

export class Peer {
  readonly at: Endpoint;
  readonly #siege: Siege;
  readonly #options: PeerOptions;
  readonly crypto: CryptoProvider;
  readonly events: Ikev1Event[] = [];
  /** Datagrams of its own, and what came from the gateway. */
  readonly sent: Bytes[] = [];
  readonly received: Bytes[] = [];
  readonly pairs: EspPair[] = [];
  #inner: IpAddress | undefined;
  #sa: Ikev1Sa | undefined;
  /** False: what comes is only recorded. */
  listens = true;
  /** False for a datagram: it is only recorded. */
  onSend: (message: Bytes) => boolean = () => true;
  #lastSpi = 0x2000;

  constructor(siege: Siege, at: Endpoint, crypto: CryptoProvider, options: PeerOptions = {}) {
    this.#siege = siege;
    this.at = at;
    this.crypto = crypto;
    this.#options = options;
  }

  get sa(): Ikev1Sa {
    assert.ok(this.#sa, 'it has begun');
    return this.#sa;
  }

  get address(): string | undefined {
    return this.#inner?.text;
  }

  get tunnels(): number {
    return this.pairs.length;
  }

  get sessionId(): number {
    const view = this.#siege.gateway.sessions().find(({ who }) => who.remote.includes(this.at.address.text));
    assert.ok(view, 'it has a session');
    return view.id;
  }

  /** Sends the first message, and goes on as far as it is meant to. */
  begin(): this {
    const { mode = 'aggressive', psk = PSK, identity = keyIdentity(GROUP), group = 14 } = this.#options;
    const suite = {
      cipher: 'aes-cbc',
      keyBits: 128,
      hash: 'sha1',
      group,
      authentication: Authentication.XAUTH_INIT_PSK,
    } as const;
    const credential = { psk, accepts: () => true, subject: undefined, known: true };
    const intent = { suites: [suite], credential, identity, lifetime: 86_400 };
    this.#sa = Ikev1Sa.initiate(1, this.#environment(), mode, intent, this.#path, this.#siege.now);
    this.#drain();
    return this;
  }

  /** Begins, and must have got where it wanted. */
  connect(): this {
    this.begin();
    const { until = 'tunnel' } = this.#options;
    const last = { 'phase 1': 'established', login: 'xauth-result', configuration: 'configuration-received' } as const;
    const reached = until === 'tunnel' ? this.pairs.length > 0 : this.events.some(({ type }) => type === last[until]);
    assert.ok(reached, `reached ${until}: ${this.events.map(({ type }) => type).join(', ')}`);
    return this;
  }

  /** A new tunnel under its phase 1, as a client that renews. */
  renewTunnel(): void {
    const before = this.pairs.length;
    const session = this.sessionId;
    this.beginTunnel();
    assert.equal(this.pairs.length, before + 1, 'it can renew its tunnel');
    const { inbound, outbound } = this.pairs.at(-1)!;
    const theirs = this.#siege.installed(session, 'in').at(-1)!;
    assert.equal(theirs.spi, outbound.spi);
    assert.ok(bytesEqual(theirs.keys.encryption, outbound.keys.encryption), 'both hold the same keys');
    assert.equal(this.#siege.installed(session, 'out').at(-1)!.spi, inbound.spi);
  }

  beginTunnel(mode: number = EncapsulationMode.TUNNEL): void {
    const suite = { esp: { cipher: 'aes-gcm', keyBits: 128 }, group: undefined, mode } as const;
    const lifetime = { seconds: 36_000, kilobytes: undefined };
    const local = hostSelector(this.#inner!);
    const intent = { spi: ++this.#lastSpi, suites: [suite], local, remote: ANYWHERE, lifetime };
    this.sa.beginQuickMode(intent, this.#siege.now);
    this.#drain();
  }

  receive(message: Bytes): void {
    this.received.push(message);
    if (!this.#sa || !this.listens) return;
    this.#sa.handleInput(message, this.#path, this.#siege.now);
    this.#drain();
  }

  pollTimeout(): Instant | undefined {
    return this.#sa?.pollTimeout();
  }

  handleTimeout(): void {
    this.#sa?.handleTimeout(this.#siege.now);
    if (this.#sa) this.#drain();
  }

  /** What an insider needs to write messages of its own. */
  get context(): SaContext {
    const { initiatorCookie: initiator, responderCookie: responder } = this.sa;
    const context = new SaContext(0, this.#environment(), 'initiator', { initiator, responder }, this.#path);
    // the event holds all that phase 1 left; its type doesn't say so
    context.established = this.events.find(({ type }) => type === 'established') as unknown as Established;
    return context;
  }

  /** An authentic first message of an exchange, whatever is in it. */
  seal(exchangeType: number, payloads: readonly Payload[], messageId = this.newId()): Bytes {
    const { context, crypto } = this;
    const { keys, phase1Iv } = context.established!;
    const exchange = { messageId, exchangeType, iv: phase2Iv(crypto, keys, phase1Iv, messageId) };
    return sealExchange(context, exchange, payloads, (rest) => hash1(crypto, keys, messageId, rest));
  }

  newId(): number {
    return this.context.newMessageId(() => false);
  }

  send(message: Bytes): void {
    this.sent.push(message);
    if (this.onSend(message)) this.#siege.send(message, this.at);
  }

  #environment(): Ikev1Environment {
    const policy = {
      side: 'client' as const,
      legacy: true,
      natTraversal: false,
      phase1Lifetime: 86_400,
      dpd: { idle: 30 * SECOND, timeout: 60 * SECOND },
      natTPort: 4500,
      authentications: [Authentication.XAUTH_INIT_PSK],
      credentials: () => [],
      certificate: undefined,
      verifier: undefined,
      ownIdentity: () => keyIdentity(GROUP),
      authorizePhase2: () => ({
        spi: ++this.#lastSpi,
        modes: [EncapsulationMode.TUNNEL],
        lifetime: { seconds: 36_000, kilobytes: undefined },
      }),
      lastTraffic: () => 0,
    };
    return { crypto: this.crypto, policy };
  }

  get #path(): IkePath {
    return { carrier: 'udp', local: this.at, remote: GATEWAY };
  }

  #drain(): void {
    for (let event = this.#sa!.pollEvent(); event; event = this.#sa!.pollEvent()) {
      this.events.push(event);
      this.#goOn(event);
    }
    for (let sent = this.#sa!.pollTransmit(); sent; sent = this.#sa!.pollTransmit()) this.send(sent.message);
  }

  #goOn(event: Ikev1Event): void {
    const { now } = this.#siege;
    const wants = (stage: (typeof STAGES)[number]) =>
      STAGES.indexOf(this.#options.until ?? 'tunnel') >= STAGES.indexOf(stage);
    switch (event.type) {
      case 'xauth-requested':
        if (wants('login')) this.sa.answerRequest(event.messageId, this.#options.login ?? LOGIN, now);
        break;
      case 'xauth-result': {
        const attributes = [{ type: ConfigurationAttribute.INTERNAL_IP4_ADDRESS, value: new Uint8Array(0) }];
        if (event.succeeded && wants('configuration')) this.sa.requestConfiguration(attributes, now);
        break;
      }
      case 'configuration-received': {
        const value = event.attributes.find(({ type }) => type === ConfigurationAttribute.INTERNAL_IP4_ADDRESS)?.value;
        if (typeof value === 'object' && value.length === 4) this.#inner = ipFromBytes(value);
        if (wants('tunnel')) this.beginTunnel();
        break;
      }
      case 'esp-established':
        this.pairs.push(event.pair);
        break;
    }
  }
}
