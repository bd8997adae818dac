/**
 * A gateway under attack in simulated time: an honest client is connected, an attacker sends what it likes from where it
 * likes, and in the end the honest client must not have noticed.
 */
import assert from 'node:assert/strict';
import type { Bytes } from '../../src/core/bytes/bytes.ts';
import type { IkePath } from '../../src/core/carrier/ike-path.ts';
import type { CryptoProvider } from '../../src/core/crypto/provider.ts';
import type { EspSa } from '../../src/core/esp/sa.ts';
import type { Transmit } from '../../src/core/ikev1/types.ts';
import { type Endpoint, formatEndpoint, parseIp, parsePrefix } from '../../src/core/net/address.ts';
import { earliest, type Instant, MINUTE, SECOND } from '../../src/core/net/time.ts';
import type { GatewayEvent } from '../../src/core/session/events.ts';
import { type GatewayOptions, GatewayState } from '../../src/core/session/gateway-state.ts';
import type { GroupPolicy } from '../../src/core/session/policy.ts';
import {
  type ConfigurationPayload,
  encodeConfiguration,
  encodeFragment,
  encodeSa,
  numericAttribute,
  Phase1Attribute,
  type Transform,
} from '../../src/core/wire/ikev1.ts';
import {
  ExchangeType,
  encodeMessage,
  encodePayloads,
  firstPayload,
  IKEV1_VERSION,
  type IsakmpHeader,
  type Payload,
  PayloadType,
} from '../../src/core/wire/isakmp.ts';
import { Seeded } from '../seeded.ts';
import { seededCrypto } from '../seeded-crypto.ts';
import { GATEWAY, GROUP, Peer, type PeerOptions, PSK } from './peer.ts';

const HONEST: Endpoint = { address: parseIp('198.51.100.10')!, port: 500 };
export const ATTACKER: Endpoint = { address: parseIp('192.0.2.66')!, port: 666 };
const PASSWORD = 'secret';

export type Work = 'generateDh' | 'sharedSecret' | 'hmac' | 'hash' | 'cbc';

export interface SiegeOptions {
  readonly dh?: 'cheap' | 'true';
  readonly legacy?: boolean;
  readonly seed?: number;
}

export class Siege {
  readonly random: Seeded;
  readonly gateway: GatewayState;
  /** Calls of the gateway's cryptography. */
  readonly work: Record<Work, number> = { generateDh: 0, sharedSecret: 0, hmac: 0, hash: 0, cbc: 0 };
  /** All random bytes that the gateway drew. */
  readonly drawn: Bytes[] = [];
  readonly events: GatewayEvent[] = [];
  /** What the gateway sent to nobody who is honest. */
  readonly answers: Transmit[] = [];
  readonly #peers = new Map<string, Peer>();
  /** The honest client that each test leaves in peace. */
  readonly honest: Peer;
  readonly #crypto: CryptoProvider;
  now: Instant = 1_000_000;
  /** Events from here on are the attack's. */
  #begin = 0;

