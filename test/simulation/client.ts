/**
 * A remote client as strict and as simple as real ones: phase 1, login, configuration, one tunnel; it renews both phases by
 * their lifetimes, asks a silent gateway whether it lives, and begins anew when it is dead. It trusts nothing but the protocol:
 * that its tunnel carries packets is for the test to see, not for it.
 */
import { bytesEqual } from '../../src/core/bytes/bytes.ts';
import { utf8 } from '../../src/core/bytes/text.ts';
import type { IkePath } from '../../src/core/carrier/ike-path.ts';
import type { CryptoProvider } from '../../src/core/crypto/provider.ts';
import { Timers } from '../../src/core/ike/timers.ts';
import { addressIdentity, keyIdentity } from '../../src/core/ikev1/identity.ts';
import { Ikev1Sa } from '../../src/core/ikev1/sa.ts';
import { hostSelector } from '../../src/core/ikev1/selector.ts';
import type { EspPair, Ikev1Environment, Ikev1Event } from '../../src/core/ikev1/types.ts';
import { type Endpoint, type IpAddress, ipFromBytes, parsePrefix } from '../../src/core/net/address.ts';
import { earliest, type Instant, MINUTE, SECOND } from '../../src/core/net/time.ts';
import {
  type Attribute,
  Authentication,
  ConfigurationAttribute,
  EncapsulationMode,
} from '../../src/core/wire/ikev1.ts';
import type { Seeded } from '../seeded.ts';
import type { Content, Datagram, Network } from './network.ts';

export interface ClientOptions {
  readonly user: string;
  readonly password: string;
  readonly psk: string;
  readonly group: string;
  readonly mode: 'main' | 'aggressive';
  readonly address: IpAddress;
  readonly gateway: IpAddress;
  /** Seconds. */
  readonly phase1Lifetime: number;
  readonly phase2Lifetime: number;
  readonly pfs: boolean;
  /** False: it leaves renewing phase 2 to the gateway, as some do. */
  readonly rekeys: boolean;
  readonly dpd: { readonly idle: number; readonly timeout: number };
}

interface Child {
  readonly pair: EspPair;
  stage: 'prepared' | 'established' | 'replaced';
  expireAt: Instant;
  rekeyAt: Instant;
}

type TimerName = 'connect' | 'give up' | 'probe' | 'children';

const ANYWHERE = { prefix: parsePrefix('0.0.0.0/0')!, protocol: 0, port: 0 };
const PROBE_EVERY = 10 * SECOND;
const LINGER = 30 * SECOND;
const RETRY = 5 * SECOND;
const PATIENCE = MINUTE;

export class Client {
  readonly options: ClientOptions;
  readonly #network: Network;
  readonly #random: Seeded;
  readonly #environment: Ikev1Environment;
  readonly #timers = new Timers<TimerName>();
  readonly #sas = new Set<Ikev1Sa>();
  /** In use: logged in and configured. */
  #current: Ikev1Sa | undefined;
  /** On its way to be. */
  #next: Ikev1Sa | undefined;
  readonly children: Child[] = [];
  address: IpAddress | undefined;
  hostAddress: IpAddress;
  #sequence = 0;
  #saId = 0;
  #lastTraffic: Instant = 0;
  /** When a packet last went through the tunnel and back. */
  lastEcho: Instant = 0;
  lastSent: Instant = 0;
  logins = 0;
  wanted = false;

