/** Who holds which inner address, over all pools. */
import { formatPrefix, type IpAddress, type Prefix } from '../net/address.ts';
import { AddressPool } from './pool.ts';
import type { Session } from './session.ts';

export class AddressBook {
  readonly #own: IpAddress;
  readonly #holders = new Map<string, Session>();
  readonly #pools = new Map<string, AddressPool>();
  #reserved = new Set<string>();

  /** @param own the gateway's address inside */
  constructor(own: IpAddress) {
    this.#own = own;
  }

  /** Static addresses, which nobody else is given. */
  reserve(addresses: readonly IpAddress[]): void {
    this.#reserved = new Set(addresses.map((address) => address.text));
  }

  isReserved(address: IpAddress): boolean {
    return this.#reserved.has(address.text);
  }

  holder(address: IpAddress): Session | undefined {
    return this.#holders.get(address.text);
  }

  /** False when another session holds it. */
  hold(address: IpAddress, session: Session): boolean {
    const holder = this.#holders.get(address.text);
    if (!holder) this.#holders.set(address.text, session);
    return !holder || holder === session;
  }

  release(session: Session): void {
    if (session.address && this.holder(session.address) === session) this.#holders.delete(session.address.text);
  }

  /** A free address, if it may be `preferred`; undefined when the pool is full. */
  choose(prefix: Prefix, preferred: IpAddress | undefined): IpAddress | undefined {
    const key = formatPrefix(prefix);
    const pool = this.#pools.get(key) ?? new AddressPool(prefix);
    this.#pools.set(key, pool);
    return pool.choose(preferred, (address) => this.#isTaken(address));
  }

  #isTaken({ text }: IpAddress): boolean {
    return this.#holders.has(text) || this.#reserved.has(text) || text === this.#own.text;
  }
}
