/** One of the worker's sockets. */
import type { EspCarrier } from '../core/esp/sa.ts';

/** What arrives on a socket: IKE alone, ESP and IKE behind NAT-T's marker, bare ESP in UDP, IP protocol 50, or cTCP's segments. */
export type SocketRole = 'ike' | EspCarrier;

export interface WorkerSocket {
  readonly fd: number;
  readonly role: SocketRole;
  /** AF_INET or AF_INET6 */
  readonly family: number;
  /** The address that it is bound to. */
  readonly address: string;
  readonly port: number;
  /** Bound to 0.0.0.0 or ::, so that each packet says which of our addresses it came to or leaves from. */
  readonly wildcard: boolean;
  /** UDP GSO works; the worker turns it off where the card can't. */
  gso: boolean;
}
