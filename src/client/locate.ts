/** Where a gateway is, and from which of our addresses it is reached. */
import { lookup } from 'node:dns/promises';
import { type IpAddress, parseIp } from '../core/net/address.ts';
import type { Location } from '../core/session/client/events.ts';
import type { CarrierMemory } from '../host/network/carrier-memory.ts';
import { localAddressFor } from '../host/network/local-address.ts';
import { networkName } from '../host/network/network-name.ts';

/** Never rejects: why there is no way is a sentence. */
export async function locate(
  gateway: string,
  mark: number,
  memory: CarrierMemory,
): Promise<Location | { readonly reason: string }> {
  const addresses = await addressesOf(gateway);
  if ('reason' in addresses) return addresses;
  for (const address of addresses) {
    const local = await localAddressFor({ address, port: 0 }, mark);
    if (!local) continue;
    const network = await networkName();
    const remembered = network === undefined ? undefined : memory.recall(network, gateway);
    return { gateway: address, local, remembered };
  }
  return { reason: `no route leads to ${gateway}: is there a network?` };
}

/** IPv4 first: more firewalls and NATs are known to pass it. */
async function addressesOf(name: string): Promise<IpAddress[] | { readonly reason: string }> {
  const literal = parseIp(name);
  if (literal) return [literal];
  try {
    const found = await lookup(name, { all: true, order: 'ipv4first' });
    return found.flatMap(({ address }) => parseIp(address) ?? []);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    const unknown = code === 'ENOTFOUND' ? 'nobody knows this name' : `the name servers don't answer (${code})`;
    return { reason: `${name}: ${unknown}` };
  }
}
