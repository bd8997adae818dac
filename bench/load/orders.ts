/** What the load generator's process is told and answers, one JSON value a line. */
import type { Account, ClientSettings } from './clients.ts';

export interface LoadSettings extends ClientSettings {
  /** So many sockets, each of its own port, over 250 addresses; or one address, and for each client a port of its own. */
  readonly exits: { readonly doors: number } | { readonly nat: string };
  /** Taken in turn; above one a door, clients behind the same door should have different ones. */
  readonly accounts: readonly Account[];
}

export type Order =
  /** Clients come until there were `count` or the time is up, so many at once; each stays, or leaves when it is in. */
  | { readonly does: 'logins'; count: number; seconds: number; atOnce: number; stay: boolean }
  /** Clients come, roam, renew and die for so long; all of them have gone when it answers. */
  | { readonly does: 'soak'; seconds: number; clients: number }
  /** All who stay ping the LAN until it answers, or not in so many rounds; default 5. */
  | { readonly does: 'traffic'; rounds?: number }
  /** Everybody renews one phase. */
  | { readonly does: 'rekey'; phase: 1 | 2 }
  | { readonly does: 'count' }
  | { readonly does: 'leave' };

export interface Answer {
  /** Clients in. */
  readonly up: number;
  readonly logins: number;
  readonly failed: Readonly<Record<string, number>>;
  readonly rekeys: number;
  readonly roamed: number;
  readonly died: number;
  readonly echoes: number;
  /** Clients whom the LAN answered, when that was ordered. */
  readonly answered: number;
  /** How long the order took. */
  readonly seconds: number;
}
