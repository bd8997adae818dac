/** IPv4 prefixes and addresses as 32-bit numbers, for comparing without objects. */
import { readU32 } from '../core/bytes/bytes.ts';
import type { Prefix } from '../core/net/address.ts';

export class Net4 {
  readonly network: number;
  /** As a signed number: what `&` works with. */
  readonly #mask: number;
  readonly length: number;

  constructor(prefix: Prefix) {
    this.network = readU32(prefix.address.bytes) | 0;
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
