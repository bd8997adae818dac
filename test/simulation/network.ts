/**
 * A network in virtual time: hosts by address, datagrams that take a while, get lost, come twice or out of order, and NATs
 * that behave as RFC 4787 describes: endpoint-independent mapping, address-dependent filtering, mappings that time out.
 */
import type { Bytes } from '../../src/core/bytes/bytes.ts';
import { type Endpoint, formatEndpoint, type IpAddress, ipFromBytes } from '../../src/core/net/address.ts';
import { type Instant, MINUTE } from '../../src/core/net/time.ts';
import type { Seeded } from '../seeded.ts';

/** IKE as bytes, or an ESP packet as a value: who can read it is decided by its key. */
export type Content =
  | { readonly kind: 'ike'; readonly bytes: Bytes }
  | {
      readonly kind: 'esp';
      readonly spi: number;
      readonly key: Bytes;
      readonly sequence: number;
      /** What transport mode carries, if it is no packet of the call. */
      readonly l2tp?: Bytes;
    }
  /** Of a cTCP flow. */
  | { readonly kind: 'syn' | 'syn-ack' | 'rst' };

export interface Datagram {
  readonly from: Endpoint;
  readonly to: Endpoint;
  readonly content: Content;
  /** It goes over TCP, in a flow of Cisco's. */
  readonly tcp?: boolean;
}

export interface Weather {
  /** Milliseconds one way, least and most: their difference is what reorders. */
  latency: readonly [number, number];
  /** Shares of all datagrams. */
  loss: number;
  duplicate: number;
  /** IKE messages that are longer don't arrive. */
  mtu: number;
}

export const FAIR: Weather = { latency: [5, 30], loss: 0, duplicate: 0, mtu: 1500 };

type Receive = (datagram: Datagram, now: Instant) => void;

export class Network {
  readonly #random: Seeded;
  readonly #hosts = new Map<string, Receive>();
  readonly #nats: Nat[] = [];
  #underWay: { readonly at: Instant; readonly order: number; readonly datagram: Datagram }[] = [];
  #sent = 0;
  weather: Weather = FAIR;
  /** What a firewall somewhere on the way lets through, as sent by a host. */
  passes: (datagram: Datagram) => boolean = () => true;

  constructor(random: Seeded) {
    this.#random = random;
  }

  attach(address: IpAddress, receive: Receive): void {
    this.#hosts.set(address.text, receive);
  }

  detach(address: IpAddress): void {
    this.#hosts.delete(address.text);
  }

  add(nat: Nat): Nat {
    this.#nats.push(nat);
    return nat;
  }

  send(datagram: Datagram, now: Instant): void {
    const { weather } = this;
    if (!this.passes(datagram)) return;
    const outward = this.#translate(datagram, now);
    if (!outward || this.#random.chance(weather.loss)) return;
    if (datagram.content.kind === 'ike' && datagram.content.bytes.length + 28 > weather.mtu) return;
    this.#put(outward, now);
    if (this.#random.chance(weather.duplicate)) this.#put(outward, now);
  }

  nextArrival(): Instant | undefined {
    return this.#underWay[0]?.at;
  }

  /** Hands over what has arrived by now. */
  deliver(now: Instant): void {
    for (let first = this.#underWay[0]; first && first.at <= now; first = this.#underWay[0]) {
      this.#underWay.shift();
      this.#arrive(first.datagram, now);
    }
  }

  #translate(datagram: Datagram, now: Instant): Datagram | undefined {
    const nat = this.#nats.find((one) => one.isInside(datagram.from.address));
    if (!nat) return datagram;
    const from = nat.outward(datagram.from, datagram.to, now);
    return from && { ...datagram, from };
  }

  #arrive(datagram: Datagram, now: Instant): void {
    const nat = this.#nats.find((one) => one.publicAddress.text === datagram.to.address.text);
    const to = nat ? nat.inward(datagram.to, datagram.from, now) : datagram.to;
    if (to) this.#hosts.get(to.address.text)?.({ ...datagram, to }, now);
  }

  #put(datagram: Datagram, now: Instant): void {
    const [least, most] = this.weather.latency;
    const at = now + least + this.#random.below(most - least + 1);
    const entry = { at, order: this.#sent++, datagram };
    const behind = this.#underWay.findIndex((one) => one.at > at);
    if (behind < 0) this.#underWay.push(entry);
    else this.#underWay.splice(behind, 0, entry);
  }
}

/** RFC 4787 section 4.3 asks for two minutes at least. */
const MAPPING_TIMEOUT = 2 * MINUTE;

interface Mapping {
  readonly inside: Endpoint;
  readonly port: number;
  /** Addresses that were sent to. */
  readonly known: Set<string>;
  used: Instant;
}

export class Nat {
  readonly #random: Seeded;
  readonly #insideNet: readonly [number, number, number];
  publicAddress: IpAddress;
  #mappings: Mapping[] = [];

  /** @param insideNet first three bytes of the addresses behind it */
  constructor(random: Seeded, insideNet: readonly [number, number, number], publicAddress: IpAddress) {
    this.#random = random;
    this.#insideNet = insideNet;
    this.publicAddress = publicAddress;
  }

  isInside({ bytes }: IpAddress): boolean {
    return this.#insideNet.every((byte, i) => byte === bytes[i]);
  }

  insideAddress(host: number): IpAddress {
    return ipFromBytes(Uint8Array.of(...this.#insideNet, host));
  }

  /** Forgets what it knew, as a restarted router does; with another address when the line came up anew. */
  restart(publicAddress: IpAddress = this.publicAddress): void {
    this.#mappings = [];
    this.publicAddress = publicAddress;
  }

  /** Undefined: raw ESP does not go through. */
  outward(inside: Endpoint, to: Endpoint, now: Instant): Endpoint | undefined {
    if (inside.port === 0) return undefined;
    this.#expire(now);
    const key = formatEndpoint(inside);
    let mapping = this.#mappings.find((one) => formatEndpoint(one.inside) === key);
    if (!mapping) {
      mapping = { inside, port: this.#freePort(), known: new Set(), used: now };
      this.#mappings.push(mapping);
    }
    mapping.used = now;
    mapping.known.add(to.address.text);
    return { address: this.publicAddress, port: mapping.port };
  }

  inward(outside: Endpoint, from: Endpoint, now: Instant): Endpoint | undefined {
    this.#expire(now);
    const mapping = this.#mappings.find((one) => one.port === outside.port);
    return mapping?.known.has(from.address.text) ? mapping.inside : undefined;
  }

  #expire(now: Instant): void {
    this.#mappings = this.#mappings.filter((one) => one.used + MAPPING_TIMEOUT > now);
  }

  #freePort(): number {
    for (;;) {
      const port = 1024 + this.#random.below(64_512);
      if (!this.#mappings.some((one) => one.port === port)) return port;
    }
  }
}
