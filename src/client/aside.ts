/** A client beside those that serve somebody: it dials and carries, and leaves the host's routes and name servers as they are. */
import type { Profile } from '../config/profile/profile.ts';
import { DEFAULT_TUN_MTU } from '../dataplane/index.ts';
import { Client, type ClientParts } from './client.ts';

type AsideParts = Pick<ClientParts, 'options' | 'asker' | 'memory'> &
  Partial<Pick<ClientParts, 'report' | 'keepalive' | 'observe'>>;

/** A device of its own. */
const TUN = 'sp-doctor';

/** As `Client.open`. */
export function openAside({ ports, mtu = DEFAULT_TUN_MTU }: Profile, parts: AsideParts): Promise<Client> {
  const nothing = async () => undefined;
  const report = () => undefined;
  return Client.open({
    ports,
    tun: TUN,
    mtu,
    served: undefined,
    report,
    raise: nothing,
    lower: nothing,
    ...parts,
  });
}
