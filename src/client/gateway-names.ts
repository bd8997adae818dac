/**
 * Names of gateways to addresses. While the host's network is the tunnel's its name servers may be too: then they can't be asked
 * once it is lost, and as long as it stands they may know the gateway by an inner address. So the address that served goes
 * first.
 */
import { lookup } from 'node:dns/promises';
import { type IpAddress, parseIp } from '../core/net/address.ts';

export type Lookup = (name: string) => Promise<readonly string[]>;

export class GatewayNames {
  readonly #lookup: Lookup;
  #served: { readonly name: string; readonly address: IpAddress } | undefined;
  #losses = 0;

  /** @param ask what asks the name servers */
  constructor(ask: Lookup = askSystem) {
    this.#lookup = ask;
  }

  /** A tunnel stands to `address`. */
  served(name: string, address: IpAddress): void {
    this.#served = { name, address };
    this.#losses = 0;
  }

  /** The tunnel was lost, or couldn't be had again: every second time the name servers are asked, for a gateway that has moved. */
  lost(): void {
    this.#losses++;
  }

  /** In the order of trial. Never rejects: why there are none is a sentence. */
  async addressesOf(name: string): Promise<readonly IpAddress[] | { readonly reason: string }> {
    const literal = parseIp(name);
    if (literal) return [literal];
    const served = this.#served?.name === name ? [this.#served.address] : undefined;
    if (served && (this.#losses === 0 || this.#losses % 2 === 1)) return served;
    try {
      const found = await this.#lookup(name);
      return found.flatMap((text) => parseIp(text) ?? []);
    } catch (error) {
      if (served) return served;
      const { code } = error as NodeJS.ErrnoException;
      const unknown = code === 'ENOTFOUND' ? 'nobody knows this name' : `the name servers don't answer (${code})`;
      return { reason: `${name}: ${unknown}` };
    }
  }
}

/** IPv4 first: more firewalls and NATs are known to pass it. */
async function askSystem(name: string): Promise<string[]> {
  return (await lookup(name, { all: true, order: 'ipv4first' })).map(({ address }) => address);
}
