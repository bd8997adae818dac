/** Which of our addresses leads to a gateway, past the tunnel. */
import type { Endpoint, IpAddress } from '../../core/net/address.ts';
import { parseIp } from '../../core/net/address.ts';
import { type Route, readJson } from './ip.ts';

/**
 * Our address towards `remote` outside the tunnel; undefined: there is no way to it now.
 *
 * @param mark the SO_MARK of our own sockets
 */
export async function localAddressFor(remote: Endpoint, mark: number): Promise<IpAddress | undefined> {
  const { text, bytes } = remote.address;
  const [route] = await readJson<Route>([bytes.length === 4 ? '-4' : '-6', 'route', 'get', text, 'mark', String(mark)]);
  return route?.prefsrc === undefined ? undefined : parseIp(route.prefsrc);
}
