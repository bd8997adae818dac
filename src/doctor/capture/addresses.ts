/** A capture names few addresses many times: the last seen are kept as the objects that they became. */
import type { Bytes } from '../../core/bytes/bytes.ts';
import { type IpAddress, ipFromBytes } from '../../core/net/address.ts';

/** A power of two. An address has one place, which it shares with others: the last one seen has it. */
export const ADDRESS_PLACES = 4096;

export class Addresses {
  readonly #places = new Array<IpAddress | undefined>(ADDRESS_PLACES).fill(undefined);

  /** The address in the `length` bytes at `at`. */
  read(bytes: Bytes, at: number, length: number): IpAddress {
    const place = placeOf(bytes, at, length);
    const known = this.#places[place];
    if (known !== undefined && isAt(known.bytes, bytes, at, length)) return known;
    const address = ipFromBytes(bytes.subarray(at, at + length));
    this.#places[place] = address;
    return address;
  }
}

function placeOf(bytes: Bytes, at: number, length: number): number {
  let hash = length;
  for (let i = at; i < at + length; i++) hash = (Math.imul(hash, 31) + bytes[i]!) | 0;
  return (hash ^ (hash >>> 12)) & (ADDRESS_PLACES - 1);
}

function isAt(known: Bytes, bytes: Bytes, at: number, length: number): boolean {
  if (known.length !== length) return false;
  for (let i = 0; i < length; i++) if (known[i] !== bytes[at + i]) return false;
  return true;
}