  constructor({ dh = 'cheap', legacy = false, seed = 1 }: SiegeOptions = {}) {
    this.random = new Seeded(seed);
    this.#crypto = seededCrypto(this.random, dh);
    this.gateway = new GatewayState(optionsFor(this.#counted(this.#crypto), legacy));
    this.honest = this.addPeer(HONEST).connect();
    this.#begin = this.events.length;
    this.forgetWork();
  }

  addPeer(at: Endpoint, options: PeerOptions = {}): Peer {
    const peer = new Peer(this, at, this.#crypto, options);
    this.#peers.set(formatEndpoint(at), peer);
    return peer;
  }

  forgetWork(): void {
    for (const name of Object.keys(this.work) as Work[]) this.work[name] = 0;
  }

  /** Gives the gateway a datagram; answers reach those they are for at once. */
  send(message: Bytes, from: Endpoint = ATTACKER, carrier: IkePath['carrier'] = 'udp'): void {
    this.gateway.handleDatagram({ carrier, local: GATEWAY, remote: from }, message, this.now);
    this.drain();
  }

  drain(): void {
    for (let event = this.gateway.pollEvent(); event; event = this.gateway.pollEvent()) {
      this.events.push(event);
      if (event.type !== 'authenticate') continue;
      const ok = event.password === PASSWORD;
      const verdict = ok
        ? ({ ok, address: undefined, lastAddress: undefined } as const)
        : ({ ok, reason: 'wrong password' } as const);
      this.gateway.answerLogin(event.requestId, verdict, this.now);
    }
    for (let sent = this.gateway.pollTransmit(); sent; sent = this.gateway.pollTransmit()) {
      const peer = this.#peers.get(formatEndpoint(sent.path.remote));
      if (peer) peer.receive(sent.message);
      else this.answers.push(sent);
    }
  }

  /** Lets time go by, timer for timer. */
  advance(milliseconds: number): void {
    const until = this.now + milliseconds;
    for (let at = this.#next(); at !== undefined && at <= until; at = this.#next()) {
      this.now = Math.max(this.now, at);
      this.gateway.handleTimeout(this.now);
      this.drain();
      for (const peer of this.#peers.values()) peer.handleTimeout();
    }
    this.now = until;
  }

  /** How often the gateway told of that drop since the honest client was connected. */
  dropped(reason: string): number {
    return this.#since().filter((event) => event.type === 'dropped' && event.reason === reason).length;
  }

  /** Every drop with its number. */
  drops(): Record<string, number> {
    const counts: Record<string, number> = {};
    for (const event of this.#since())
      if (event.type === 'dropped') counts[event.reason] = (counts[event.reason] ?? 0) + 1;
    return counts;
  }

  all<Type extends GatewayEvent['type']>(type: Type): Extract<GatewayEvent, { type: Type }>[] {
    return this.#since().filter((event): event is Extract<GatewayEvent, { type: Type }> => event.type === type);
  }

  /** Runs one attack, and checks that it raised the counter of that name and no other. */
  expectDrop(reason: string, what: string, attack: () => void, times = 1): void {
    const before = this.drops();
    attack();
    const after = this.drops();
    assert.deepEqual(after, { ...before, [reason]: (before[reason] ?? 0) + times }, what);
  }

  /**
   * The honest client goes on: nothing of its has ended or moved, its packets' keys are in place, both sides' questions for
   * signs of life are answered, and either side can renew its tunnel.
   */
  checkHonest(): void {
    const { honest } = this;
    const session = honest.sessionId;
    const [view] = this.gateway.sessions().filter(({ id }) => id === session);
    assert.equal(view?.address, honest.address, 'the session is there, with its address');
    const newest = [this.installed(session, 'in'), this.installed(session, 'out')].map((sas) => sas.at(-1)!.spi);
    const touched = this.#since().filter((event) => {
      if (event.type === 'remove-sa') return event.sessionId === session && newest.includes(event.spi);
      return isEndOrMove(event) && event.id === session;
    });
    assert.deepEqual(touched, [], 'nothing of it has ended or moved');
    this.advance(3 * MINUTE);
    assert.ok(!honest.sa.ended, 'the gateway answers its dead peer detection');
    assert.ok(
      this.gateway.sessions().some(({ id }) => id === session),
      'it answers that of the gateway',
    );
    honest.renewTunnel();
    this.gateway.handleRekeyNeeded(session, this.outboundSpi(session), this.now);
    const before = honest.tunnels;
    this.drain();
    assert.equal(honest.tunnels, before + 1, 'the gateway can renew its tunnel');
  }

  outboundSpi(session: number): number {
    return this.installed(session, 'out').at(-1)!.spi;
  }

  installed(session: number, direction: 'in' | 'out'): EspSa[] {
    return this.events.flatMap((event) =>
      event.type === 'install-sa' && event.sa.sessionId === session && event.sa.direction === direction
        ? [event.sa]
        : [],
    );
  }

  #since(): GatewayEvent[] {
    return this.events.slice(this.#begin);
  }

  #next(): Instant | undefined {
    return earliest(this.gateway.pollTimeout(), ...[...this.#peers.values()].map((peer) => peer.pollTimeout()));
  }

  #counted(crypto: CryptoProvider): CryptoProvider {
    const { work, drawn } = this;
    return {
      ...crypto,
      random(length) {
        const bytes = crypto.random(length);
        drawn.push(bytes);
        return bytes;
      },
      hmac(...args) {
        work.hmac++;
        return crypto.hmac(...args);
      },
      hash(...args) {
        work.hash++;
        return crypto.hash(...args);
      },
      cbcDecrypt(...args) {
        work.cbc++;
        return crypto.cbcDecrypt(...args);
      },
      generateDh(group) {
        work.generateDh++;
        const pair = crypto.generateDh(group);
        return {
          publicValue: pair.publicValue,
          sharedSecret(value) {
            work.sharedSecret++;
            return pair.sharedSecret(value);
          },
        };
      },
    };
  }
}

function isEndOrMove(event: GatewayEvent) {
  return event.type === 'session-down' || event.type === 'close-session' || event.type === 'move-path';
}

function optionsFor(crypto: CryptoProvider, legacy: boolean): GatewayOptions {
  const group: GroupPolicy = {
    name: GROUP,
    psk: PSK,
    hybrid: false,
    certificates: false,
    pool: parsePrefix('10.77.0.0/24')!,
    dns: [],
    domain: undefined,
    routes: undefined,
    banner: undefined,
    users: undefined,
    maxSessions: undefined,
    idleTimeout: undefined,
    sessionTimeout: undefined,
  };
  return {
    crypto,
    policy: {
      groups: [group, { ...group, name: undefined }],
      peers: [],
      ciscoUdpPort: undefined,
      ciscoTcpPorts: [],
      natT: true,
      nativeEsp: true,
      legacy,
    },
    natTPort: 4500,
    certificate: undefined,
    identity: undefined,
    verifier: undefined,
    ownAddress: parseIp('10.77.0.1')!,
    phase1Lifetime: 86_400,
    phase2Lifetime: { seconds: 36_000, kilobytes: undefined },
    dpd: { idle: 20 * SECOND, timeout: 60 * SECOND },
    lastTraffic: () => 0,
  };
}

/** A header for whatever an attacker wants to say. */
export function header(fields: Partial<IsakmpHeader> = {}): IsakmpHeader {
  return {
    initiatorCookie: new Uint8Array(8).fill(0xa1),
    responderCookie: new Uint8Array(8),
    nextPayload: PayloadType.NONE,
    version: IKEV1_VERSION,
    exchangeType: ExchangeType.IDENTITY_PROTECTION,
    flags: 0,
    messageId: 0,
    ...fields,
  };
}

/** A message in clear. */
export function clear(payloads: readonly Payload[], fields: Partial<IsakmpHeader> = {}): Bytes {
  return encodeMessage(header({ nextPayload: firstPayload(payloads), ...fields }), encodePayloads(payloads));
}

/** aes128-sha1-modp2048 with XAUTH, and what differs from it: as attributes of a phase 1 transform. */
export function phase1Transform(changed: Record<number, number> = {}): Transform {
  const values = new Map<number, number>([
    [Phase1Attribute.ENCRYPTION, 7],
    [Phase1Attribute.KEY_LENGTH, 128],
    [Phase1Attribute.HASH, 2],
    [Phase1Attribute.GROUP, 14],
    [Phase1Attribute.AUTHENTICATION, 65001],
    [Phase1Attribute.LIFE_TYPE, 1],
    [Phase1Attribute.LIFE_DURATION, 86_400],
  ]);
  for (const [type, value] of Object.entries(changed)) values.set(Number(type), value);
  return { number: 1, id: 1, attributes: [...values].map(([type, value]) => numericAttribute(type, value)) };
}

export function saPayload(transforms: readonly Transform[] = [phase1Transform()]): Payload {
  return encodeSa([{ number: 1, protocol: 1, spi: new Uint8Array(0), transforms }]);
}

/** Cookies of a message that the gateway sent. */
export function cookiesOf(message: Bytes): Pick<IsakmpHeader, 'initiatorCookie' | 'responderCookie'> {
  return { initiatorCookie: message.slice(0, 8), responderCookie: message.slice(8, 16) };
}

export function configuration(type: number, attributes: ConfigurationPayload['attributes']): Payload {
  return encodeConfiguration({ type, identifier: 0, attributes });
}

/** A message that is one fragment of another: number 1 and not the last, if nothing else is said. */
export function fragment(
  fields: Partial<{ id: number; number: number; last: boolean; data: Bytes }> = {},
  changed: Partial<IsakmpHeader> = {},
): Bytes {
  const { id = 1, number = 1, last = false, data = new Uint8Array(100) } = fields;
  return clear([encodeFragment({ id, number, last, data })], changed);
}
