/** What the load generator's process is told and answers, one JSON value a line. */
import type { Account, ClientSettings } from './client.ts';

export interface LoadSettings extends ClientSettings {
  /** Sockets, each of its own port, over 250 addresses. */
  readonly doors: number;
  /** Taken in turn; above one a door, clients behind the same door should have different ones. */
  readonly accounts: readonly Account[];
}

export type Order =
  /** Clients come until there were `count` or the time is up, so many at once; each stays, or leaves when it is in. */
  | { readonly does: 'logins'; count: number; seconds: number; atOnce: number; stay: boolean }
  /** Clients come, roam, renew and die for so long; all of them have gone when it answers. */
  | { readonly does: 'soak'; seconds: number; clients: number }
  | { readonly does: 'ping' }
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
  /** How long the order took. */
  readonly seconds: number;
}
