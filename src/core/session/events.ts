/** What the gateway's state tells its program: slow questions, orders to the dataplane, and what a person should know. */
import type { Bytes } from '../bytes/bytes.ts';
import type { EspPath, EspSa } from '../esp/sa.ts';
import type { DropReason } from '../ikev1/types.ts';
import type { L2tpDrop } from '../l2tp/tunnel-end.ts';
import type { Endpoint, IpAddress, Prefix } from '../net/address.ts';
import type { PppDrop } from '../ppp/link-end.ts';
import type { ChapProof } from '../ppp/login.ts';
import type { PppCall } from '../wire/l2tp.ts';

/** The answer to an `authenticate` event. Only `ok: true` lets anybody in. */
export type LoginVerdict =
  | {
      readonly ok: true;
      /** The user's static address. */
      readonly address: IpAddress | undefined;
      /** What the user had last in this group. */
      readonly lastAddress: IpAddress | undefined;
      /** What MS-CHAPv2 proves to the client, "S=...". */
      readonly response?: string | undefined;
    }
  /** The password is right, and a second factor is due: what the user then types comes as another `authenticate`. */
  | { readonly ok: 'passcode'; readonly message: string }
  /** `reason` is for the log; the client learns only that the login failed. */
  | { readonly ok: false; readonly reason: string };

/** Who a log line is about; what isn't known yet is undefined. */
export interface Who {
  readonly remote: string;
  readonly identity: string | undefined;
  readonly group: string | undefined;
  readonly user: string | undefined;
}

export type GatewayEvent =
  /** Check the password, then call `answerLogin` with the same id. */
  | {
      readonly type: 'authenticate';
      readonly requestId: number;
      readonly group: string | undefined;
      readonly user: string;
      /** Or the passcode, when the verdict before was `passcode`: `step` says which. */
      readonly password: string;
      readonly step: 'password' | 'passcode';
      readonly source: Endpoint;
    }
  /** The same of an answer to a challenge, which only who has more of the password than its hash can check. */
  | {
      readonly type: 'authenticate-chap';
      readonly requestId: number;
      readonly group: string | undefined;
      readonly user: string;
      readonly proof: ChapProof;
      readonly source: Endpoint;
    }
  /** `inner` is undefined with L2TP: then `bind-call` says it. */
  | { readonly type: 'open-session'; readonly id: number; readonly inner: Prefix | undefined; readonly path: EspPath }
  /** A further call in the L2TP tunnel of session `host`: it shares that one's path and SAs, and closes by itself or with it. */
  | { readonly type: 'join-session'; readonly id: number; readonly host: number }
  | { readonly type: 'bind-call'; readonly id: number; readonly inner: Prefix; readonly call: PppCall }
  | { readonly type: 'unbind-call'; readonly id: number }
  | { readonly type: 'send-l2tp'; readonly id: number; readonly port: number; readonly message: Bytes }
  | { readonly type: 'install-sa'; readonly sa: EspSa; readonly path: EspPath }
  | { readonly type: 'remove-sa'; readonly sessionId: number; readonly direction: 'in' | 'out'; readonly spi: number }
  | { readonly type: 'move-path'; readonly id: number; readonly path: EspPath }
  | { readonly type: 'close-session'; readonly id: number }
  /** The user has an address; remember it for the next time. */
  | { readonly type: 'leased'; readonly group: string | undefined; readonly user: string; readonly address: IpAddress }
  /** Traffic can flow. */
  | {
      readonly type: 'session-up';
      readonly id: number;
      readonly number: number;
      readonly who: Who;
      readonly address: string;
      readonly summary: string;
    }
  | {
      readonly type: 'session-down';
      readonly id: number;
      readonly number: number;
      readonly who: Who;
      readonly reason: string;
    }
  /** A negotiation failed: who, at which step, why and what to change. */
  | { readonly type: 'failure'; readonly who: Who; readonly step: string; readonly reason: string }
  | { readonly type: 'notice'; readonly who: Who; readonly text: string }
  /** For the key log that the administrator may have asked for. */
  | { readonly type: 'phase1-key'; readonly initiatorCookie: Bytes; readonly cipherKey: Bytes }
  | { readonly type: 'legacy-used'; readonly who: Who; readonly what: string }
  | {
      readonly type: 'dropped';
      readonly reason:
        | DropReason
        | L2tpDrop
        | PppDrop
        | 'ike_unknown_cookies'
        | 'ike_half_open_full'
        | 'ike_rate_limit';
    };
