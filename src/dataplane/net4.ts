/** IPv4 prefixes and addresses as 32-bit numbers, for comparing without objects. */
import type { IpAddress, Prefix } from '../core/net/address.ts';

/** The unsigned 32-bit number of an IPv4 address. */
export function ipv4Number(address: IpAddress): number {
  const b = address.bytes;
  return ((b[0]! << 24) | (b[1]! << 16) | (b[2]! << 8) | b[3]!) >>> 0;
}

export class Net4 {
  readonly network: number;
  /** As a signed number: what `&` works with. */
  readonly #mask: number;
  readonly length: number;

  constructor(prefix: Prefix) {
    this.network = ipv4Number(prefix.address) | 0;
    this.#mask = prefix.length === 0 ? 0 : -1 << (32 - prefix.length);
    this.length = prefix.length;
  }

  equals(other: Net4): boolean {
    return this.network === other.network && this.length === other.length;
  }

  contains(address: number): boolean {
    return (address & this.#mask) === this.network;
  }
}
