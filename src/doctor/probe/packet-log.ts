/** The datagrams of a probe, numbered: what findings point at. */
import type { ProbeNetwork } from './network.ts';

export interface ProbePacket {
  /** From 1. */
  readonly number: number;
  /** Milliseconds since the probe began. */
  readonly at: number;
  readonly direction: 'out' | 'in';
  /** "192.0.2.1 udp/500" */
  readonly peer: string;
  readonly says: string;
}

/** Our own limit: a gateway that sends without end fills no memory. */
export const MAX_PACKETS = 1000;

export class PacketLog {
  readonly #network: Pick<ProbeNetwork, 'now'>;
  readonly #began: number;
  readonly #packets: ProbePacket[] = [];

  constructor(network: Pick<ProbeNetwork, 'now'>) {
    this.#network = network;
    this.#began = network.now();
  }

  /** Its number; when the list is full, that of the last one. */
  add(direction: 'out' | 'in', peer: string, says: string): number {
    const number = this.#packets.length + 1;
    if (number > MAX_PACKETS) return MAX_PACKETS;
    this.#packets.push({ number, at: Math.round(this.#network.now() - this.#began), direction, peer, says });
    return number;
  }

  get packets(): readonly ProbePacket[] {
    return this.#packets;
  }
}
