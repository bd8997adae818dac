/** Where a gateway is, and from which of our addresses it is reached. */
import { join } from 'node:path';
import type { Location } from '../core/session/client/events.ts';
import { CarrierMemory } from '../host/network/carrier-memory.ts';
import { clientCacheFolder } from '../host/network/folder.ts';
import { localAddressFor } from '../host/network/local-address.ts';
import { networkName } from '../host/network/network-name.ts';
import type { GatewayNames } from './gateway-names.ts';

/** What worked in which network, as all clients of this host keep it. */
export function openCarrierMemory(): CarrierMemory {
  return new CarrierMemory(join(clientCacheFolder(), 'carriers.json'));
}

/** The first of its addresses that isn't `tried` and that a route leads to. Never rejects: why there is no way is a sentence. */
export async function locate(
  { gateway, tried }: { readonly gateway: string; readonly tried: readonly string[] },
  mark: number,
  memory: CarrierMemory,
  names: GatewayNames,
): Promise<Location | { readonly reason: string }> {
  const addresses = await names.addressesOf(gateway);
  if ('reason' in addresses) return addresses;
  const left = addresses.filter(({ text }) => !tried.includes(text));
  for (const [i, address] of left.entries()) {
    const local = await localAddressFor({ address, port: 0 }, mark);
    if (!local) continue;
    const network = await networkName();
    const remembered = network === undefined ? undefined : memory.recall(network, gateway);
    return { gateway: address, local, remembered, hasMore: i + 1 < left.length };
  }
  return { reason: `no route leads to ${gateway}: is there a network?` };
}
