/** A gateway as its program has it: what starts one, and what is asked of one that runs. */
import type { GatewayConfig } from '../config/config.ts';
import type { SessionRow } from '../control/gateway-types.ts';
import type { GatewaySettings } from '../core/session/policy.ts';
import type { Logger } from '../host/log.ts';
import type { Store } from '../host/store/store.ts';

export type StartGateway = (
  config: GatewayConfig,
  settings: GatewaySettings,
  store: Store,
  log: Logger,
) => Promise<RunningGateway>;

export interface RunningGateway {
  sessions(): SessionRow[];
  /** Ends the session, with a delete to the peer. False: there is none of this id. */
  kick(id: number): boolean;
  /** Ends all of a user's sessions, also one whose login is still being checked. */
  endUser(user: string): void;
  /** Packets of L2TP outside of IPsec that were dropped; undefined: they come to another program. */
  clearL2tp(): number | undefined;
  /** Prometheus' text format. */
  metrics(): string;
  /** New rules for all that comes; who is on stays on. */
  reload(settings: GatewaySettings): void;
  /** Ends every session, with deletes to the peers, and frees all that was taken. */
  stop(): Promise<void>;
  /** Settles when the gateway can't go on; pending as long as it can. */
  readonly failed: Promise<Error>;
}
