/** Which openings to a gateway packets crossed at the network devices, in either direction. */
import type { IpAddress } from '../core/net/address.ts';
import type { Opening } from '../core/openings/openings.ts';
import { IpProtocol } from '../core/wire/ip.ts';
import { type Crossing, WireTap } from '../dataplane/wire-tap.ts';

/** Milliseconds. */
const READ_EVERY = 50;

export class Crossings {
  readonly #tap: WireTap;
  readonly #timer: NodeJS.Timeout;
  readonly #seen = new Set<string>();

  constructor(gateway: IpAddress) {
    this.#tap = new WireTap(gateway);
    this.#timer = setInterval(() => this.#read(), READ_EVERY);
  }

  saw(opening: Opening, direction: 'incoming' | 'outgoing'): boolean {
    const crossing = { isOutgoing: direction === 'outgoing', ...wireOf(opening) };
    return this.#seen.has(nameOf(crossing));
  }

  sawAny(opening: Opening): boolean {
    return this.saw(opening, 'incoming') || this.saw(opening, 'outgoing');
  }

  close(): void {
    clearInterval(this.#timer);
    this.#read();
    this.#tap.close();
  }

  #read(): void {
    for (const crossing of this.#tap.read()) this.#seen.add(nameOf(crossing));
  }
}

function nameOf({ isOutgoing, protocol, remotePort }: Crossing): string {
  return `${isOutgoing ? 'to' : 'from'} ${protocol}/${remotePort}`;
}

function wireOf(opening: Opening): Omit<Crossing, 'isOutgoing'> {
  if (opening.kind === 'protocol') return { protocol: opening.number, remotePort: 0 };
  return { protocol: opening.kind === 'tcp' ? IpProtocol.TCP : IpProtocol.UDP, remotePort: opening.port };
}
