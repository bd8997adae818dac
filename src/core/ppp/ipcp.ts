/** What IPCP agrees on, RFC 1332 and 1877: the peer takes the address and the servers that it is given, and no others. */
import { type Bytes, bytesEqual } from '../bytes/bytes.ts';
import type { IpAddress } from '../net/address.ts';
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

export class IpcpRules implements Rules {
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
