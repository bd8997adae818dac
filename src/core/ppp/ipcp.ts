/** What IPCP agrees on, RFC 1332 and 1877: the client takes the address and the servers that it is given, and no others. */
import { type Bytes, bytesEqual, isZero } from '../bytes/bytes.ts';
import { type IpAddress, ipFromBytes } from '../net/address.ts';
import { IpcpOption, type Option } from '../wire/ppp.ts';
import type { Rules } from './negotiation.ts';

/** What the peer gets. */
export interface PppGiven {
  readonly address: IpAddress;
  /** The gateway's own address inside. */
  readonly ownAddress: IpAddress;
  /** The first two of each are told. */
  readonly dns: readonly IpAddress[];
  readonly nbns: readonly IpAddress[];
}

export class IpcpGiver implements Rules {
  readonly #given: PppGiven;
  readonly #values: ReadonlyMap<number, Bytes>;
  #tellsOwnAddress = true;

  constructor(given: PppGiven) {
    const { address, dns, nbns } = given;
    this.#given = given;
    const pairs: [number, IpAddress | undefined][] = [
      [IpcpOption.ADDRESS, address],
      [IpcpOption.PRIMARY_DNS, dns[0]],
      [IpcpOption.SECONDARY_DNS, dns[1]],
      [IpcpOption.PRIMARY_NBNS, nbns[0]],
      [IpcpOption.SECONDARY_NBNS, nbns[1]],
    ];
    this.#values = new Map(pairs.flatMap(([type, value]) => (value ? [[type, value.bytes]] : [])));
  }

  ours(): readonly Option[] {
    return this.#tellsOwnAddress ? [{ type: IpcpOption.ADDRESS, data: this.#given.ownAddress.bytes }] : [];
  }

  /** Our address is ours, whatever the peer would like it to be: the next request says so again. */
  handleNak(): undefined {
    return undefined;
  }

  handleReject(): undefined {
    this.#tellsOwnAddress = false;
    return undefined;
  }

  judge({ type, data }: Option): 'ack' | 'reject' | Bytes {
    const value = this.#values.get(type);
    if (value === undefined || data.length !== value.length) return 'reject';
    return bytesEqual(data, value) ? 'ack' : value;
  }

  /** Without an address of ours it could send nothing. */
  missing(options: readonly Option[]): readonly Option[] {
    if (options.some(({ type }) => type === IpcpOption.ADDRESS)) return [];
    return [{ type: IpcpOption.ADDRESS, data: this.#given.address.bytes }];
  }

  accept(): void {}
}

/** What a client was given: hostile input, though each has the form of an address. */
export interface PppTaken {
  readonly address: IpAddress;
  readonly dns: readonly IpAddress[];
  readonly nbns: readonly IpAddress[];
  /** The gateway's own address inside, if it told one. */
  readonly gateway: IpAddress | undefined;
}

const UNKNOWN = new Uint8Array(4);

/** The end that asks: 0.0.0.0 until the gateway says better (RFC 1332 section 3.3). */
export class IpcpTaker implements Rules {
  readonly #values = new Map<number, Bytes>(
    [
      IpcpOption.ADDRESS,
      IpcpOption.PRIMARY_DNS,
      IpcpOption.PRIMARY_NBNS,
      IpcpOption.SECONDARY_DNS,
      IpcpOption.SECONDARY_NBNS,
    ].map((type) => [type, UNKNOWN]),
  );
  #gateway: Bytes | undefined;

  /** Undefined: no address was given. */
  get taken(): PppTaken | undefined {
    const [address] = this.#known(IpcpOption.ADDRESS);
    if (!address) return undefined;
    return {
      address,
      dns: this.#known(IpcpOption.PRIMARY_DNS, IpcpOption.SECONDARY_DNS),
      nbns: this.#known(IpcpOption.PRIMARY_NBNS, IpcpOption.SECONDARY_NBNS),
      gateway: this.#gateway && ipFromBytes(this.#gateway),
    };
  }

  ours(): readonly Option[] {
    return [...this.#values].map(([type, data]) => ({ type, data }));
  }

  handleNak(options: readonly Option[]): undefined {
    for (const { type, data } of options) {
      if (!this.#values.has(type) || data.length !== UNKNOWN.length) continue;
      if (isZero(data) && type !== IpcpOption.ADDRESS) this.#values.delete(type);
      else this.#values.set(type, data.slice());
    }
  }

  handleReject(options: readonly Option[]): string | undefined {
    for (const { type } of options) this.#values.delete(type);
    return this.#values.has(IpcpOption.ADDRESS) ? undefined : 'it gives no address';
  }

  judge({ type, data }: Option): 'ack' | 'reject' {
    return type === IpcpOption.ADDRESS && data.length === UNKNOWN.length && !isZero(data) ? 'ack' : 'reject';
  }

  missing(): readonly Option[] {
    return [];
  }

  accept(options: readonly Option[]): void {
    this.#gateway = options.find(({ type }) => type === IpcpOption.ADDRESS)?.data.slice();
  }

  #known(...types: readonly number[]): IpAddress[] {
    const values = types.flatMap((type) => this.#values.get(type) ?? []);
    return values.filter((value) => !isZero(value)).map((value) => ipFromBytes(value));
  }
}
