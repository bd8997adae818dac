/**
 * What a client says while it works: for the status line, for the lines that programs read (`--json`) and for
 * `sallyport status`. JSON throughout, stable, and never a secret. Addresses and networks are text.
 */
import type { BlockedCarrier, TunnelReport } from '../control/client-types.ts';
import type { Carrier } from '../core/openings/openings.ts';
import type { QuestionKind } from './asker.ts';

export type { BlockedCarrier, TunnelReport };

export type ClientReport =
  | { readonly type: 'trying'; readonly carrier: Carrier; readonly gateway: string }
  /** Somebody is being asked; the answer is reported nowhere. */
  | { readonly type: 'question'; readonly kind: QuestionKind; readonly prompt: string }
  /** Also after a reconnect. */
  | ({ readonly type: 'up'; readonly blocked: readonly BlockedCarrier[] } & TunnelReport)
  | {
      readonly type: 'carrier-changed';
      readonly from: Carrier;
      readonly carrier: Carrier;
      readonly gateway: string;
      readonly reason: string;
    }
  /** Phase 1: `suite` is its own, as in `up`. */
  | { readonly type: 'rekeyed'; readonly phase: 1 | 2; readonly suite: string }
  | { readonly type: 'reconnecting'; readonly reason: string; readonly inSeconds: number }
  /** Since the first login; about once a second while something is shown. */
  | {
      readonly type: 'traffic';
      readonly bytesIn: number;
      readonly bytesOut: number;
      readonly packetsIn: number;
      readonly packetsOut: number;
    }
  /** Something to know that changes nothing, for example a route of the gateway's that was not taken. */
  | { readonly type: 'notice'; readonly text: string }
  /** The gateway's words, as they came: hostile until escaped. */
  | { readonly type: 'banner'; readonly text: string }
  /** The last one, when the host's network is put back. */
  | ({ readonly type: 'down' } & ConnectResult);

/**
 * `user`: ended as asked. `refused`: the gateway doesn't take name, password, group or secret. `blocked`: no carrier came
 * through. `gateway`: it ended the session and wants no other. `failed`: all else.
 */
export type Ending = 'user' | 'refused' | 'blocked' | 'gateway' | 'failed';

/** How a `connect` ended. */
export interface ConnectResult {
  readonly ending: Ending;
  /** A sentence for people that says what to do. */
  readonly reason: string;
  /** With `blocked`: every carrier that was tried. */
  readonly blocked: readonly BlockedCarrier[];
}
