/** What the client wants of the host's network while its tunnel is up. */
import type { IpAddress, Prefix } from '../../core/net/address.ts';

export interface NetworkPlan {
  /** The TUN interface: there already, made without an address by this process, and gone with it. */
  readonly tun: string;
  /** Our inner address, IPv4. */
  readonly address: IpAddress;
  readonly mtu: number;
  /**
   * 'all': the full tunnel. The tunnel carries IPv4: in a full tunnel IPv6 is unreachable, and so is an IPv6 prefix in
   * the list.
   */
  readonly routes: readonly Prefix[] | 'all';
  /** Private addresses that the host's own routes lead to stay outside, also where a tunnel's route covers them. */
  readonly localLan: boolean;
  readonly dns: DnsPlan | undefined;
  /** 'block': what belongs into the tunnel stays unreachable when the tunnel is lost, also when the client was killed. */
  readonly onLoss: 'block' | 'open';
  /** Whom the tunnel leads to: dialled at this address after a kill, since what blocks then may block name servers too. */
  readonly gateway?: Gateway;
  /** The SO_MARK of our own sockets, which keeps them out of the tunnel. Not 0. */
  readonly mark: number;
}

export interface Gateway {
  /** As the profile has it. */
  readonly name: string;
  readonly address: IpAddress;
}

/** Checked already: see core/session/client/offered-network.ts for what a gateway says. */
export interface DnsPlan {
  /** At least one. */
  readonly servers: readonly IpAddress[];
  /** The search domain. */
  readonly domain: string | undefined;
  /** Not empty: only names in these domains (and in `domain`) are asked inside. */
  readonly split: readonly string[];
}
