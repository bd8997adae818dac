/** All that two addresses had to say to each other: negotiations, ESP, and what was said about them. */
import type { Endpoint, IpAddress } from '../net/address.ts';
import { EspFlow, type EspPacket, type Place } from './esp-flow.ts';
import type { IcmpError } from './icmp-error.ts';
import type { Negotiation } from './negotiation.ts';
import type { TcpKind } from './tcp-streams.ts';
import { TurnTaking } from './turns.ts';

/** An ICMP error, with the packet that brought it and who sent it. */
export interface IcmpSighting extends IcmpError, Place {
  readonly from: IpAddress;
}

/** In place of what ESP packets carry that the capture cut: nobody knows what they said. */
export const CUT_INSIDE = 'cut by the capture';

/** A control message of L2TP, seen outside of ESP or inside with keys. */
export interface L2tpSighting extends Place {
  readonly source: Endpoint;
  readonly destination: Endpoint;
  /** "SCCRQ", "data", inside also "LCP configure-request" ... */
  readonly what: string;
  /** It came in ESP, which a key opened. */
  readonly isInside: boolean;
}

/** A TCP connection on a port that IPsec is carried on. */
export interface TcpFlow {
  readonly client: Endpoint;
  readonly server: Endpoint;
  /** As far as its first segment or its port tells. */
  readonly kind: TcpKind;
  readonly syns: Place[];
  opened: Place | undefined;
  reset: Place | undefined;
  /** Packets of IKE or ESP that it carried. */
  fromClient: number;
  fromServer: number;
}

/** Our own limits, of one pair. */
export const MAX_PAIR_NEGOTIATIONS = 5000;
export const MAX_FLOWS = 1024;
export const MAX_ERRORS = 64;
export const MAX_L2TP = 64;
export const MAX_TCP_FLOWS = 128;
export const MAX_SYNS = 8;
export const MAX_MARKED_PORTS = 64;

export class Conversation {
  /** From 1, in the order of their first packets. */
  readonly number: number;
  /** Who spoke first, and to whom. */
  readonly addresses: readonly [IpAddress, IpAddress];
  readonly negotiations: Negotiation[] = [];
  /** Of ESP, in the order of their first packets, as are those of TCP. */
  readonly flows: EspFlow[] = [];
  readonly tcpFlows: TcpFlow[] = [];
  readonly errors: IcmpSighting[] = [];
  readonly l2tp: L2tpSighting[] = [];
  /** Of the first of `addresses`, then of the other. */
  readonly turns = new TurnTaking();
  /** NAT keepalives by the address that sent them. */
  readonly keepalives = new Map<string, number>();
  /** Ports other than 4500 on which IKE came with the non-ESP marker. */
  readonly markedPorts = new Set<number>();
  /** Datagrams of ESP of which fragments never came; the first of them, and how many. */
  lost: { readonly first: Place; count: number } | undefined;
  /** What was seen and not kept, as the bounds were reached. */
  dropped = 0;

  /** By SPI and direction, in one number. */
  readonly #flows = new Map<number, EspFlow>();
  readonly #tcp = new Map<string, TcpFlow>();

  constructor(number: number, source: IpAddress, destination: IpAddress) {
    this.number = number;
    this.addresses = [source, destination];
  }

  /** Who dials: the initiator of the first negotiation that was seen from its beginning, else who spoke first. */
  get client(): IpAddress {
    const began = this.negotiations.find(({ isWhole }) => isWhole) ?? this.negotiations[0];
    return began?.initiator.address ?? this.tcpFlows[0]?.client.address ?? this.addresses[0];
  }

  get gateway(): IpAddress {
    const { client, addresses } = this;
    return addresses[0].text === client.text ? addresses[1] : addresses[0];
  }

  addNegotiation(negotiation: Negotiation): boolean {
    return this.#keep(this.negotiations, negotiation, MAX_PAIR_NEGOTIATIONS);
  }

  addError(error: IcmpSighting): void {
    this.#keep(this.errors, error, MAX_ERRORS);
  }

  addL2tp(sighting: L2tpSighting): void {
    this.#keep(this.l2tp, sighting, MAX_L2TP);
  }

  addKeepalive(source: IpAddress): void {
    this.keepalives.set(source.text, (this.keepalives.get(source.text) ?? 0) + 1);
  }

  addMarkedPort(port: number): void {
    if (this.markedPorts.size < MAX_MARKED_PORTS) this.markedPorts.add(port);
  }

  addLost(place: Place): void {
    if (this.lost) this.lost.count++;
    else this.lost = { first: place, count: 1 };
  }

  addEsp(packet: EspPacket): void {
    const side = packet.source.text === this.addresses[0].text ? 0 : 1;
    this.turns.see(side, packet);
    const name = 2 * packet.spi + side;
    const flow = this.#flows.get(name) ?? this.#newFlow(name, packet);
    flow?.see(packet);
  }

  #newFlow(name: number, packet: EspPacket): EspFlow | undefined {
    const flow = new EspFlow(packet);
    if (!this.#keep(this.flows, flow, MAX_FLOWS)) return undefined;
    this.#flows.set(name, flow);
    return flow;
  }

  /** The flow between two endpoints, made if need be; undefined: there are too many. */
  tcpFlow(client: Endpoint, server: Endpoint, kind: TcpKind): TcpFlow | undefined {
    const key = `${client.address.text} ${client.port} ${server.port}`;
    const known = this.#tcp.get(key);
    if (known) return known;
    const flow = { client, server, kind, syns: [], opened: undefined, reset: undefined, fromClient: 0, fromServer: 0 };
    if (!this.#keep(this.tcpFlows, flow, MAX_TCP_FLOWS)) return undefined;
    this.#tcp.set(key, flow);
    return flow;
  }

  #keep<T>(list: T[], item: T, most: number): boolean {
    if (list.length >= most) {
      this.dropped++;
      return false;
    }
    list.push(item);
    return true;
  }
}
