/** The control API: what one may ask a running gateway on its local socket, and what it answers. */

/** A session as `sallyport sessions` shows it. JSON throughout: null is "not known yet". */
export interface SessionRow {
  readonly id: number;
  /** Null: a peer without a user. */
  readonly user: string | null;
  /** Null: the client named none. */
  readonly group: string | null;
  /** The identity that phase 1 proved. */
  readonly peer: string;
  /** Where the peer is reached, "192.0.2.7:4500". */
  readonly remote: string;
  /** How ESP travels: "nat-t", "cisco-udp", "cisco-tcp", "esp"; before phase 2 how IKE does. */
  readonly carrier: string;
  /** What is inside of ESP: "ipsec", tunnel mode's packets; "l2tp". */
  readonly protocol: 'ipsec' | 'l2tp';
  /** The inner address. */
  readonly address: string | null;
  /** For example "aes256-sha256-modp2048". */
  readonly phase1: string;
  /** For example "aes256-sha1"; null before phase 2. */
  readonly esp: string | null;
  /** ISO 8601. */
  readonly since: string;
  readonly lastSeen: string | null;
  readonly packetsIn: number;
  readonly bytesIn: number;
  readonly packetsOut: number;
  readonly bytesOut: number;
  /** Whether its keys are being written for Wireshark. */
  readonly keylog: boolean;
}

export interface UserRow {
  readonly name: string;
  readonly address: string | null;
  /** Whether a passcode is asked for after the password. */
  readonly totp: boolean;
  /** Whether MS-CHAPv2 may be used, for which an NT hash of the password is kept. */
  readonly l2tp: boolean;
  /** Whether CHAP with MD5 may be used, for which the password itself is kept. */
  readonly chapMd5: boolean;
  /** ISO 8601. */
  readonly created: string;
}

/** Somebody who wasn't let in. */
export interface FailureReport {
  /** ISO 8601. */
  readonly at: string;
  readonly user: string | null;
  readonly group: string | null;
  readonly remote: string;
  readonly reason: string;
}

/** A session that is over, or goes on: `ended` and `reason` are null then. */
export interface HistoryReport {
  readonly user: string | null;
  readonly group: string | null;
  readonly remote: string;
  readonly address: string | null;
  /** ISO 8601. */
  readonly started: string;
  readonly ended: string | null;
  readonly bytesIn: number;
  readonly bytesOut: number;
  readonly reason: string | null;
}

/** What came of a changed configuration that was taken. */
export interface ReloadReport {
  /** Keys whose change waits for a restart. */
  readonly needsRestart: readonly string[];
  readonly warnings: readonly string[];
}

export interface StatusReport {
  readonly pid: number;
  readonly version: string;
  /** ISO 8601. */
  readonly since: string;
  readonly sessions: number;
  /** Packets that came to UDP 1701 outside of IPsec and were dropped; null: another program has the port. */
  readonly clearL2tp: number | null;
}

export type ControlRequest =
  | { readonly verb: 'status' | 'sessions' | 'failures' | 'history' | 'metrics' | 'user-list' | 'stop' }
  /** `files`: the configuration as root packed it, for a gateway that may not read it; a name in its state folder. */
  | { readonly verb: 'reload'; readonly files: string | null }
  | { readonly verb: 'kick'; readonly id: number }
  /** Whether `user-add` would do, or `user-passwd`: before the password is asked for. */
  | { readonly verb: 'user-check'; readonly name: string; readonly isNew: boolean; readonly address: string | null }
  | {
      readonly verb: 'user-add';
      readonly name: string;
      readonly password: string;
      readonly address: string | null;
      readonly l2tp: boolean;
      readonly chapMd5: boolean;
    }
  /** `l2tp`, `chapMd5`: whether that may be used from now on; null: as before. */
  | {
      readonly verb: 'user-passwd';
      readonly name: string;
      readonly password: string;
      readonly l2tp: boolean | null;
      readonly chapMd5: boolean | null;
    }
  | { readonly verb: 'user-totp'; readonly name: string; readonly on: boolean }
  | { readonly verb: 'user-remove'; readonly name: string };

export type Verb = ControlRequest['verb'];
export type RequestOf<V extends Verb> = ControlRequest & { readonly verb: V };

export interface ControlResults {
  readonly status: StatusReport;
  readonly sessions: readonly SessionRow[];
  /** The latest first. */
  readonly failures: readonly FailureReport[];
  readonly history: readonly HistoryReport[];
  /** Prometheus' text format. */
  readonly metrics: string;
  readonly reload: ReloadReport;
  readonly kick: null;
  readonly stop: null;
  readonly 'user-check': null;
  readonly 'user-add': null;
  readonly 'user-passwd': null;
  /** The otpauth URI of a new secret; null: turned off. */
  readonly 'user-totp': string | null;
  readonly 'user-remove': null;
  readonly 'user-list': readonly UserRow[];
}

/** One function a verb. What it throws with a `code` goes to the caller as it is. */
export type ControlHandlers = {
  readonly [V in Verb]: (request: RequestOf<V>) => ControlResults[V] | Promise<ControlResults[V]>;
};