  constructor(options: ClientOptions, crypto: CryptoProvider, network: Network, random: Seeded) {
    this.options = options;
    this.#network = network;
    this.#random = random;
    this.hostAddress = options.address;
    network.attach(options.address, (datagram, now) => this.#receive(datagram, now));
    const policy = {
      side: 'client' as const,
      legacy: true,
      natTraversal: true,
      phase1Lifetime: options.phase1Lifetime,
      dpd: options.dpd,
      natTPort: 4500,
      authentications: [Authentication.XAUTH_INIT_PSK],
      credentials: () => [],
      certificate: undefined,
      verifier: undefined,
      ownIdentity: () => keyIdentity(options.group),
      authorizePhase2: () => ({
        spi: this.#newSpi(),
        modes: [EncapsulationMode.TUNNEL, EncapsulationMode.UDP_TUNNEL],
        lifetime: this.#lifetime,
      }),
      lastTraffic: () => this.#lastTraffic,
    };
    this.#environment = { crypto, policy };
  }

  /** A packet of its went through and came back within the last moments. */
  isConnected(now: Instant): boolean {
    return this.lastEcho > now - 3 * PROBE_EVERY;
  }

  get sleeps(): boolean {
    return this.pollTimeout() === undefined;
  }

  start(now: Instant): void {
    this.wanted = true;
    this.#timers.set('connect', now);
    this.#timers.set('probe', now + PROBE_EVERY);
  }

  /** Hangs up as it should. */
  stop(now: Instant): void {
    this.wanted = false;
    this.#current?.deleteEsp(this.children.map(({ pair }) => pair.inbound.spi));
    for (const sa of this.#sas) sa.close('the user hangs up');
    this.#drain(now);
    this.crash();
  }

  /** Forgets all without a word. */
  crash(): void {
    this.#sas.clear();
    this.children.length = 0;
    this.#current = undefined;
    this.#next = undefined;
    this.#timers.clearAll();
  }

  /** Appears at another address. With NAT-T it goes on as if nothing had happened; native ESP can't, so it begins anew. */
  moveTo(address: IpAddress, now: Instant): void {
    this.#network.detach(this.hostAddress);
    this.hostAddress = address;
    this.#network.attach(address, (datagram, at) => this.#receive(datagram, at));
    if (this.#current?.path.carrier === 'nat-t' || !this.wanted) return;
    this.crash();
    this.start(now);
  }

  pollTimeout(): Instant | undefined {
    return earliest(this.#timers.next(), ...[...this.#sas].map((sa) => sa.pollTimeout()));
  }

  handleTimeout(now: Instant): void {
    for (const sa of this.#sas) sa.handleTimeout(now);
    this.#drain(now);
    for (let due = this.#timers.takeDue(now); due; due = this.#timers.takeDue(now)) {
      if (due === 'connect') this.#begin(now);
      else if (due === 'give up') this.#giveUp(now);
      else if (due === 'probe') this.#probe(now);
      else this.#tendChildren(now);
      this.#drain(now);
    }
  }

  #begin(now: Instant): void {
    if (!this.wanted || this.#next) return;
    const { mode, psk, group, phase1Lifetime } = this.options;
    const floated = this.#current?.path.carrier === 'nat-t';
    const port = floated ? 4500 : 500;
    const path: IkePath = {
      carrier: floated ? 'nat-t' : 'udp',
      local: { address: this.hostAddress, port },
      remote: { address: this.options.gateway, port },
    };
    const credential = { psk: utf8(psk), accepts: () => true, subject: undefined, known: true };
    const suite = {
      cipher: 'aes-cbc',
      keyBits: 128,
      hash: 'sha1',
      group: 14,
      authentication: Authentication.XAUTH_INIT_PSK,
    } as const;
    const identity = mode === 'aggressive' ? keyIdentity(group) : addressIdentity(this.hostAddress);
    const intent = { suites: [suite], credential, identity, lifetime: phase1Lifetime };
    this.#next = Ikev1Sa.initiate(++this.#saId, this.#environment, mode, intent, path, now);
    this.#sas.add(this.#next);
    this.#timers.set('give up', now + PATIENCE);
  }

  #giveUp(now: Instant): void {
    this.#next?.close('it takes too long');
    if (this.#next) this.#sas.delete(this.#next);
    this.#next = undefined;
    if (this.wanted) this.#timers.set('connect', now + RETRY + this.#random.below(RETRY));
  }

  #drain(now: Instant): void {
    for (const sa of this.#sas) {
      for (let event = sa.pollEvent(); event; event = sa.pollEvent()) this.#apply(sa, event, now);
      for (let transmit = sa.pollTransmit(); transmit; transmit = sa.pollTransmit()) {
        const { path, message } = transmit;
        const from = { address: this.hostAddress, port: path.local.port };
        this.#network.send({ from, to: path.remote, content: { kind: 'ike', bytes: message } }, now);
      }
      if (sa.ended) this.#sas.delete(sa);
    }
  }

  #apply(sa: Ikev1Sa, event: Ikev1Event, now: Instant): void {
    switch (event.type) {
      case 'xauth-requested':
        return sa.answerRequest(event.messageId, this.#login(), now);
      case 'xauth-result':
        if (event.succeeded) return sa.requestConfiguration(this.#wishes(), now);
        return this.#giveUp(now);
      case 'configuration-received':
        return this.#configure(sa, event.attributes, now);
      case 'esp-prepared':
        this.children.push({
          pair: event.pair,
          stage: 'prepared',
          expireAt: now + event.pair.lifetime.seconds * SECOND,
          rekeyAt: Number.POSITIVE_INFINITY,
        });
        return this.#setChildTimer();
      case 'esp-established':
        return this.#establish(event.pair, now);
      case 'esp-abandoned':
        this.#forget(({ pair }) => pair.inbound.spi === event.inboundSpi);
        return this.#retryTunnel(now);
      case 'esp-deleted':
        this.#forget(({ pair }) => event.spis.includes(pair.outbound.spi));
        return this.#retryTunnel(now);
      case 'rekey-due':
        if (sa === this.#current) this.#begin(now);
        return;
      case 'ended':
        return this.#ended(sa, now);
    }
  }

  #ended(sa: Ikev1Sa, now: Instant): void {
    this.#sas.delete(sa);
    if (sa === this.#next) this.#giveUp(now);
    if (sa !== this.#current) return;
    this.#current = undefined;
    this.children.length = 0;
    if (this.wanted && !this.#next) this.#timers.set('connect', now + RETRY);
  }

  #login(): Attribute[] {
    this.logins++;
    return [
      { type: ConfigurationAttribute.XAUTH_USER_NAME, value: utf8(this.options.user) },
      { type: ConfigurationAttribute.XAUTH_USER_PASSWORD, value: utf8(this.options.password) },
    ];
  }

  /** While a tunnel is up, its address is what a renewal wants to keep. */
  #wishes(): Attribute[] {
    const value = this.#current && this.address ? this.address.bytes : new Uint8Array(0);
    return [{ type: ConfigurationAttribute.INTERNAL_IP4_ADDRESS, value }];
  }

  #configure(sa: Ikev1Sa, attributes: readonly Attribute[], now: Instant): void {
    const value = attributes.find(({ type }) => type === ConfigurationAttribute.INTERNAL_IP4_ADDRESS)?.value;
    if (sa !== this.#next || typeof value !== 'object' || value.length !== 4) return;
    const address = ipFromBytes(value);
    if (this.address && address.text !== this.address.text) this.children.length = 0;
    this.address = address;
    const old = this.#current;
    this.#current = sa;
    this.#next = undefined;
    this.#timers.clear('give up');
    old?.close('renewed');
    if (!this.children.some(({ stage }) => stage === 'established')) this.#beginTunnel(now);
  }

  #beginTunnel(now: Instant): void {
    const sa = this.#current;
    if (!sa || !this.address) return;
    const mode = sa.path.carrier === 'nat-t' ? EncapsulationMode.UDP_TUNNEL : EncapsulationMode.TUNNEL;
    const suite = { esp: { cipher: 'aes-gcm', keyBits: 128 }, group: this.options.pfs ? 14 : undefined, mode } as const;
    const local = hostSelector(this.address);
    sa.beginQuickMode({ spi: this.#newSpi(), suites: [suite], local, remote: ANYWHERE, lifetime: this.#lifetime }, now);
  }

  #establish(pair: EspPair, now: Instant): void {
    const child = this.children.find((one) => one.pair.inbound.spi === pair.inbound.spi);
    if (!child) return;
    for (const old of this.children.filter(({ stage }) => stage === 'established')) {
      old.stage = 'replaced';
      old.rekeyAt = Number.POSITIVE_INFINITY;
      old.expireAt = Math.min(old.expireAt, now + LINGER);
    }
    child.stage = 'established';
    if (this.options.rekeys) child.rekeyAt = now + pair.lifetime.seconds * SECOND * 0.8;
    this.#setChildTimer();
  }

  #tendChildren(now: Instant): void {
    for (const child of this.children.filter(({ expireAt }) => expireAt <= now)) {
      this.#forget((one) => one === child);
      this.#current?.deleteEsp([child.pair.inbound.spi]);
      if (child.stage === 'established') this.#retryTunnel(now);
    }
    for (const child of this.children.filter(({ rekeyAt }) => rekeyAt <= now)) {
      child.rekeyAt = now + 60 * SECOND;
      this.#beginTunnel(now);
    }
    this.#setChildTimer();
  }

  /** Without any tunnel another is begun at once. */
  #retryTunnel(now: Instant): void {
    if (this.children.some(({ stage }) => stage === 'established')) return;
    this.#beginTunnel(now);
  }

  #forget(which: (child: Child) => boolean): void {
    for (const child of this.children.filter(which)) this.children.splice(this.children.indexOf(child), 1);
    this.#setChildTimer();
  }

  #setChildTimer(): void {
    const at = earliest(...this.children.map(({ expireAt, rekeyAt }) => Math.min(expireAt, rekeyAt)));
    if (at === undefined) this.#timers.clear('children');
    else this.#timers.set('children', at);
  }

  #probe(now: Instant): void {
    this.#timers.set('probe', now + PROBE_EVERY);
    const child = this.children.findLast(({ stage }) => stage === 'established');
    const path = this.#current?.path;
    if (!child || !path) return;
    this.lastSent = now;
    const { spi, keys } = child.pair.outbound;
    const content: Content = { kind: 'esp', spi, key: keys.encryption, sequence: ++this.#sequence };
    // without NAT-T, ESP has no port
    const port = child.pair.suite.mode === EncapsulationMode.UDP_TUNNEL ? 4500 : 0;
    const from: Endpoint = { address: this.hostAddress, port };
    this.#network.send({ from, to: { ...path.remote, port }, content }, now);
  }

  #receive({ from, to, content }: Datagram, now: Instant): void {
    if (content.kind === 'esp') return this.#receiveEsp(content, now);
    if (content.kind !== 'ike') return;
    const path: IkePath = { carrier: to.port === 4500 ? 'nat-t' : 'udp', local: to, remote: from };
    const cookie = content.bytes.subarray(0, 8);
    for (const sa of [...this.#sas]) {
      if (!bytesEqual(sa.initiatorCookie, cookie)) continue;
      sa.handleInput(content.bytes, path, now);
    }
    this.#drain(now);
  }

  #receiveEsp({ spi, key }: Extract<Content, { kind: 'esp' }>, now: Instant): void {
    const child = this.children.find(({ pair }) => pair.inbound.spi === spi);
    if (!child || !bytesEqual(child.pair.inbound.keys.encryption, key)) return;
    this.#lastTraffic = now;
    this.lastEcho = now;
  }

  get #lifetime() {
    return { seconds: this.options.phase2Lifetime, kilobytes: undefined };
  }

  #newSpi(): number {
    return 256 + this.#random.below(0xffff_0000);
  }
}
